package worker

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"time"
)

// restartAfterExit is the least time between the end of a worker with exit status
// 0 and its restart.
const restartAfterExit = time.Second

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
type Started struct {
	Pid     int
	Restart int       // 0 for the first start
	Died    time.Time // when its predecessor died; zero for the first start
}

// Died reports that a worker has ended.
type Died struct {
	Err     error // how it ended; nil for exit status 0
	At      time.Time
	Again   time.Duration // until it is restarted
	GivenUp bool          // it died too often: release what it held
	Ended   bool          // it was asked to finish and is not restarted
	Planned bool          // Replace killed it
}

// Keeper keeps one worker process running. Run does the work; the other methods
// may be called from any goroutine while it runs.
type Keeper struct {
	name   string
	start  func(peer *os.File) (*exec.Cmd, error)
	events chan<- Event
	send   chan keyed
	finish chan struct{}
	done   chan struct{}
	// Requests of Pause, Detach and Replace.
	pause, replace chan chan error
	detach         chan chan *Handed
	// Owned by Run's goroutine.
	finishing bool    // the worker is not restarted after it ends
	adopted   *Handed // the worker that Run begins with instead of starting one
}

// NewKeeper returns a keeper of the worker name. It calls start for every start
// of the worker; peer is the worker's end of the connection and must become its
// file descriptor ConnFD. Somebody must receive from events until Run ends.
func NewKeeper(name string, start func(peer *os.File) (*exec.Cmd, error), events chan<- Event) *Keeper {
	return &Keeper{
		name: name, start: start, events: events,
		send: make(chan keyed), finish: make(chan struct{}), done: make(chan struct{}),
		pause: make(chan chan error), replace: make(chan chan error), detach: make(chan chan *Handed),
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

// Finish keeps the worker from being restarted after it has ended. The worker
// itself has to be told to finish by a message.
func (k *Keeper) Finish() {
	select {
	case k.finish <- struct{}{}:
	case <-k.done:
	}
}

// Run starts the worker and restarts it whenever it dies. It returns after
// Finish when the worker has ended, after Detach, which leaves the worker
// running, or when ctx is done, which kills the worker.
func (k *Keeper) Run(ctx context.Context) error {
	defer close(k.done)
	var deaths []time.Time
	var died time.Time
	restart := 0
	if k.adopted != nil {
		deaths, restart = k.adopted.Deaths, k.adopted.Restart
	}
	for ; ; restart++ {
		err := k.run(ctx, Started{Restart: restart, Died: died}, deaths)
		if errors.Is(err, errDetached) {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		now := time.Now()
		died = now
		if errors.Is(err, errReplaced) && !k.finishing {
			k.emit(ctx, Event{Died: &Died{At: now, Planned: true}}, nil)
			continue
		}
		deaths = append(deaths, now)
		if len(deaths) > manyDeaths {
			deaths = deaths[1:]
		}
		wait, givenUp := restartDelay(deaths)
		if err == nil {
			// Somebody asked it to end: most likely a service manager, which is
			// about to ask the supervisor too.
			wait = max(wait, restartAfterExit)
		}
		k.emit(ctx, Event{Died: &Died{Err: err, At: now, Again: wait, GivenUp: givenUp, Ended: k.finishing}}, nil)
		if k.finishing {
			return nil
		}
		k.wait(ctx, wait)
		if k.finishing {
			k.emit(ctx, Event{Died: &Died{At: time.Now(), Ended: true}}, nil)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
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
		case <-k.finish:
			k.finishing = true
		case <-ctx.Done():
			return
		}
	}
}

// wait waits between two runs of the worker. Messages are lost meanwhile.
func (k *Keeper) wait(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for !k.finishing {
		select {
		case <-timer.C:
			return
		case <-k.send:
		case reply := <-k.pause:
			reply <- errNotRunning
		case reply := <-k.replace:
			reply <- errNotRunning
		case <-k.finish:
			k.finishing = true
		case <-ctx.Done():
			return
		}
	}
}
