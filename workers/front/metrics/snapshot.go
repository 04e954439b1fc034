package metrics

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/lvs-director/director/event"
)

// Snapshot is what is read of the JSON of director status, by the names that its schema promises.
// The front takes the text rather than the types of the supervisor, which it does not know.
type Snapshot struct {
	Version        string                       `json:"version"`
	Fallback       string                       `json:"fallback"`
	ReloadRefused  string                       `json:"reload_refused"`
	AppliedAt      time.Time                    `json:"applied_at"`
	Workers        []Worker                     `json:"workers"`
	Instances      []Instance                   `json:"instances"`
	Trackers       []Tracker                    `json:"trackers"`
	BFDSessions    []BFDSession                 `json:"bfd_sessions"`
	Dropped        map[string]map[string]uint64 `json:"dropped"`       // by interface and reason
	SendLateness   map[string]event.Lateness    `json:"send_lateness"` // by interface
	CheckStartLag  *event.Lateness              `json:"check_start_lag"`
	KernelRepairs  map[string]uint64            `json:"kernel_repairs"` // by kind
	Scripts        []Script                     `json:"scripts"`
	VirtualServers []VirtualServer              `json:"virtual_servers"`
	Peers          []Peer                       `json:"peers"`
}

// Worker is a process of director.
type Worker struct {
	Name     string `json:"name"`
	Restarts int    `json:"restarts"`
}

// Instance is a VRRP instance.
type Instance struct {
	Name      string                  `json:"name"`
	State     event.VRRPState         `json:"state"`
	Since     time.Time               `json:"since"`
	Priority  int                     `json:"priority"`
	Base      int                     `json:"base_priority"`
	Interface string                  `json:"interface"`
	VRID      uint8                   `json:"virtual_router_id"`
	Addresses []Address               `json:"virtual_addresses"`
	GARP      GARP                    `json:"garp"`
	Counters  *event.InstanceCounters `json:"counters"`
}

// Address is a virtual address.
type Address struct {
	Address  string `json:"address"` // with its mask
	Device   string `json:"device"`
	Excluded bool   `json:"excluded"`
}

// GARP is when addresses are announced; times are seconds.
type GARP struct {
	Delay float64 `json:"master_delay"`
}

// Script is what is counted of the runs of a script of an object.
type Script struct {
	Object   string `json:"object"`
	Script   string `json:"script"` // the keyword
	Runs     uint64 `json:"runs"`
	Failures uint64 `json:"failures"`
}

// Tracker is a script, file or process that instances track.
type Tracker struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	State string `json:"state"` // up, down, unknown, ignored; of a file value
	// Running says that the program of a script runs.
	Running bool `json:"running"`
}

// BFDSession is a BFD session.
type BFDSession struct {
	Name     string       `json:"name"`
	Neighbor string       `json:"neighbor"`
	State    string       `json:"state"`
	Ups      uint64       `json:"ups"`
	Downs    uint64       `json:"downs"`
	Counters *BFDCounters `json:"counters"`
}

// BFDCounters are packets of a session.
type BFDCounters struct {
	Sent     uint64            `json:"sent"`
	Received uint64            `json:"received"`
	Dropped  map[string]uint64 `json:"dropped"` // by reason
}

// VirtualServer is a virtual server.
type VirtualServer struct {
	Name        string       `json:"name"`
	Quorum      bool         `json:"quorum"`
	RealServers []RealServer `json:"real_servers"`
}

// RealServer is a real server of a virtual server.
type RealServer struct {
	Name   string    `json:"name"`
	Up     bool      `json:"up"`
	Weight int       `json:"weight"`
	Kernel *InKernel `json:"kernel"`
	// Counted is what its checkers have counted.
	Counted []CheckCount `json:"checks_counted"`
}

// CheckCount is how often the runs of a checker have ended how.
type CheckCount struct {
	Checker string `json:"checker"`
	OK      uint64 `json:"ok"`
	Failed  uint64 `json:"failed"`
	Unknown uint64 `json:"unknown"`
}

// InKernel is what the kernel's table has of a real server.
type InKernel struct {
	Present  bool   `json:"present"`
	Weight   int    `json:"weight"`
	Draining bool   `json:"draining"`
	Active   uint64 `json:"active"`
	Inactive uint64 `json:"inactive"`
	// Traffic is what the kernel has counted.
	Traffic event.Traffic `json:"traffic"`
}

// Parse reads the JSON of a status.
func Parse(text []byte) (*Snapshot, error) {
	var s Snapshot
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("reading the status: %w", err)
	}
	return &s, nil
}

// family is that of the addresses: ipv4 or ipv6.
func (i *Instance) family() string {
	for _, a := range i.Addresses {
		if p, err := netip.ParsePrefix(a.Address); err == nil && !a.Excluded {
			if p.Addr().Is4() {
				return "ipv4"
			}
			return "ipv6"
		}
	}
	return "ipv4" // without an address there is nothing of IPv6
}

// lowest is the lowest virtual address that is advertised; invalid without one.
func (i *Instance) lowest() (lowest netip.Prefix) {
	for _, a := range i.Addresses {
		p, err := netip.ParsePrefix(a.Address)
		if err == nil && !a.Excluded && (!lowest.IsValid() || p.Addr().Less(lowest.Addr())) {
			lowest = p
		}
	}
	return lowest
}

// network is that of the lowest virtual address, by the prefix that its interface has for it, so that
// it is the same on both halves and another one for the same VRID elsewhere. Without such a prefix it
// is that of the address itself, and known is false.
func (i *Instance) network(links Links) (network netip.Prefix, known bool) {
	lowest := i.lowest()
	if !lowest.IsValid() {
		return lowest, false
	}
	best := lowest
	for _, p := range links[i.Interface] {
		if p.Contains(lowest.Addr()) && !p.IsSingleIP() && (best.IsSingleIP() || p.Bits() > best.Bits()) {
			best = p
		}
	}
	return best.Masked(), !best.IsSingleIP()
}

// Links are the networks of the interfaces of this host, by interface.
type Links map[string][]netip.Prefix

// state is the label of a state.
func state(s event.VRRPState) string { return strings.ToLower(s.String()) }
