package worker

import (
	"cmp"
	"os"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Supervisor and workers of different commits run together during an upgrade.
// Fields are therefore only added to messages, and a reader ignores those it
// does not know; see TestMessagesOfAnEarlierCommitAreRead.
const (
	// ProtocolVersion is the version of the messages that this program sends. A
	// new field does not change it, a changed meaning does.
	ProtocolVersion = 1
	// OldestProtocol is the oldest version that this program reads.
	OldestProtocol = 1
)

// Message travels between the supervisor and a worker. Exactly one field besides
// Seq and LeftOut is set.
type Message struct {
	// Seq numbers the messages of one direction of one connection, from 1.
	Seq uint64
	// LeftOut is how many transitions of the same object happened before it, after the
	// message before, and are not told: the reader was too slow.
	LeftOut int `json:",omitempty"`

	// From both: the first message of each direction.
	Hello *Hello `json:",omitempty"`

	// From the supervisor.
	Configure *Configure          `json:",omitempty"`
	Proceed   *Proceed            `json:",omitempty"`
	Finish    *Finish             `json:",omitempty"`
	Tracker   *event.TrackerState `json:",omitempty"`
	HandOver  *HandOver           `json:",omitempty"`
	Count     *Count              `json:",omitempty"`
	// To the lvs worker: the overrides when they change, and the state of the instance
	// that lvs_sync_daemon follows.
	Overrides *Overrides           `json:",omitempty"`
	Followed  *event.InstanceState `json:",omitempty"`
	// Presence is the state of an instance, whose addresses this host may hold, for the lvs
	// worker: also of one that has stopped, unless all ends.
	Presence *event.InstanceState `json:",omitempty"`
	// Await comes from the lvs worker and goes to the vrrp worker.
	Await *Await `json:",omitempty"`
	// HeldInTable is the lvs worker's answer to a Presence, and goes to the vrrp worker.
	HeldInTable *event.HeldInTable `json:",omitempty"`
	// To the vrrp worker.
	Announce *Announce `json:",omitempty"`
	// To the lvs worker: the answer to a RunProgram.
	ProgramEnded *ProgramEnded `json:",omitempty"`

	// To the lvs worker: a question for results of checks.
	AskChecks *AskChecks `json:",omitempty"`
	// To the lvs worker: somebody looks at what the kernel counts.
	Look *Look `json:",omitempty"`
	// To the lvs worker: a question for what its checks have counted.
	CountChecks *CountChecks `json:",omitempty"`

	// From a worker.
	Applied       *Applied                  `json:",omitempty"`
	Instance      *event.InstanceState      `json:",omitempty"`
	Group         *event.GroupState         `json:",omitempty"`
	LowerHeard    *event.LowerHeard         `json:",omitempty"`
	Refused       *event.RefusedSender      `json:",omitempty"`
	Counters      *event.VRRPCounters       `json:",omitempty"`
	Heartbeat     *Heartbeat                `json:",omitempty"`
	Host          *event.HostState          `json:",omitempty"`
	Journal       *JournalState             `json:",omitempty"`
	RealServer    *event.RealServerState    `json:",omitempty"`
	Check         *event.CheckResult        `json:",omitempty"`
	VirtualServer *event.VirtualServerState `json:",omitempty"`
	Table         *event.TableLoaded        `json:",omitempty"`
	InTable       *event.ServersInTable     `json:",omitempty"`
	// KernelWeights are all weights that somebody has set in the kernel's table.
	KernelWeights *Overrides `json:",omitempty"`
	// CheckHistory is a part of the answer to AskChecks.
	CheckHistory *CheckHistory `json:",omitempty"`
	// Counted is of the lvs worker, while somebody looks.
	Counted *event.Counted `json:",omitempty"`
	// ChecksCounted is a part of the answer to CountChecks.
	ChecksCounted *ChecksCounted `json:",omitempty"`
	// RunProgram is of the lvs worker.
	RunProgram *RunProgram `json:",omitempty"`
	// Suspended is of the lvs worker.
	Suspended *Suspended `json:",omitempty"`
	// BFD is of the vrrp worker.
	BFD *event.BFDState `json:",omitempty"`
}

// Await names, by identity, all instances that have virtual servers which stand in the
// table only while this host holds the addresses of the instance. These addresses do not
// come before the table has the virtual servers, for a moment at most.
type Await struct{ Instances []string }

// Announce asks for gratuitous ARP of an instance that is MASTER.
type Announce struct{ ID string } // conf.InstanceID

// Suspended names all virtual servers whose checks are suspended (ha_suspend).
type Suspended struct{ VirtualServers []string }

// AskChecks asks the lvs worker for what it remembers of its checks.
type AskChecks struct {
	ID uint64
	// VirtualServers and RealServers are the ones that are asked for; empty: all.
	VirtualServers, RealServers []string
	Latest                      bool // the last result of each checker alone
}

// Look tells the lvs worker that somebody looks at what the kernel counts: for a minute from then on it
// reads and tells it.
type Look struct{}

// CheckHistory is a part of an answer. Each part has the next checkers, at most
// HistoryPart of them.
type CheckHistory struct {
	ID   uint64 // of the question
	Last bool   // no further part comes
	List []event.CheckHistory
}

// HistoryPart is how many checkers a part of an answer has at most.
const HistoryPart = 2000

// CountChecks asks the lvs worker for what its checks have counted.
type CountChecks struct {
	ID uint64
	// Lag leaves out the checks: how late they have begun is wanted alone.
	Lag bool
}

// ChecksCounted is a part of an answer. Each part has the next virtual servers, with HistoryPart checkers or
// one virtual server at most.
type ChecksCounted struct {
	ID   uint64 // of the question
	Last bool   // no further part comes
	List []event.CheckCounts
	Lag  event.Lateness // with the last part
}

// RunProgram asks for a run of the program of a MISC_CHECK, which the configuration has, or
// for the end of one. Each is answered by one ProgramEnded unless it is cancelled.
type RunProgram struct {
	ID      uint64 // of the run; a worker begins at 1
	Program string // conf.MiscCheckParams.ProgramID
	Cancel  bool   // end the run, without an answer
}

// ProgramEnded says how a program ended.
type ProgramEnded struct {
	ID  uint64
	End event.ProgramEnd
}

// Hello opens a connection.
type Hello struct {
	Version int // ProtocolVersion of the sender
	Oldest  int // OldestProtocol of the sender; 0 means Version
	Pid     int
	// Batches says that the sender reads many messages in one frame.
	Batches bool
	// Unchanged says that the sender reads configurations with Configure.Unchanged.
	Unchanged bool
}

// NewHello is the hello of this process.
func NewHello() *Hello {
	return &Hello{Version: ProtocolVersion, Oldest: OldestProtocol, Pid: os.Getpid(), Batches: true, Unchanged: true}
}

// Readable says whether this program and the sender read each other's messages.
func (h *Hello) Readable() bool {
	return h.Version >= OldestProtocol && cmp.Or(h.Oldest, h.Version) <= ProtocolVersion
}

// Configure is a configuration that a worker has to apply, with all that the
// supervisor knows about the objects in it. A worker touches nothing in the
// kernel before it has received the first one.
type Configure struct {
	// Generation counts the configurations this supervisor has applied, from 1.
	Generation uint64
	Config     *conf.Config
	// Unchanged is on the wire only: for each virtual server its number in the
	// configuration that was sent before on the same connection, or -1 for the next one
	// of Config, which has only those. It is nil when Config has all.
	Unchanged []int
	// Keys are the auth_hmac keys that were read from files, by file name.
	Keys map[string]conf.Secret
	// Known is what was known before this worker started; empty at the first
	// start of director and at a reload.
	Known Snapshot
	// Trackers are the known states of all trackers, at a reload too.
	Trackers []event.TrackerState
	// HandOver is the same as in the message of that name.
	HandOver HandOver
	// Proceed lets instances become MASTER at once.
	Proceed bool
	// KeepAddresses and KeepServices leave virtual addresses and IPVS services
	// in the kernel when director stops (keepalived's -V and -I).
	KeepAddresses, KeepServices bool
	// Overrides are those in force, of every source, for the lvs worker.
	Overrides []event.Override
	// Followed is the state of the VRRP instance that lvs_sync_daemon follows; nil
	// when that is not known.
	Followed *event.InstanceState
	// Presence is the state of every instance, for the lvs worker: whether this host holds
	// its addresses.
	Presence []event.InstanceState
	// Await is as in the message of that name, for the vrrp worker.
	Await *Await
	// Causes are the events that made the supervisor send it: a reload, or the death of the
	// worker before.
	Causes event.Numbers
}

// Overrides are all overrides in force; they replace those told before.
type Overrides struct {
	List []event.Override
	// Reset names real servers (VirtualServer and RealServer of each) whose weight,
	// set by hand in the kernel, is to end. Such weights are the lvs worker's, in its
	// journal; that they are missing in List ends none.
	Reset []event.Override
	// Causes are the events that changed the list.
	Causes event.Numbers
}

// Snapshot is what the supervisor knows of the objects of a worker when it starts it.
type Snapshot struct {
	// Checks is what the predecessor of an lvs worker remembered of its checks.
	Checks      []event.CheckHistory
	Instances   []event.InstanceState
	RealServers []event.RealServerState
	// VirtualServers say which ones had their quorum.
	VirtualServers []event.VirtualServerState
	// BFDs are of a vrrp worker.
	BFDs []event.BFDState
	// Died is when the worker's predecessor died, by Monotonic; 0 without a predecessor.
	Died time.Duration
	// Advertised is taken from the predecessor's last Heartbeat; 0 when it is not known.
	Advertised time.Duration
	// Silenced says that the predecessor was killed because it had fallen silent:
	// another router may be MASTER, so no instance resumes MASTER.
	Silenced bool
}

// empty says that it is of no worker that has just started, or that nothing was known then.
func (s *Snapshot) empty() bool {
	objects := len(s.Checks) + len(s.Instances) + len(s.RealServers) + len(s.VirtualServers) + len(s.BFDs)
	return s.Died == 0 && !s.Silenced && objects == 0
}

// Heartbeat comes from a worker's main loop: of the vrrp worker, the one that sends
// advertisements, of the lvs worker, the one that keeps the table. It comes at least every
// event.HeartbeatInterval, and sooner after an advertisement. Times are of CLOCK_BOOTTIME,
// which counts while the host is suspended.
type Heartbeat struct {
	At         time.Duration // when it was sent; the lvs worker leaves out all times
	Advertised time.Duration // when the last advertisement was sent; 0 before the first one
	// ShortestDown is the shortest time, of all instances that are MASTER, after
	// which a BACKUP takes over; 0 without a MASTER.
	ShortestDown time.Duration
}

// Proceed lets instances become MASTER: the IPVS table is loaded, or the
// supervisor has waited for it long enough.
type Proceed struct{}

// HandOver lists all instances that hand mastership over to other routers, with
// the number of the operator's order for each: ByID, and Numbers the same by name, for a
// worker of an earlier program. A supervisor of one tells Numbers alone.
type HandOver struct {
	Numbers map[string]uint64
	ByID    map[conf.InstanceID]uint64
	Causes  event.Numbers // the events that changed the list
	// CausesByID are the events that began or ended that of each instance last, also when several messages have
	// become one. An instance that is not in it has Causes.
	CausesByID map[conf.InstanceID]event.Number
}

// Of are the numbers by identity; cfg resolves the names of an earlier program and may be nil.
func (h HandOver) Of(cfg *conf.Config) map[conf.InstanceID]uint64 {
	if len(h.ByID) > 0 || cfg == nil {
		return h.ByID
	}
	numbers := make(map[conf.InstanceID]uint64, len(h.Numbers))
	for _, i := range cfg.Instances {
		if n, ok := h.Numbers[i.Name]; ok {
			numbers[i.ID()] = n
		}
	}
	return numbers
}

// Count asks the vrrp worker for its counters (Message.Counters).
type Count struct {
	Clear bool // those of instances begin at zero afterwards
}

// Finish asks a worker to undo what it made in the kernel and to exit.
type Finish struct{}

// Applied reports that a configuration is in force.
type Applied struct {
	Generation uint64
	// Error says which part of it could not be applied; empty when all was.
	Error string
}

// JournalState reports whether a worker's journal is written.
type JournalState struct {
	Error string // why it is not; empty when it is
}
