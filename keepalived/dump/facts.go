package dump

import (
	"net/netip"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Facts are what the dumps are made of. No function here keeps or changes them.
type Facts struct {
	Now     time.Time
	Config  *conf.Config // in force
	Version string       // of this program
	// Stopping says that this program stops: an instance without a State has ended.
	Stopping bool
	// Instances are those of Config, in its order.
	Instances []Instance
	Groups    map[string]event.GroupState // by name
	Scripts   map[string]Tracker          // vrrp_script, by name
	Files     map[string]Tracker
	Processes map[string]Tracker
	Links     []Link // interfaces of this host
	Servers   []VirtualServer
}

// Instance is what is known of a vrrp_instance.
type Instance struct {
	Config *conf.Instance
	State  event.InstanceState // the zero State when nothing was told yet
	// Counters are since they were cleared, or since the vrrp worker was started.
	Counters event.InstanceCounters
	// Source is the source of advertisements; zero when there is none.
	Source netip.Addr
	// Device is the interface that they leave from: Config.Interface, or its virtual MAC interface.
	Device string
	// Addresses and Excluded are Config.Addresses and Config.ExcludedAddresses as they are placed.
	Addresses, Excluded []Address
	// Failed is how many of the things that it tracks without a weight are down; Unknown of how
	// many scripts there is no result yet.
	Failed, Unknown int
}

// Address is a virtual address and where it is.
type Address struct {
	conf.Address
	On  string // the interface: Device, or a virtual MAC interface above it
	Set bool   // the kernel has it
}

// Tracker is what is known of a tracked thing.
type Tracker struct {
	Known   bool
	State   event.TrackerState
	Running bool // its program runs at this moment
}

// Link is an interface of this host.
type Link struct {
	Name      string
	Index     int
	Up        bool // up and running
	MTU       int
	MAC       string // empty is none
	Addresses []netip.Prefix
}

// VirtualServer is what is known of a virtual server.
type VirtualServer struct {
	Config *conf.VirtualServer
	State  event.VirtualServerState
	Real   []RealServer // of Config, in its order
}

// RealServer is what is known of a real server.
type RealServer struct {
	Config *conf.RealServer
	State  event.RealServerState
	Table  event.ServerInTable // the zero value when the kernel's table does not have it
}

// stopped is keepalived's number of the state of an instance that has ended.
const stopped = 98

// number is the state as keepalived numbers it.
func (f *Facts) number(i *Instance) int {
	if s := i.State.State; s == event.Stop || f.Stopping && s == event.Init {
		return stopped
	}
	return int(i.State.State)
}

// wanted is the state that keepalived says an instance wants: before it has any, the one
// of the configuration.
func (i *Instance) wanted() event.VRRPState {
	switch {
	case i.State.State != event.Init:
		return i.State.State
	case i.Config.Master || i.Config.Priority == 255:
		return event.Master
	}
	return event.Backup
}

// effective is the effective priority.
func (i *Instance) effective() int {
	if i.State.Since.IsZero() {
		return int(i.Config.Priority)
	}
	return i.State.Priority
}

// masterDown is how long a BACKUP waits for an advertisement (RFC 9568 section 6.1; the skew
// of version 2 is RFC 3768's).
func (i *Instance) masterDown() time.Duration {
	of := i.Config.AdvertInterval
	if i.Config.Version == 2 {
		of = time.Second
	}
	skew := time.Duration(256-i.effective()) * of / 256
	return time.Duration(max(i.Config.DownTimerAdverts, 1))*i.Config.AdvertInterval + skew
}

// vipSet says whether the kernel has all of its addresses.
func (i *Instance) vipSet() bool {
	for _, list := range [][]Address{i.Addresses, i.Excluded} {
		for n := range list {
			if !list[n].Set {
				return false
			}
		}
	}
	return len(i.Addresses)+len(i.Excluded) > 0
}
