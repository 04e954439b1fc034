package conf

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/netip"
	"strings"
	"time"

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
func Load(path string, opts Options) (*Config, []Finding) {
	tree, findings := syntax.Parse(path, opts.syntax())
	return load(path, tree, findings, opts)
}

// LoadText reads a configuration that is not in a file; name stands in its findings.
func LoadText(name, text string, opts Options) (*Config, []Finding) {
	tree, findings := syntax.ParseText(name, text, opts.syntax())
	return load(name, tree, findings, opts)
}

func (o Options) syntax() syntax.Options {
	return syntax.Options{ConfigID: o.ConfigID, IncludeChecks: o.IncludeChecks, Limits: o.Limits, FS: o.FS, Env: o.Env}
}

// loader turns a tree into a Config. Its maps remember what is only needed
// until the end of the files.
type loader struct {
	tree       *syntax.Tree
	cfg        *Config
	findings   []Finding
	scratch    Finding
	dropped    int
	complaints int // findings that are no notes

	word     string // the keyword being read
	fallback string // what is used when its value is bad, for people
	taken    bool   // the value counts in spite of a complaint

	noted      map[string]bool // keywords without effect that were met
	blocks     []blockSource   // pieces to cut from
	saids      []Source
	compat     bool
	names      func(kind, name string) (uint32, bool)
	delays     []delayLine // interface_up_down_delays
	minGARP    bool
	preference int // of the next rule without one
	oldSync    LVSSync
	syncNode   *syntax.Node // where the sync daemon was said

	instances map[string]*Instance
	groups    map[string]*SyncGroup
	scripts   map[string]*TrackScript
	files     map[string]*TrackFile
	processes map[string]*TrackProcess
	bfds      map[string]*BFDInstance
	vsGroups  map[string]*VirtualServerGroup

	badVRID        map[*Instance]bool
	unicastWord    map[*Instance]*syntax.Node
	authNode       map[*Instance]*syntax.Node
	hmacNode       map[*Instance]*syntax.Node
	addressNodes   map[any][]*syntax.Node // of the addresses of an instance, and of an excludedOf
	interfaceNodes map[interfaceKey]*syntax.Node
	memberNodes    map[memberKey]*syntax.Node
	tracked        map[trackKey]trackRef
	trackedServers map[*syntax.Node]string
	scriptUsers    map[*TrackScript][2]string
	checkerUsers   map[*Checker][2]string
}

func load(path string, tree *syntax.Tree, findings []Finding, opts Options) (*Config, []Finding) {
	l := &loader{
		tree: tree, findings: findings, preference: firstPreference,
		cfg: &Config{Path: path, ConfigID: tree.ConfigID, Digest: digest(tree), Global: defaultGlobal()},

		instances: map[string]*Instance{}, groups: map[string]*SyncGroup{}, scripts: map[string]*TrackScript{},
		files: map[string]*TrackFile{}, processes: map[string]*TrackProcess{}, bfds: map[string]*BFDInstance{},
		vsGroups: map[string]*VirtualServerGroup{},

		badVRID: map[*Instance]bool{}, unicastWord: map[*Instance]*syntax.Node{},
		authNode: map[*Instance]*syntax.Node{}, hmacNode: map[*Instance]*syntax.Node{},
		interfaceNodes: map[interfaceKey]*syntax.Node{}, memberNodes: map[memberKey]*syntax.Node{},
		tracked: map[trackKey]trackRef{}, trackedServers: map[*syntax.Node]string{},
		scriptUsers: map[*TrackScript][2]string{}, checkerUsers: map[*Checker][2]string{},
		addressNodes: map[any][]*syntax.Node{}, noted: map[string]bool{},
	}
	l.compat = opts.Compat
	if l.names = opts.Names; l.names == nil {
		l.names = HostName
	}
	found := &l.cfg.Found
	found.count(tree.Nodes)
	l.cfg.sources = make(sources, 2*(found.Instances+found.VirtualServers+found.RealServers))
	unreadable := HasErrors(findings)
	for i := range findings {
		findings[i].Line = maskLine(findings[i].Line)
	}
	known := rootKeywords.read(l, tree.Nodes, l.cfg)
	if !known && len(tree.Nodes) > 0 && !unreadable {
		// One thing is wrong, not as many as there are lines.
		l.findings, l.dropped = l.findings[:len(findings):len(findings)], 0
		f := l.report(Error, tree.Nodes[0].Pos(), tree.Nodes[0].Origin, "no-configuration", "not a line of this is known: it is no configuration of keepalived or director")
		f.Hint = "is it the right file?"
	}
	if l.compat {
		l.longLines()
	}
	l.finish()
	for _, b := range l.cfg.sources {
		b.node = nil // the tree is not kept
	}
	return l.cfg, l.sortFindings(opts.Strict || l.cfg.Global.StrictConfig)
}

func (f *Found) count(nodes []*syntax.Node) {
	for _, n := range nodes {
		word := n.Keyword.Text
		if trimmed := strings.TrimLeftFunc(word, isOddBlank); trimmed == "" {
			word = n.Arg(0)
		} else {
			word = trimmed
		}
		switch word {
		case "vrrp_instance":
			f.Instances++
		case "virtual_server":
			f.VirtualServers++
		case "real_server":
			f.RealServers++
		}
		f.count(n.Children())
	}
}

// maxKeepalivedLine is the longest line that keepalived reads whole.
const maxKeepalivedLine = 1022

func (l *loader) longLines() {
	for _, f := range l.tree.Files {
		for i, line := range strings.Split(f.Text, "\n") {
			if len(line) > maxKeepalivedLine {
				l.warnAt(syntax.Pos{File: f.Name, Line: int32(i + 1), Col: 1}, nil, "long-line", "line of %d bytes: keepalived would break it after %d", len(line), maxKeepalivedLine)
			}
		}
	}
}

// digest identifies what was read, whatever the files are called.
func digest(tree *syntax.Tree) string {
	h := sha256.New()
	for _, f := range tree.Files {
		_, _ = io.WriteString(h, f.Text)
		_, _ = h.Write([]byte{0})
	}
	_, _ = io.WriteString(h, tree.ConfigID)
	return hex.EncodeToString(h.Sum(nil))
}

// The groups of RFC 9568 sections 5.1.1.2 and 5.1.2.2.
var (
	defaultGroup4 = netip.AddrFrom4([4]byte{224, 0, 0, 18})
	defaultGroup6 = netip.MustParseAddr("ff02::12")
)

func defaultGlobal() Global {
	return Global{
		VRRPVersion:      2,
		MulticastGroup4:  defaultGroup4,
		MulticastGroup6:  defaultGroup6,
		GARP:             GARP{MasterRepeat: 5, MasterDelay: 5 * time.Second, RefreshRepeat: 1, LowerPrioRepeat: 5, LowerPrioDelay: 5 * time.Second},
		GARPForm:         GARPRequest,
		DownTimerAdverts: 3,
		DefaultInterface: "eth0",
		VMACPrefix:       "vrrp",
		VMACAddrPrefix:   "vrrp",
		SMTPPort:         25,
		SMTPTimeout:      30 * time.Second,
		StartupScript:    Script{Timeout: 10 * time.Second},
		ShutdownScript:   Script{Timeout: 10 * time.Second},

		NFTablesIPVSStartFWMark: 1000,
		StateDumpFile:           "/tmp/keepalived.data",
		StatsDumpFile:           "/tmp/keepalived.stats",
		JSONDumpFile:            "/tmp/keepalived.json",
		JSONVersion:             1,
		Umask:                   0o177,
	}
}
