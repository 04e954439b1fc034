package control

//go:generate go test . -run TestTheSchemaIsThatOfTheStatus -update

import (
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
)

// Status is what director status shows.
type Status struct {
	Version string    `json:"version"`
	Pid     int       `json:"pid"`
	Since   time.Time `json:"since"`
	// AsOf is when it was put together. It is older than the answer when the supervisor is busy.
	AsOf time.Time `json:"as_of"`
	// Parts are those that what is shown comes from, and when each was heard.
	Parts []Part `json:"parts"`
	ConfigState
	// LastReload is how the last reload ended; absent when there was none.
	LastReload *LastReload `json:"last_reload,omitempty"`
	// Problems are what makes the whole worse than it should be, what needs
	// somebody first before the rest.
	Problems []Problem `json:"problems"`
	// Overrides are the drains and weights in force that somebody has asked for.
	Overrides []Override `json:"overrides"`
	// Lifted are drains and weights of the pair that somebody has ended on this half only.
	Lifted     []Override  `json:"lifted,omitempty"`
	Workers    []Worker    `json:"workers"`
	Instances  []Instance  `json:"instances"`
	SyncGroups []SyncGroup `json:"sync_groups"`
	// Trackers are those that something uses.
	Trackers []Tracker `json:"trackers"`
	// BFDSessions are those of the configuration.
	BFDSessions []BFDSession `json:"bfd_sessions,omitempty"`
	// BFDDropped are packets of none of them, by the name of the reason.
	BFDDropped map[string]uint64 `json:"bfd_dropped,omitempty"`
	RefusedSenders
	// SendLateness is how late advertisements left, by interface.
	SendLateness map[string]event.Lateness `json:"send_lateness,omitempty"`
	// CheckStartLag is how late checks began, when the front asks.
	CheckStartLag  *event.Lateness `json:"check_start_lag,omitempty"`
	VirtualServers []VirtualServer `json:"virtual_servers"`
	// KernelRepairs counts what somebody else had changed in the kernel and director has put back, since it
	// was started, by kind: address (also routes and rules), service.
	KernelRepairs map[string]uint64 `json:"kernel_repairs,omitempty"`
	Scripts       []Script          `json:"scripts"`
	FIFOs         []FIFO            `json:"fifos,omitempty"`
	// Told is what scripts and FIFOs were told last, when one object is asked for.
	Told []Told `json:"told,omitempty"`
	// Mail is how it is with notifications by mail; absent when none are asked for.
	Mail *Mail `json:"mail,omitempty"`
	// Announces are the addresses that a routing daemon tells to the routers.
	Announces []Announce `json:"announces,omitempty"`
	// Peers are the other directors that this one talks to.
	Peers []Peer `json:"peers,omitempty"`
}

// Problem is something that is not as it should be.
type Problem struct {
	Object string `json:"object,omitempty"` // the instance or virtual server that it is about; empty is none
	Text   string `json:"text"`             // with the object, in words
	// NoService: something that is configured serves nobody because of it.
	NoService bool `json:"no_service"`
}

// Worker is a worker process.
type Worker struct {
	Name     string    `json:"name"`
	Pid      int       `json:"pid"` // 0 when it does not run
	Since    time.Time `json:"since"`
	Restarts int       `json:"restarts"`
	Error    string    `json:"error,omitempty"` // how the last one died
	// Silent says why what it told is old; empty when it answers.
	Silent string `json:"silent,omitempty"`
	// Heard is when it was heard last; absent when it is not known.
	Heard time.Time `json:"heard,omitzero"`
}

