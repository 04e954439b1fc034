package virtualserver

import (
	"log/slog"
	"os"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/ipvs"
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
	// ReadFile reads kernel settings; nil is os.ReadFile.
	ReadFile func(string) ([]byte, error)
}

const (
	// reconcileInterval is the pause between two comparisons of the list of
	// services: a foreign change is undone within a second.
	reconcileInterval = 800 * time.Millisecond
	// reconcileRound is in how many intervals all real servers are compared: 20 s,
	// and the time it takes to read them.
	reconcileRound = 25
	// reconcileAtOnce is how many services and real servers are compared in one
	// interval at least.
	reconcileAtOnce = 256
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
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
}
