package keyword

import (
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// Loader reads the blocks of a tree into a Config. Its maps remember what is
// only needed until the end of the files.
type Loader struct {
	value.Reader
	Config *conf.Config

	Noted    map[string]bool // keywords without effect that were met
	Compat   bool
	Delays   []delayLine // interface_up_down_delays
	MinGARP  bool
	OldSync  conf.LVSSync
	SyncNode *syntax.Node // where the sync daemon was said

	Instances    map[string]*conf.Instance
	Groups       map[string]*conf.SyncGroup
	Scripts      map[string]*conf.TrackScript
	Files        map[string]*conf.TrackFile
	Processes    map[string]*conf.TrackProcess
	BFDs         map[string]*conf.BFDInstance
	ServerGroups map[string]*conf.VirtualServerGroup

	// Unusable are the blocks that were defined and cannot be used, by keyword and name.
	Unusable map[string]bool

	BadVRID        map[*conf.Instance]bool
	UnicastWord    map[*conf.Instance]*syntax.Node
	AuthNode       map[*conf.Instance]*syntax.Node
	HMACNode       map[*conf.Instance]*syntax.Node
	Addresses      map[any][]Address // of an instance, an ExcludedOf, the Config
	InterfaceNodes map[InterfaceKey]*syntax.Node
	Members        map[*conf.SyncGroup][]Member // until the instances are known
	Tracked        map[TrackKey]TrackRef
	TrackedServers map[*syntax.Node]TrackedServer
	ScriptUsers    map[*conf.TrackScript][2]string
	CheckerUsers   map[*conf.Checker][2]string
}

// delayLine is an interface_up_down_delays line.
type delayLine struct {
	Node  *syntax.Node
	Delay conf.InterfaceDelay
}

// NewLoader is ready to read a tree into cfg. findings are those of the text itself.
func NewLoader(tree *syntax.Tree, findings []conf.Finding, cfg *conf.Config) *Loader {
	found := &cfg.Found
	countBlocks(found, tree.Nodes)
	return &Loader{
		Reader: value.NewReader(tree, findings, 2*(found.Instances+found.VirtualServers+found.RealServers)),
		Config: cfg,

		Instances: map[string]*conf.Instance{}, Groups: map[string]*conf.SyncGroup{}, Scripts: map[string]*conf.TrackScript{},
		Files: map[string]*conf.TrackFile{}, Processes: map[string]*conf.TrackProcess{}, BFDs: map[string]*conf.BFDInstance{},
		ServerGroups: map[string]*conf.VirtualServerGroup{},

		Unusable: map[string]bool{}, BadVRID: map[*conf.Instance]bool{}, UnicastWord: map[*conf.Instance]*syntax.Node{},
		AuthNode: map[*conf.Instance]*syntax.Node{}, HMACNode: map[*conf.Instance]*syntax.Node{},
		InterfaceNodes: map[InterfaceKey]*syntax.Node{}, Members: map[*conf.SyncGroup][]Member{},
		Tracked: map[TrackKey]TrackRef{}, TrackedServers: map[*syntax.Node]TrackedServer{},
		ScriptUsers: map[*conf.TrackScript][2]string{}, CheckerUsers: map[*conf.Checker][2]string{},
		Addresses: map[any][]Address{}, Noted: map[string]bool{},
	}
}

// countBlocks counts, also where a block around them is unknown.
func countBlocks(f *conf.Found, nodes []*syntax.Node) {
	for _, n := range nodes {
		word := n.Keyword.Text
		if trimmed := strings.TrimLeftFunc(word, oddBlank); trimmed == "" {
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
		countBlocks(f, n.Children())
	}
}

// Drop remembers a block that was defined and cannot be used.
func (l *Loader) Drop(block, name string) { l.Unusable[block+" "+name] = true }

// Undefined says why a name is not there: the block that defines it cannot be
// used, or there is none, and perhaps another name was meant.
func (l *Loader) Undefined(block, name string, names []string) (why, suggestion string) {
	if l.Unusable[block+" "+name] {
		return "cannot be used", ""
	}
	return "is not defined", value.DidYouMean(name, names)
}