// Instance is a VRRP instance.
type Instance struct {
	Name      string          `json:"name"`
	State     event.VRRPState `json:"state"`
	Since     time.Time       `json:"since"`
	Priority  int             `json:"priority"` // effective
	Base      int             `json:"base_priority"`
	Reason    string          `json:"reason"`
	Master    string          `json:"master,omitempty"` // address of the router that is MASTER
	Interface string          `json:"interface"`
	VRID      uint8           `json:"virtual_router_id"`
	Addresses []string        `json:"addresses"`
	// VirtualAddresses are the same with all that is known of each: first those that are advertised.
	VirtualAddresses []Address `json:"virtual_addresses"`
	WantedState      string    `json:"wanted_state"` // the configured one, a hint: MASTER or BACKUP
	Family           string    `json:"family"`       // of its advertisements: IPv4 or IPv6
	Version          int       `json:"version"`      // of VRRP: 2 or 3
	Authentication   string    `json:"auth_type"`    // PASS or AH; empty is none
	Interval         float64   `json:"advert_int"`   // seconds
	// AdvertInterval is the same, and Group the same as SyncGroup, by the names of other tools.
	AdvertInterval float64 `json:"advert_interval"`
	Group          string  `json:"group,omitempty"`
	Preempt        bool    `json:"preempt"`
	GARP           GARP    `json:"garp"`
	SyncGroup      string  `json:"sync_group,omitempty"`
	// Tracked is what the instance and its group track. Fault is what keeps it,
	// or would keep it, from working now, as seen from outside of its worker.
	Tracked []Tracked `json:"tracked"`
	Fault   string    `json:"fault,omitempty"`
	// Restored counts the addresses, routes and rules that somebody else had
	// removed and that were put back; Missing is what could not be had.
	Restored int    `json:"restored,omitempty"`
	Missing  string `json:"missing,omitempty"`
	// Holding is what it does not want any more and director failed to remove.
	Holding string `json:"holding,omitempty"`
	// HandedOver is the handover in force; nil is none.
	HandedOver *Order `json:"handed_over,omitempty"`
	// Counters are those of the vrrp worker that runs.
	Counters *event.InstanceCounters `json:"counters,omitempty"`
	// Of Counters, absent with them: how often it became MASTER and ceased to be it, and the
	// advertisements that gave the mastership up.
	BecameMaster         *uint64 `json:"became_master,omitempty"`
	ReleasedMaster       *uint64 `json:"released_master,omitempty"`
	PriorityZeroSent     *uint64 `json:"priority_zero_sent,omitempty"`
	PriorityZeroReceived *uint64 `json:"priority_zero_received,omitempty"`
}

// Address is a virtual address.
type Address struct {
	Address  string `json:"address"` // with its mask
	Device   string `json:"device"`
	On       string `json:"on"` // the interface that has it: the device, or a virtual MAC interface above it
	Scope    string `json:"scope"`
	Label    string `json:"label,omitempty"`
	Excluded bool   `json:"excluded,omitempty"` // it is not advertised
	Set      bool   `json:"set"`                // the kernel has it
	Present  bool   `json:"present"`            // the same
}

// GARP is when and how often the addresses are announced; times are seconds.
type GARP struct {
	Delay         float64 `json:"master_delay"`
	Repeat        int     `json:"master_repeat"`
	Refresh       float64 `json:"master_refresh"`
	RefreshRepeat int     `json:"master_refresh_repeat"`
	LowerDelay    float64 `json:"lower_prio_delay"`
	LowerRepeat   int     `json:"lower_prio_repeat"`
}

// Tracker is a script, file or process that instances track.
type Tracker struct {
	Kind string `json:"kind"` // script, file, process
	Name string `json:"name"`
	// State is up, down, unknown (there is no result yet) or ignored; of a file "value", and Value counts.
	State   string    `json:"state"`
	Value   int       `json:"value,omitempty"`
	Running bool      `json:"running"` // the program of a script runs at this moment
	Since   time.Time `json:"since,omitzero"`
	Reason  string    `json:"reason,omitempty"`
}

// Tracked is a thing that an instance tracks.
type Tracked struct {
	Object string `json:"object"` // "interface eth1", "script chk"
	State  string `json:"state"`  // up, down, unknown, ignored
	Reason string `json:"reason,omitempty"`
	Weight int    `json:"weight"` // 0 makes a failure a FAULT
	Change int    `json:"change"` // what it adds to the priority now
	Failed bool   `json:"failed"` // it lowers the priority, or holds the instance in FAULT
}

// SyncGroup is a vrrp_sync_group.
type SyncGroup struct {
	Name      string          `json:"name"`
	State     event.VRRPState `json:"state"`
	Since     time.Time       `json:"since,omitzero"`
	Reason    string          `json:"reason"`
	Instances []string        `json:"instances"`
}

