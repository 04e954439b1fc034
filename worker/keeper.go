package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// lingering is how long a worker may live after it closed its connection.
const lingering = 2 * time.Second

// politeRestart is how long a worker that ended by itself is not replaced.
const politeRestart = time.Second

// ConnFD is the file descriptor of the connection in a worker.
const ConnFD = 3

// Event is what a Keeper reports; exactly one field besides Worker is set.
type Event struct {
	Worker   string
	Started  *Started
	Received *Message
	Died     *Died
}

// Started says that a worker runs. It expects its configuration through Send.
type Started struct {
	Pid     int
	Restart int       // 0 for the first start
	Died    time.Time // when its predecessor did; zero for the first start
}

// Died says that a worker ended.
type Died struct {
	Err     error // how it ended; nil for exit status 0
	At      time.Time
	Again   time.Duration // until it is started again
	GivenUp bool          // it died too often: what it held should be released
	Ended   bool          // it was asked to finish; it is not started again
	Planned bool          // Replace ended it
}

// Keeper keeps one worker process running. Run does the work; the other methods
// may be called from any goroutine while Run runs.
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
	// finishing is Run's: the current life of the worker is the last one.
	finishing bool
	adopted   *Handed // the worker that Run begins with, instead of a new one
}

// NewKeeper makes a keeper of the worker name. start starts it, every time
// anew, with peer, its end of the connection, as file descriptor ConnFD.
// Events are sent to events, which somebody must receive from until Run ends.
func NewKeeper(name string, start func(peer *os.File) (*exec.Cmd, error), events chan<- Event) *Keeper {
	return &Keeper{
		name: name, start: start, events: events,
		send: make(chan keyed), finish: make(chan struct{}), done: make(chan struct{}),
		pause: make(chan chan error), replace: make(chan chan error), detach: make(chan chan *Handed),
	}
}

// Send hands a message about the object key to the running worker; it never
// waits for the worker to read. Without a running worker the message is lost:
// the next worker is told everything when it has Started.
func (k *Keeper) Send(key string, m Message) {
	select {
	case k.send <- keyed{key, m}:
	case <-k.done:
	}
}

// Finish makes the current run the last one. The worker has to be told to
// finish by a message of its own.
func (k *Keeper) Finish() {
	select {
	case k.finish <- struct{}{}:
	case <-k.done:
	}
}

// Run starts the worker and restarts it until Finish was called and the worker
// ended, or until ctx ends, which kills it, or until Detach, which leaves it
// running.
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
			// It ended in good order: somebody asked it to, most likely a
			// service manager that is about to ask us too.
			wait = max(wait, politeRestart)
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

// emit reports ev, and goes on taking what is sent meanwhile: the receiver of
// events is the one who sends, and neither may wait for the other.
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

// wait passes the time between two runs, in which messages are lost.
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

// run is one life of the worker, or what is left of it when it was adopted.
func (k *Keeper) run(ctx context.Context, started Started, deaths []time.Time) error {
	conn, proc, err := k.connect()
	if err != nil {
		return fmt.Errorf("starting the %s worker: %w", k.name, err)
	}
	defer conn.Close()
	out := NewOutbox(conn.Write)
	defer out.Close() // the worker's end says more than a failed write to it
	greeted := k.adopted != nil
	if greeted {
		k.adopted = nil
		out.Put("", Message{})
	} else {
		out.Put("hello", Message{Hello: &Hello{Version: ProtocolVersion, Pid: os.Getpid()}})
		started.Pid = proc.pid()
		k.emit(ctx, Event{Started: &started}, out)
	}

	ended := make(chan error, 1)
	go func() { ended <- k.receive(ctx, conn, proc, greeted) }()
	var pausing chan error
	paused, replaced := false, false
	for {
		select {
		case m := <-k.send:
			out.Put(m.key, m.m)
		case <-k.finish:
			k.finishing = true
		case pausing = <-k.pause:
			conn.interrupt()
		case reply := <-k.detach:
			if !paused {
				reply <- nil
				continue
			}
			h := conn.hand(out)
			h.Pid, h.Restart, h.Deaths = proc.pid(), started.Restart, deaths
			reply <- h
			return errDetached
		case reply := <-k.replace:
			replaced = true
			reply <- nil
			proc.kill()
		case err := <-ended:
			if errors.Is(err, errPaused) {
				paused = true
				pausing <- nil
				pausing = nil
				continue
			}
			if pausing != nil {
				pausing <- errNotRunning
			}
			conn.Close()
			if replaced {
				return errReplaced
			}
			return err
		case <-ctx.Done():
			proc.kill()
			conn.Close()
			if paused {
				return proc.wait()
			}
			return <-ended
		}
	}
}

// connect starts the process with one end of a new socket pair, or takes on
// the one that was handed over.
func (k *Keeper) connect() (*Conn, process, error) {
	if k.adopted != nil {
		return k.adopted.connect()
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, nil, err
	}
	defer theirs.Close()
	cmd, err := k.start(theirs)
	if err != nil {
		ours.Close()
		return nil, nil, err
	}
	return NewConn(ours), started{cmd}, nil
}

// receive passes the worker's messages on until it ends, and says how it did.
func (k *Keeper) receive(ctx context.Context, conn *Conn, proc process, greeted bool) error {
	readErr := k.read(ctx, conn, greeted)
	if errors.Is(readErr, errPaused) {
		return readErr
	}
	if readErr != nil {
		// A worker that cannot be understood must not go on holding addresses.
		proc.kill()
	}
	overdue := time.AfterFunc(lingering, proc.kill)
	defer overdue.Stop()
	waitErr := proc.wait()
	return errors.Join(readErr, waitErr)
}

func (k *Keeper) read(ctx context.Context, conn *Conn, greeted bool) error {
	for first := !greeted; ; first = false {
		m, err := conn.Read()
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed):
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return errPaused // only interrupt sets one
		case isReset(err):
			return nil // killed with our messages unread; how it ended says why
		case err != nil:
			return err
		case first && (m.Hello == nil || m.Hello.Version != ProtocolVersion):
			return fmt.Errorf("the %s worker speaks another version of the protocol", k.name)
		}
		select {
		case k.events <- Event{Worker: k.name, Received: &m}:
		case <-ctx.Done():
			return nil
		}
	}
}
