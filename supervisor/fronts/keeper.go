package fronts

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"github.com/lvs-director/director/retry"
	"github.com/lvs-director/director/worker/front"
)

// Options are what a Keeper works with.
type Options struct {
	Log *slog.Logger
	// Start starts a front whose end of the connection is peer, and whose standard error is complaints.
	Start func(peer, complaints *os.File) (*exec.Cmd, error)
	// Ended is told each time that one has ended which was wanted, or could not be started.
	Ended func(why string)
	// Peer is told what the front has of other directors, and Lost that no front is there. They must not wait.
	Peer func(front.PeerNews)
	Lost func()
	// Refused is told who has shown the page wrong tokens; nil is nobody. It must not wait.
	Refused func(front.Refused)
	// Snapshot is the status that a front may see, in JSON.
	Snapshot func(context.Context) ([]byte, error)
	// Do carries out what a front asks for; the settings permit it. The answer is encoded in JSON.
	Do func(context.Context, front.Request) (any, error)
}

// State is what is known of a front.
type State struct {
	Wanted   bool   // the settings ask for one
	Serves   string // what it has to serve, in words
	Pid      int    // 0 when it does not run
	Since    time.Time
	Restarts int
	Heard    time.Time // when it has said something last; zero is not yet
	Silent   bool      // it says nothing
	Error    string    // how the last one ended, or why none could be started
	// Problems are what the one that runs says it cannot do.
	Problems []string
	// LockedOut are those of whom the page takes no token for a while.
	LockedOut []front.Refused
}

// Keeper keeps a front while one is wanted. Its methods may be called from any goroutine.
type Keeper struct {
	o       Options
	changed chan struct{} // settings or paused have changed
	tell    chan struct{} // there is something for a peer
	news    chan struct{} // there are changes

	mu       sync.Mutex
	settings front.Settings
	waiting  []front.Transition // that the front has not been told
	paused   bool
	living   bool          // a process runs, or is about to be started
	idle     chan struct{} // closed when paused and no process is left
	state    State
	forPeers []front.PeerMessage // the latest of each kind to each peer
}

// New returns a keeper that keeps none yet; Run does the work.
func New(o Options) *Keeper {
	return &Keeper{o: o, changed: make(chan struct{}, 1), tell: make(chan struct{}, 1), news: make(chan struct{}, 1)}
}

// Apply says what a front has to do from now on. It does not wait.
func (k *Keeper) Apply(s front.Settings) {
	k.mu.Lock()
	k.settings = s
	k.mu.Unlock()
	k.wake()
}

// State is what is known now.
func (k *Keeper) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.state
	s.Wanted, s.Serves = k.settings.Wanted(), k.settings.Serves()
	return s
}

// Pause ends the front that runs, and starts none until Resume. It waits for the end, for so long at
// most: a process that the kernel does not let end is left.
func (k *Keeper) Pause(patience time.Duration) {
	k.mu.Lock()
	k.paused = true
	idle := make(chan struct{})
	if k.idle = idle; !k.living {
		close(idle)
		k.idle = nil
	}
	k.mu.Unlock()
	k.wake()
	enough := time.NewTimer(patience)
	defer enough.Stop()
	select {
	case <-idle:
	case <-enough.C:
	}
}

// Resume ends a Pause.
func (k *Keeper) Resume() {
	k.mu.Lock()
	k.paused, k.idle = false, nil
	k.mu.Unlock()
	k.wake()
}

func (k *Keeper) wake() {
	select {
	case k.changed <- struct{}{}:
	default: // whoever hears of the last change sees all of them
	}
}

// begin says whether a front has to be started now; if so it counts as living until rest.
func (k *Keeper) begin() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.living = k.settings.Wanted() && !k.paused
	return k.living
}

// rest says that no process is left.
func (k *Keeper) rest() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.living = false
	if k.idle != nil {
		close(k.idle)
		k.idle = nil
	}
}

// wanted are the settings of a front that has to run now; false is none.
func (k *Keeper) wanted() (front.Settings, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.settings
	s.DBus.Instances = slices.Clone(s.DBus.Instances) // whose states change
	return s, s.Wanted() && !k.paused
}

// Socket is the Unix socket that a front which is started now is to have.
func (k *Keeper) Socket() Socket {
	s, _ := k.wanted()
	return Socket{Path: s.Web.Socket, Group: s.Web.SocketGroup}
}

// update changes what is known.
func (k *Keeper) update(change func(*State)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(&k.state)
}

// Run keeps a front until ctx ends, and kills it then.
func (k *Keeper) Run(ctx context.Context) {
	var again retry.Retry
	for said := ""; ; {
		if !k.await(ctx, again.Next()) {
			return
		}
		began := time.Now()
		end := k.live(ctx)
		k.rest()
		if k.o.Lost != nil {
			k.o.Lost()
		}
		if time.Since(began) > retry.Calm {
			said = "" // it is news again
		}
		if again.Now(); !end.planned {
			again.Failed(time.Now())
		}
		k.note(end, &said, again.Next())
	}
}

// note tells how a front ended; of one reason only once, until another one comes.
func (k *Keeper) note(end ended, said *string, next time.Time) {
	text := ""
	if !end.planned {
		text = end.err.Error()
	}
	k.update(func(s *State) {
		*s = State{Restarts: s.Restarts, Error: text}
		if !end.planned {
			s.Restarts++
		}
	})
	if text != "" && k.o.Ended != nil {
		k.o.Ended(text)
	}
	if text != "" && text != *said {
		k.o.Log.Error("the front has ended: what it serves is not there until it is back; nothing else depends on it",
			"worker", front.Name, "pid", end.pid, "error", text, "restart_in", time.Until(next).Round(time.Millisecond))
	}
	*said = text
}

// await waits until a front has to be started, and not before next; false is that ctx has ended.
func (k *Keeper) await(ctx context.Context, next time.Time) bool {
	pause := time.NewTimer(time.Until(next))
	defer pause.Stop()
	rested := false
	for {
		if rested && k.begin() {
			return true
		}
		if _, ok := k.wanted(); !ok {
			k.update(func(s *State) { s.Error = "" }) // nobody misses it
		}
		select {
		case <-pause.C:
			rested = true
		case <-k.changed:
		case <-ctx.Done():
			return false
		}
	}
}

// marshal is the JSON of what is known to have one.
func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encoding %T: %v", v, err))
	}
	return text
}