// VirtualServer is a virtual server.
type VirtualServer struct {
	Name string `json:"name"`
	// Address, Port and Protocol are those of a virtual server that has them, FWMark is that of one
	// with a mark, Group the name of the virtual_server_group.
	Address   string `json:"address,omitempty"`
	Port      uint16 `json:"port,omitempty"`
	Protocol  string `json:"protocol,omitempty"` // TCP, UDP, SCTP
	FWMark    uint32 `json:"fwmark,omitempty"`
	Group     string `json:"group,omitempty"`
	Scheduler string `json:"scheduler"`
	Forward   string `json:"forward"`
	Quorum    bool   `json:"quorum"`
	// QuorumRequired is the sum of weights that makes the service good; it is gained
	// at QuorumRequired + Hysteresis and lost below QuorumRequired - Hysteresis.
	QuorumRequired uint32 `json:"quorum_required"`
	Hysteresis     uint32 `json:"hysteresis,omitempty"`
	// SorryServer is the one that is configured; SorryInUse says that the kernel has it
	// in the place of the others.
	SorryServer string `json:"sorry_server,omitempty"`
	SorryInUse  bool   `json:"sorry_server_in_use,omitempty"`
	// InKernel is the scheduler with its flags as the kernel has them; empty is unknown.
	InKernel string `json:"in_kernel,omitempty"`
	// Slots is a fingerprint of what decides which client gets which real server, with mh and sh: two directors
	// with the same one give a client to the same real server. See docs/lvs.md.
	Slots string `json:"slots,omitempty"`
	// Traffic is what the kernel has counted of it: of a group of all its services together.
	Traffic
	Alive int `json:"alive"`
	// Unknown counts the real servers of which the checks cannot tell whether they are alive.
	Unknown  int    `json:"unknown,omitempty"`
	Error    string `json:"error,omitempty"`
	Repaired int    `json:"repaired,omitempty"`
	// Elsewhere says why it is not in the table, which is as it is to be: this host does not
	// hold its address (only_on_master).
	Elsewhere string `json:"elsewhere,omitempty"`
	// ChecksSuspended says that its checks rest, since its address is not on this host
	// (ha_suspend): what is known of its real servers is old.
	ChecksSuspended bool         `json:"checks_suspended,omitempty"`
	RealServers     []RealServer `json:"real_servers"`
	// Leaving are real servers that left the configuration and finish their connections.
	Leaving []RealServer `json:"leaving,omitempty"`
}

// RealServer is a real server of a virtual server.
type RealServer struct {
	Name      string    `json:"name"`
	Up        bool      `json:"up"`
	Weight    int       `json:"weight"`
	Since     time.Time `json:"since"`
	Reason    string    `json:"reason"`
	LastCheck *Check    `json:"last_check,omitempty"`
	// Verdict is what the checks know: alive, dead, unknown or "not checked yet".
	Verdict string `json:"verdict"`
	// ChecksOK and ChecksFailed count the runs of its checks that passed and failed.
	ChecksOK     uint64 `json:"checks_ok"`
	ChecksFailed uint64 `json:"checks_failed"`
	// Active and Inactive are its connections in the kernel's table, and Traffic what was counted there, as in
	// Kernel; 0 without that.
	Active   uint64 `json:"active"`
	Inactive uint64 `json:"inactive"`
	Traffic
	// UnknownSince is from when on it is unknown, and Unknown why: which check of it this
	// host fails to make.
	UnknownSince time.Time `json:"unknown_since,omitzero"`
	Unknown      string    `json:"unknown,omitempty"`
	// History is what is remembered of its checkers, when one object is asked for, and HistoryError why
	// that is not known.
	History      []CheckHistory `json:"history,omitempty"`
	HistoryError string         `json:"history_error,omitempty"`
	// Asked is what its checks ask of the weight.
	Asked []Asked `json:"weight_asked,omitempty"`
	// Kernel is what the kernel's table has of it; nil is not known, or not yet.
	Kernel *InKernel `json:"kernel,omitempty"`
	// Counted is what its checkers have counted, when the front asks.
	Counted []CheckCount `json:"checks_counted,omitempty"`
}

// CheckCount is how often the runs of a checker have ended how, since the lvs worker was started.
type CheckCount struct {
	Checker string `json:"checker"`
	OK      uint64 `json:"ok"`      // runs that passed
	Failed  uint64 `json:"failed"`  // runs that failed
	Unknown uint64 `json:"unknown"` // this host failed to make the check
}

// Asked is what a check asks of the weight of its real server.
type Asked struct {
	Checker string `json:"checker"`
	Wants   string `json:"wants"` // "weight 50", "12 more", "75% of the weight"
}

