package web

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/lvs-director/director/event"
)

// Snapshot is what is read of the JSON of director status, by the names that its schema promises, and
// of what the supervisor adds for the page.
type Snapshot struct {
	Taken          time.Time       `json:"-"` // when it came here
	Version        string          `json:"version"`
	Since          time.Time       `json:"since"`
	Digest         string          `json:"digest"`
	AppliedAt      time.Time       `json:"applied_at"`
	Fallback       string          `json:"fallback"`
	ReloadRefused  string          `json:"reload_refused"`
	Problems       []Problem       `json:"problems"`
	Overrides      []Override      `json:"overrides"`
	Workers        []Worker        `json:"workers"`
	Instances      []Instance      `json:"instances"`
	Trackers       []Tracker       `json:"trackers"`
	VirtualServers []VirtualServer `json:"virtual_servers"`
	Peers          []Peer          `json:"peers"`
	Events         []event.Record  `json:"events"` // the latest ones, the oldest first
}

// Problem is something that is not as it should be.
type Problem struct {
	Object    string `json:"object,omitempty"`
	Text      string `json:"text"`
	NoService bool   `json:"no_service,omitempty"`
}

// Override is a drain or a weight that somebody has asked for.
type Override struct {
	Kind          event.OverrideKind `json:"kind"`
	VirtualServer string             `json:"virtual_server"`
	RealServer    string             `json:"real_server"`
	Weight        int                `json:"weight"`
	Until         time.Time          `json:"until"`
}

// Worker is a process of director.
type Worker struct {
	Name     string `json:"name"`
	Pid      int    `json:"pid"` // 0 when it does not run
	Restarts int    `json:"restarts"`
	Silent   string `json:"silent"`
}

// Instance is a VRRP instance.
type Instance struct {
	Name      string          `json:"name"`
	State     event.VRRPState `json:"state"`
	Since     time.Time       `json:"since"`
	Priority  int             `json:"priority"`
	Base      int             `json:"base_priority"`
	Reason    string          `json:"reason"`
	Master    string          `json:"master"` // address of the router that is MASTER
	Interface string          `json:"interface"`
	VRID      uint8           `json:"virtual_router_id"`
	Addresses []Address       `json:"virtual_addresses"`
	SyncGroup string          `json:"sync_group"`
	Fault     string          `json:"fault"`
	// HandedOver is the handover in force; nil is none.
	HandedOver *struct {
		Until time.Time `json:"until"`
	} `json:"handed_over"`
}

// Address is a virtual address.
type Address struct {
	Address  string `json:"address"`
	Excluded bool   `json:"excluded"`
	Set      bool   `json:"set"`
}

// Tracker is a script, file or process that instances track.
type Tracker struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	State string `json:"state"`
}

// VirtualServer is a virtual server.
type VirtualServer struct {
	Name            string       `json:"name"`
	Scheduler       string       `json:"scheduler"`
	Forward         string       `json:"forward"`
	Quorum          bool         `json:"quorum"`
	QuorumRequired  uint32       `json:"quorum_required"`
	SorryServer     string       `json:"sorry_server"`
	SorryInUse      bool         `json:"sorry_server_in_use"`
	Error           string       `json:"error"`
	Elsewhere       string       `json:"elsewhere"`
	ChecksSuspended bool         `json:"checks_suspended"`
	RealServers     []RealServer `json:"real_servers"`
	Traffic
}

// Traffic is what the kernel has counted since the service, or the server, is in its table.
type Traffic struct {
	Connections uint64 `json:"connections"`
	PacketsIn   uint64 `json:"packets_in"` // from clients
	PacketsOut  uint64 `json:"packets_out"`
	BytesIn     uint64 `json:"bytes_in"`
	BytesOut    uint64 `json:"bytes_out"` // with DR and TUN answers do not pass, and are not counted
}

// RealServer is a real server of a virtual server.
type RealServer struct {
	Name      string    `json:"name"`
	Up        bool      `json:"up"`
	Weight    int       `json:"weight"`
	Since     time.Time `json:"since"`
	Reason    string    `json:"reason"`
	Verdict   string    `json:"verdict"`
	LastCheck *Check    `json:"last_check"`
	Kernel    *InKernel `json:"kernel"`
	Traffic
}

// Check is one run of a checker.
type Check struct {
	Checker string        `json:"checker"`
	OK      bool          `json:"ok"`
	Reason  string        `json:"reason"`
	At      time.Time     `json:"at"`
	Took    time.Duration `json:"took_ns"`
}

// InKernel is what the kernel's table has of a real server.
type InKernel struct {
	Present  bool   `json:"present"`
	Weight   int    `json:"weight"`
	Draining bool   `json:"draining"`
	Active   uint64 `json:"active"`
	Inactive uint64 `json:"inactive"`
	Error    string `json:"error"`
}

// Peer is another half, as this one knows it.
type Peer struct {
	Name    string    `json:"host"`
	Address string    `json:"address"`
	Up      bool      `json:"up"` // the connection
	Error   string    `json:"error"`
	Heard   time.Time `json:"heard,omitzero"` // what follows is of then; zero is that it has told nothing
	Told    bool      `json:"told"`           // Heard is not zero
	Version string    `json:"version"`
	// Ready says whether it could take over; NotReady why not.
	Ready       bool           `json:"ready"`
	NotReady    []string       `json:"not_ready"`
	ConfigEqual bool           `json:"config_equal"`
	Instances   []PeerInstance `json:"instances,omitempty"`
}

// PeerInstance is an instance of a peer.
type PeerInstance struct {
	Name  string          `json:"name"`
	VRID  uint8           `json:"virtual_router_id"`
	State event.VRRPState `json:"state"`
}

// Parse reads the JSON of a status that came now.
func Parse(text []byte, now time.Time) (*Snapshot, error) {
	s := Snapshot{Taken: now}
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("reading the status for the page: %w", err)
	}
	return &s, nil
}
