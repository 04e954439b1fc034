package virtualserver

import (
	"log/slog"
	"os"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
)

// Journal lists the services that are ours, where a crash of the program does not
// lose them. Keys are made by table.JournalKey; keys of other kinds ("address
// ...") are left alone.
type Journal interface {
	// Claim is called before a service is made, which is not made when it fails.
	// Claiming a key again is no error.
	Claim(keys ...string) error
	// Release is called after a service is gone.
	Release(keys ...string) error
	Held() []string
}

// Options is what a Loop needs. Its functions are called by the loop's goroutine,
// one at a time, and must not block.
type Options struct {
	// Open opens the kernel's table (ipvs.Open). It is called when there is
	// something to do for the first time, and again when it failed.
	Open    func() (ipvs.Driver, error)
	Journal Journal
	Log     *slog.Logger
	// State is called with the state of each virtual server, at first and whenever
	// it has changed.
	State func(event.VirtualServerState)
	// Loaded is called when the table was first brought in line with a
	// configuration, and again whenever its error changes.
	Loaded func(event.TableLoaded)
	// Verdict is called with each verdict that was passed to the loop once the table
	// has it, or with why it has not (Unset). Of several on one real server the latest
	// one is told.
	Verdict func(event.RealServerState)
	// InTable is called with what the kernel has of the real servers of a virtual
	// server, whenever that has changed. What is counted of a drain is such a change; all
	// else that is counted is told while somebody looks (Loop.Look).
	InTable func(event.ServersInTable)
	// Counted is called after each round in which all was counted, while somebody looks, behind
	// what has changed.
	Counted func(event.Counted)
	// Hands is called with all weights that were set by hand in the kernel's table,
	// when they have changed.
	Hands func([]event.Override)
	// Paths is called with the marks of the checks as_client whose way the kernel has, when they have
	// changed. The map must not be changed.
	Paths func(map[uint32]bool)
	// Await is called with all instances that have a virtual server which stands in the
	// table only while this host holds the addresses of the instance, when they have
	// changed, and before Loaded.
	Await func([]conf.InstanceID)
	// Held is called when the table has the virtual servers of an instance whose addresses
	// this host holds, or cannot have them: once for each time that it went for them.
	Held func(event.HeldInTable)
	// Number numbers the changes of quorums; nil does not.
	Number func() event.Number
	// Alive is called by the loop at least every event.HeartbeatInterval, with nothing to do and in the
	// middle of much to do: whoever hears nothing knows that the loop hangs, or the kernel that it asks.
	Alive func()
	// MaglevIndex is CONFIG_IP_VS_MH_TAB_INDEX of the running kernel; nil is the one of most.
	MaglevIndex func() int
	// ReadFile reads kernel settings; nil is os.ReadFile. WriteFile sets one; nil
	// writes to the file.
	ReadFile  func(string) ([]byte, error)
	WriteFile func(name, value string) error
}

const (
	// reconcileInterval is the pause between two comparisons of the list of
	// services: a foreign change is undone within a second.
	reconcileInterval = 800 * time.Millisecond
	// reconcileRound is in how many intervals all real servers are compared: 20 s,
	// and the time it takes to read them.
	reconcileRound = 25
	// reconcileAtOnce is how many services and real servers are compared in one
	// interval at least. With 256 of them the comparisons of a table of 500 read three
	// real servers from the kernel for every check of one every 5 s.
	reconcileAtOnce = 64
)

func (o *Options) defaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.State == nil {
		o.State = func(event.VirtualServerState) {}
	}
	if o.Loaded == nil {
		o.Loaded = func(event.TableLoaded) {}
	}
	if o.Verdict == nil {
		o.Verdict = func(event.RealServerState) {}
	}
	if o.InTable == nil {
		o.InTable = func(event.ServersInTable) {}
	}
	if o.Counted == nil {
		o.Counted = func(event.Counted) {}
	}
	if o.Paths == nil {
		o.Paths = func(map[uint32]bool) {}
	}
	if o.Hands == nil {
		o.Hands = func([]event.Override) {}
	}
	if o.Await == nil {
		o.Await = func([]conf.InstanceID) {}
	}
	if o.Held == nil {
		o.Held = func(event.HeldInTable) {}
	}
	if o.MaglevIndex == nil {
		o.MaglevIndex = func() int { return table.MaglevIndex }
	}
	if o.Alive == nil {
		o.Alive = func() {}
	}
	if o.Number == nil {
		o.Number = func() event.Number { return "" }
	}
	if o.WriteFile == nil {
		o.WriteFile = func(name, value string) error { return os.WriteFile(name, []byte(value), 0o644) }
	}
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
}
