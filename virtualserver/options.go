package virtualserver

import (
	"log/slog"
	"os"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/ipvs"
)

// Journal is the list of what is ours, kept where a crash of the program does
// not lose it. Keys are made by table.JournalKey; keys of other owners
// ("address ...") may be in it and are left alone.
type Journal interface {
	// Claim is called before something is made. When it fails, it is not made.
	// To claim what is held is no error.
	Claim(keys ...string) error
	// Release is called after something is gone.
	Release(keys ...string) error
	Held() []string
}

// Options is what a Loop needs. The functions are called by the loop's own
// goroutine, one at a time, and must not wait for anything.
type Options struct {
	// Open reaches the kernel (ipvs.Open). It is called when there is
	// something to do there for the first time, and again, every second,
	// after it failed.
	Open    func() (ipvs.Driver, error)
	Journal Journal
	Log     *slog.Logger
	// State hears of each virtual server at first and when something of it changed.
	State func(event.VirtualServerState)
	// Loaded hears when the table was first brought in line with a
	// configuration, and again when its error changes.
	Loaded func(event.TableLoaded)
	// ReadFile reads kernel settings; nil is os.ReadFile.
	ReadFile func(string) ([]byte, error)
}

const (
	// reconcileInterval is how often the list of services is compared: a little
	// below the second within which a foreign change is undone.
	reconcileInterval = 800 * time.Millisecond
	// reconcileRound is how many intervals it takes to compare all real
	// servers: 20 s, and the time that it takes to read them.
	reconcileRound = 25
	// reconcileAtOnce is how many services and real servers are compared in
	// one interval whatever their number.
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
