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
	Dropped        map[string]map[string]uint64 `json:"dropped"`       // by interface and reason
	SendLateness   map[string]event.Lateness    `json:"send_lateness"` // by interface
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
	Restored  int                     `json:"restored"`
	Counters  *event.InstanceCounters `json:"counters"`
}

// Address is a virtual address.
type Address struct {
	Address  string `json:"address"` // with its mask
	Excluded bool   `json:"excluded"`
}

// Tracker is a script, file or process that instances track.
type Tracker struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	State string `json:"state"` // up, down, unknown, ignored; of a file value
}

// VirtualServer is a virtual server.
type VirtualServer struct {
	Name        string       `json:"name"`
	Quorum      bool         `json:"quorum"`
	Repaired    int          `json:"repaired"`
	RealServers []RealServer `json:"real_servers"`
}

// RealServer is a real server of a virtual server.
type RealServer struct {
	Name   string    `json:"name"`
	Up     bool      `json:"up"`
	Weight int       `json:"weight"`
	Kernel *InKernel `json:"kernel"`
}

// InKernel is what the kernel's table has of a real server.
type InKernel struct {
	Present  bool   `json:"present"`
	Weight   int    `json:"weight"`
	Draining bool   `json:"draining"`
	Active   uint64 `json:"active"`
	Inactive uint64 `json:"inactive"`
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
