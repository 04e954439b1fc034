package worker

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync/atomic"

	"github.com/lvs-director/director/signals"
)

// ConnFD is the worker's file descriptor of the connection to the supervisor.
const ConnFD = 3

// Event is what a Keeper reports. Exactly one field besides Worker is set.
type Event struct {
	Worker   string
	Started  *Started
	Received *Message
	Died     *Died
}

// Started reports that a worker runs. It waits for its configuration (Send).
type Started struct{ Pid int }

// Died reports that a worker has ended, or could not be started.
type Died struct {
	Err     error // how it ended; nil for exit status 0
	Planned bool  // Replace killed it
	Early   bool  // one of the signals that workers ignore has ended it, before its Hello
}

// Keeper runs one worker process at a time, whenever Start says so. Run does the
// work; the other methods may be called from any goroutine while it runs.
type Keeper struct {
	name   string
	start  func(peer *os.File) (*exec.Cmd, error)
	events chan<- Event
	send   chan keyed
	begin  chan struct{}
	done   chan struct{}
	// Requests of Pause, Detach, Kill and Replace.
	pause, kill, replace chan chan error
	detach               chan chan *Handed
	adopted              *Handed // the worker that Run begins with; owned by its goroutine
	conn                 atomic.Pointer[Conn]
	// greeted: the worker that runs has said hello.
	greeted atomic.Bool
	// delivering: a message was read and waits to be received from events.
	delivering atomic.Bool
}

// NewKeeper returns a keeper of the worker name. It calls start for every start
// of the worker; peer is the worker's end of the connection and must become its
// file descriptor ConnFD. Somebody must receive from events until Run ends.
func NewKeeper(name string, start func(peer *os.File) (*exec.Cmd, error), events chan<- Event) *Keeper {
	return &Keeper{
		name: name, start: start, events: events,
		send: make(chan keyed), begin: make(chan struct{}, 1), done: make(chan struct{}),
		pause: make(chan chan error), kill: make(chan chan error), replace: make(chan chan error),
		detach: make(chan chan *Handed),
	}
}

// Start starts the worker, which must not run: Started or Died follows.
func (k *Keeper) Start() {
	select {
	case k.begin <- struct{}{}:
	default: // it was said already
	}
}

// Send sends a message about the object key to the running worker. It never
// waits for the worker to read. When no worker is running the message is lost:
// the next worker is told everything after it has Started.
func (k *Keeper) Send(key string, m Message) {
	select {
	case k.send <- keyed{key, m}:
	case <-k.done:
	}
}

// Run starts the worker whenever Start was called. It returns after Detach,
// which leaves the worker running, or when ctx is done, which kills the worker.
func (k *Keeper) Run(ctx context.Context) error {
	defer close(k.done)
	for {
		if k.adopted == nil && !k.await(ctx) {
			return ctx.Err()
		}
		err := k.run(ctx)
		k.conn.Store(nil)
		if errors.Is(err, errDetached) {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d := &Died{Err: err, Early: !k.greeted.Load() && signals.EndedEarly(err)}
		if errors.Is(err, errReplaced) {
			d = &Died{Planned: true}
		}
		k.emit(ctx, Event{Died: d}, nil)
	}
}

// await waits for Start. Messages are lost meanwhile.
func (k *Keeper) await(ctx context.Context) bool {
	for {
		select {
		case <-k.begin:
			return true
		case <-k.send:
		case reply := <-k.pause:
			reply <- errNotRunning
		case reply := <-k.kill:
			reply <- errNotRunning
		case reply := <-k.replace:
			reply <- errNotRunning
		case <-ctx.Done():
			return false
		}
	}
}

// emit reports ev. Meanwhile it goes on taking messages to send: the receiver of
// events is also the sender of messages, and neither may wait for the other.
func (k *Keeper) emit(ctx context.Context, ev Event, out *Outbox) {
	ev.Worker = k.name
	for {
		select {
		case k.events <- ev:
			return
		case m := <-k.send:
			if out != nil {
				out.Put(m.key, m.m)
			}
		case <-ctx.Done():
			return
		}
	}
}
