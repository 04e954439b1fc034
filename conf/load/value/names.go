package value

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf"
)

// iproute2 are the folders with the names of routing tables and protocols; a
// later one has the say.
var iproute2 = [...]string{"/usr/lib/iproute2", "/usr/share/iproute2", "/etc/iproute2"}

// maxNameFile bounds how much of a file of names is read, in bytes.
const maxNameFile = 1 << 20

var knownTables = map[string]uint32{"default": 253, "main": conf.TableMain, "local": 255}

var knownProtocols = map[string]uint32{
	"redirect": 1, "kernel": 2, "boot": 3, "static": 4, "gated": 8, "ra": 9, "mrt": 10, "zebra": 11, "bird": 12,
	"dnrouted": 13,
	"xorp":     14, "ntk": 15, "dhcp": 16, "keepalived": conf.ProtocolKeepalived, "babel": 42, "bgp": 186, "isis": 187,
	"ospf": 188, "rip": 189, "eigrp": 192,
}

// HostName looks a name up in iproute2's files of this host: kind is rt_tables
// or rt_protos.
func HostName(kind, name string) (uint32, bool) {
	var number uint32
	found := false
	for _, dir := range iproute2 {
		more, _ := filepath.Glob(filepath.Join(dir, kind+".d", "*.conf"))
		slices.Sort(more)
		for _, file := range append([]string{filepath.Join(dir, kind)}, more...) {
			if n, ok := nameIn(file, name); ok {
				number, found = n, true
			}
		}
	}
	return number, found
}

// nameIn looks a name up in a file of lines "NUMBER NAME".
func nameIn(file, name string) (number uint32, found bool) {
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxNameFile {
		return 0, false
	}
	f, err := os.Open(file)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || words[1] != name {
			continue
		}
		if n, err := strconv.ParseUint(words[0], 0, 32); err == nil {
			number, found = uint32(n), true
		}
	}
	return number, found
}

// table reads the number or name of a routing table.
func (e *entry) table(opt string) uint32 {
	return e.named(opt, "rt_tables", "routing table", knownTables, 1<<32-1)
}

// protocol reads the number or name of who has made a route.
func (e *entry) protocol(opt string) uint8 {
	return uint8(e.named(opt, "rt_protos", "protocol", knownProtocols, 255))
}

func (e *entry) named(opt, kind, what string, known map[string]uint32, most uint64) uint32 {
	s, ok := e.value(opt)
	if !ok {
		return 0
	}
	if n, ok := known[s]; ok {
		return n
	}
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		named, found := e.l.Names(kind, s)
		n = uint64(named)
		if !found {
			e.bad("%s %q is neither a number nor a name in /etc/iproute2/%s: the line is ignored", what, Clip(s), kind)
			return 0
		}
	}
	if n == 0 || n > most {
		e.bad("%s %q is outside of 1 to %d: the line is ignored", what, Clip(s), most)
	}
	return uint32(n)
}
