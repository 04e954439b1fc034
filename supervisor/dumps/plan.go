package dumps

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/keepalived/dump"
)

// Kind is a set of dumps.
type Kind uint8

// The dumps.
const (
	Data  Kind = 1 << iota // instances, settings, virtual servers
	Stats                  // counters
	JSON
	ClearStats // Stats, and the counters begin at zero afterwards
	Checks     // settings and virtual servers
)

// Kinds are what signals.Dumps ask for, in their order.
var Kinds = [...]Kind{Data, Stats, JSON, ClearStats, Checks}

// NeedsServers says that a dump has the virtual servers of a configuration.
func (k Kind) NeedsServers(cfg *conf.Config) bool {
	return k&Checks != 0 || k&Data != 0 && len(cfg.VirtualServers) > 0
}

// NeedsCounters says that a dump has counters.
func (k Kind) NeedsCounters() bool { return k&(Stats|JSON|ClearStats) != 0 }

// File is one that is to be written.
type File struct {
	Path string
	Text []byte
}

// The files as keepalived has them unless the configuration says otherwise; the folder is $TMPDIR, if
// it is set.
const (
	folder    = "/tmp"
	dataName  = "keepalived.data"
	statsName = "keepalived.stats"
	jsonName  = "keepalived.json"
)

// Plan are the files of a dump with what is in them; a set that f is of has all that they need.
// Without an instance there is none of VRRP, without a virtual server none of these unless it was asked for.
func Plan(k Kind, f *dump.Facts) (list []File, err error) {
	g := &f.Config.Global
	data := place(g.StateDumpFile, dataName)
	vrrp := len(f.Instances) > 0
	add := func(path string, text []byte) { list = append(list, File{path, text}) }
	if k&Data != 0 && vrrp {
		add(data, dump.Data(f))
	}
	if k&(Data|Checks) != 0 {
		add(beside(data, "_parent"), dump.Parent(f))
	}
	if k.NeedsServers(f.Config) {
		add(beside(data, "_check"), dump.Check(f))
	}
	if k&(Stats|ClearStats) != 0 && vrrp {
		add(place(g.StatsDumpFile, statsName), dump.Stats(f))
	}
	if k&JSON != 0 && vrrp {
		text, err := dump.JSON(f, g.JSONVersion)
		if err != nil {
			return nil, err
		}
		add(place(g.JSONDumpFile, jsonName), text)
	}
	return list, nil
}

// place is where a file is: path unless it is the default one, in path when that is a folder
// ("/run/dumps/"), and in the default folder when it is relative.
func place(path, name string) string {
	base := os.Getenv("TMPDIR")
	if !filepath.IsAbs(base) {
		base = folder
	}
	switch {
	case path == "" || path == filepath.Join(folder, name):
		return filepath.Join(base, name)
	case strings.HasSuffix(path, "/"):
		path = filepath.Join(path, name)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(base, path)
	}
	return filepath.Clean(path)
}

// beside is the file of a part, as keepalived names it: "keepalived_check.data".
func beside(path, part string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + part + ext
}
