package load

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/keyword"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// Options says what a configuration is read with. The zero Options reads the
// host's files.
type Options struct {
	// ConfigID is compared with "@ID" conditions; empty is the host's name up
	// to the first dot (keepalived's -i).
	ConfigID string
	// Strict makes every warning an error, as strict_config in the file does.
	Strict bool
	// Compat warns of what keepalived would not understand, for the way back:
	// director's own keywords and lines too long for it. All else that it would
	// not take is a warning anyway.
	Compat bool
	// IncludeChecks reports includes that match nothing (keepalived's -e).
	IncludeChecks bool
	// Limits bounds what a configuration may cost; a zero field has its default.
	Limits syntax.Limits
	// FS is where files are read; nil is the host's file system.
	FS syntax.FS
	// Env looks up ${_ENV NAME}; nil is os.LookupEnv.
	Env func(name string) (string, bool)
	// Names looks up names of routing tables and protocols; nil is HostName.
	Names func(kind, name string) (uint32, bool)
}

// Load reads the configuration at path, which may be a glob pattern for
// several files. It judges the files alone: nothing depends on the interfaces,
// users or programs of this host; only a routing table or protocol that is
// given by a name of one's own must have it here.
//
// The Config is never nil. When a finding is an Error it is good for looking
// at and must not be run. Findings are in the order of the files.
func Load(path string, opts Options) (*conf.Config, []conf.Finding) {
	tree, findings := syntax.Parse(path, opts.syntax())
	return load(path, tree, findings, opts)
}

// LoadText reads a configuration that is not in a file; name stands in its findings.
func LoadText(name, text string, opts Options) (*conf.Config, []conf.Finding) {
	tree, findings := syntax.ParseText(name, text, opts.syntax())
	return load(name, tree, findings, opts)
}

func (o Options) syntax() syntax.Options {
	return syntax.Options{ConfigID: o.ConfigID, IncludeChecks: o.IncludeChecks, Limits: o.Limits, FS: o.FS, Env: o.Env}
}

func load(path string, tree *syntax.Tree, findings []conf.Finding, opts Options) (*conf.Config, []conf.Finding) {
	cfg := &conf.Config{Path: path, ConfigID: tree.ConfigID, Digest: digest(tree), Global: defaultGlobal()}
	l := &loader{keyword.NewLoader(tree, findings, cfg)}
	l.Compat = opts.Compat
	if l.Names = opts.Names; l.Names == nil {
		l.Names = value.HostName
	}
	unreadable := conf.HasErrors(findings)
	for i := range findings {
		findings[i].Line = value.MaskLine(findings[i].Line)
	}
	known := keyword.Root.Read(l.Loader, tree.Nodes, l.Config)
	if !known && len(tree.Nodes) > 0 && !unreadable && !tree.Includes {
		// One thing is wrong, not as many as there are lines.
		l.Findings, l.Dropped = l.Findings[:len(findings):len(findings)], 0
		f := l.Report(conf.Error, tree.Nodes[0].Pos(), tree.Nodes[0].Origin, "no-configuration",
			"this is not a configuration of keepalived or director: none of its words is known")
		f.Hint = "is it the right file?"
	}
	if l.Compat {
		l.compatLines()
	}
	l.finish()
	for _, b := range l.Sources {
		b.Node = nil // the tree is not kept
	}
	l.Config.SetLocator(l.Sources)
	return l.Config, l.ordered(opts.Strict || l.Config.Global.StrictConfig)
}

// loader finishes what the keyword tables have read.
type loader struct{ *keyword.Loader }

// digest identifies what was read, whatever the files are called.
func digest(tree *syntax.Tree) string {
	h := sha256.New()
	piece := make([]byte, 4096) // a hash takes no strings: a large file would be copied as a whole
	write := func(text string) {
		for len(text) > 0 {
			n := copy(piece, text)
			_, _ = h.Write(piece[:n])
			text = text[n:]
		}
	}
	for _, f := range tree.Files {
		write(f.Text)
		_, _ = h.Write([]byte{0})
	}
	write(tree.ConfigID)
	return hex.EncodeToString(h.Sum(nil))
}
