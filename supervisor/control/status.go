package control

import (
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/supervisor/handover"
)

// Status is what director status shows.
type Status struct {
	Version string    `json:"version"`
	Pid     int       `json:"pid"`
	Since   time.Time `json:"since"`
	ConfigState
	// Problems are what makes the whole worse than it should be, in words.
	Problems  []string   `json:"problems"`
	Workers   []Worker   `json:"workers"`
	Instances []Instance `json:"instances"`
	RefusedSenders
	VirtualServers []VirtualServer `json:"virtual_servers"`
	Scripts        []notify.Last   `json:"scripts"`
}

type Worker struct {
	Name     string    `json:"name"`
	Pid      int       `json:"pid"` // 0 when it does not run
	Since    time.Time `json:"since"`
	Restarts int       `json:"restarts"`
	Error    string    `json:"error,omitempty"` // how the last one died
}

type Instance struct {
	Name      string          `json:"name"`
	State     event.VRRPState `json:"state"`
	Since     time.Time       `json:"since"`
	Priority  int             `json:"priority"`
	Reason    string          `json:"reason"`
	Master    string          `json:"master,omitempty"` // address of the router that is MASTER
	Interface string          `json:"interface"`
	VRID      uint8           `json:"virtual_router_id"`
	Addresses []string        `json:"addresses"`
	// Restored counts the addresses, routes and rules that somebody else had
	// removed and that were put back; Missing is what could not be had.
	Restored int    `json:"restored,omitempty"`
	Missing  string `json:"missing,omitempty"`
	// HandedOver is the hand-over in force; nil is none.
	HandedOver *handover.Order `json:"handed_over,omitempty"`
	// Counters are those of the vrrp worker that runs.
	Counters *event.InstanceCounters `json:"counters,omitempty"`
}

type VirtualServer struct {
	Name        string       `json:"name"`
	Scheduler   string       `json:"scheduler"`
	Forward     string       `json:"forward"`
	Quorum      bool         `json:"quorum"`
	Alive       int          `json:"alive"`
	Error       string       `json:"error,omitempty"`
	Repaired    int          `json:"repaired,omitempty"`
	RealServers []RealServer `json:"real_servers"`
}

type RealServer struct {
	Name      string             `json:"name"`
	Up        bool               `json:"up"`
	Weight    int                `json:"weight"`
	Since     time.Time          `json:"since"`
	Reason    string             `json:"reason"`
	LastCheck *event.CheckResult `json:"last_check,omitempty"`
}

// RefusedSenders is what is heard on the links and not listened to.
type RefusedSenders struct {
	Strangers []event.Stranger `json:"strangers,omitempty"`
	// MoreStrangers are refused packets whose senders are not in the list.
	MoreStrangers uint64 `json:"more_strangers,omitempty"`
	// Dropped are packets for none of the instances, by interface and reason.
	Dropped map[string]map[string]uint64 `json:"dropped,omitempty"`
}
