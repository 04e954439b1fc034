package rules

import (
	"net/netip"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Key names a tracker of which others tell the state.
type Key struct {
	Kind event.TrackerKind
	Name string
}

// Tracker is the use of a tracker by a block.
type Tracker struct {
	Key
	// Weight is the one of the configuration. It counts for files only, whose value it multiplies.
	Weight  int
	Reverse bool // up and down exchanged
}

// Interface is the use of an interface by a block.
type Interface struct {
	Name    string
	Reverse bool
}

// Block is an announce block, as far as it matters here.
type Block struct {
	Name      string
	Device    string // the dummy interface
	Addresses []netip.Addr
	Onlink    bool // allow_onlink

	Interfaces []Interface
	Trackers   []Tracker
	// Servers are the virtual servers, by name, that have their first round of checks before it is announced, and
	// whose quorum counts unless KeepWithoutQuorum: those that serve its addresses, and those that it tracks.
	Servers           []string
	KeepWithoutQuorum bool
	// Services are those of the virtual servers that serve its addresses: the kernel has to have them.
	Services []conf.ServiceKey

	Lifetime time.Duration // of an address that nobody refreshes; 0 is for ever
	Delay    time.Duration // between withdrawing and stopping to serve
	Grace    time.Duration // for how long it is refreshed while the lvs worker restarts
}

// BlockOf is a block of a configuration with these virtual servers.
func BlockOf(a *conf.Announce, servers []*conf.VirtualServer) Block {
	b := Block{
		Name: a.Name, Device: a.Interface, Addresses: a.Addresses, Onlink: a.AllowOnlink,
		KeepWithoutQuorum: a.KeepWithoutQuorum,
		Lifetime:          a.MinLifetime, Delay: a.WithdrawDelay, Grace: a.RestartGrace,
	}
	for _, t := range a.TrackInterfaces {
		b.Interfaces = append(b.Interfaces, Interface{t.Name, t.Reverse})
	}
	b.track(event.TrackScript, a.TrackScripts)
	b.track(event.TrackFile, a.TrackFiles)
	b.track(event.TrackProcess, a.TrackProcesses)
	b.track(event.TrackBFD, a.TrackBFDs)
	for _, t := range a.TrackVirtualServers {
		b.server(t.Name)
	}
	for _, v := range servers {
		name := v.String()
		tracked := slices.ContainsFunc(a.TrackVirtualServers, func(t conf.Track) bool { return t.Name == name })
		if !tracked && !slices.ContainsFunc(a.Addresses, v.Serves) {
			continue
		}
		b.server(name)
		b.Services = append(b.Services, v.Services...)
	}
	return b
}

func (b *Block) track(kind event.TrackerKind, list []conf.Track) {
	for _, t := range list {
		b.Trackers = append(b.Trackers, Tracker{Key{kind, t.Name}, t.Weight, t.Reverse})
	}
}

func (b *Block) server(name string) {
	if !slices.Contains(b.Servers, name) {
		b.Servers = append(b.Servers, name)
	}
}