// Refused says that the kernel does not have it, and why is known.
func (r RealServer) Refused() bool {
	return r.Kernel != nil && !r.Kernel.Present && r.Kernel.Error != ""
}

// InKernel is what the kernel's table has of a real server. Of a group it is that of
// the first service, with the connections of all.
type InKernel struct {
	Present bool `json:"present"`
	Weight  int  `json:"weight"`
	// SlotWeight is the weight by which it has its slots with mh: at weight 0 the one that it had before.
	SlotWeight int `json:"slot_weight,omitempty"`
	// Source is what decided the weight.
	Source     event.WeightSource `json:"weight_source,omitempty"`
	Forward    string             `json:"forward,omitempty"`
	Draining   bool               `json:"draining,omitempty"`
	DrainUntil time.Time          `json:"drain_until,omitzero"`
	Active     uint64             `json:"active"`
	Inactive   uint64             `json:"inactive"`
	Persistent uint64             `json:"persistent"`
	Counted    time.Time          `json:"counted,omitzero"`
	Traffic    event.Traffic      `json:"traffic"`
	Error      string             `json:"error,omitempty"`
}

// Override is an override in force, with what is left of what it is for.
type Override struct {
	event.Override
	// Servers is how many real servers of the configuration it is for now.
	Servers int `json:"servers"`
	// Elsewhere is the other half of the pair that it was asked for on; empty when that is this one.
	Elsewhere string `json:"elsewhere,omitempty"`
	// Uncounted: the table was not read, so that the connections of some are not known.
	Uncounted bool `json:"uncounted,omitempty"`
	// Active and Inactive are the connections that they still have.
	Active   uint64 `json:"active"`
	Inactive uint64 `json:"inactive"`
}

// RefusedSenders is what is heard on the links and not listened to.
type RefusedSenders struct {
	Strangers []event.Stranger `json:"strangers,omitempty"`
	// MoreStrangers are refused packets whose senders are not in the list.
	MoreStrangers uint64 `json:"more_strangers,omitempty"`
	// Dropped are packets for none of the instances, by interface and reason.
	Dropped map[string]map[string]uint64 `json:"dropped,omitempty"`
}

// Check is one run of a checker.
type Check struct {
	Checker string        `json:"checker"` // "HTTP_GET 10.0.0.2:80/"
	OK      bool          `json:"ok"`
	Verdict string        `json:"verdict"` // alive, dead or unknown
	Reason  string        `json:"reason"`  // what was seen
	At      time.Time     `json:"at"`
	Took    time.Duration `json:"took_ns"`
}

// NewCheck is the form of a result.
func NewCheck(r event.CheckResult) *Check {
	return &Check{Checker: r.Checker, OK: r.OK, Verdict: r.Said().String(), Reason: r.Reason, At: r.At, Took: r.Took}
}

// Order is a handover.
type Order struct {
	Since time.Time `json:"since"`
	// Until is when the instance takes part again by itself; absent is never.
	Until time.Time `json:"until,omitzero"`
}

// Script is the last run of a script of the user.
type Script struct {
	Object  string    `json:"object"` // "INSTANCE VI_1"
	Script  string    `json:"script"` // the keyword: "notify_master"
	State   string    `json:"state"`  // what it was told: "MASTER"
	Argv    []string  `json:"argv"`
	Running bool      `json:"running"`
	Failed  bool      `json:"failed"`
	Result  string    `json:"result"`           // how it ended, in words; empty while it runs
	Output  string    `json:"output,omitempty"` // the last of what it printed
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	// Runs counts the runs that have ended, and Failures those of them that failed.
	Runs     uint64 `json:"runs"`
	Failures uint64 `json:"failures"`
}

// Scripts is the form of what the notifier knows.
func Scripts(list []notify.Last) []Script {
	out := make([]Script, 0, len(list))
	for _, l := range list {
		s := Script{
			Object: l.Object, Script: l.Script, State: l.State, Argv: conf.MaskArguments(l.Exit.Argv), Running: l.Running,
			Started: l.Exit.Started, Ended: l.Exit.Ended, Output: l.Exit.Output, Runs: l.Ended, Failures: l.Failed,
		}
		if !l.Running {
			s.Failed, s.Result = !l.Exit.OK(), l.Exit.String()
		}
		out = append(out, s)
	}
	return out
}
