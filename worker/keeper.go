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
}

// Keeper keeps one worker process running. Run does the work; Send and Finish
// may be called from any goroutine while Run runs.
type Keeper struct {
	name   string
	start  func(peer *os.File) (*exec.Cmd, error)
	events chan<- Event
	send   chan keyed
	finish chan struct{}
	done   chan struct{}
	// finishing is Run's: the current life of the worker is the last one.
	finishing bool
}

// NewKeeper makes a keeper of the worker name. start starts it, every time
// anew, with peer, its end of the connection, as file descriptor ConnFD.
// Events are sent to events, which somebody must receive from until Run ends.
func NewKeeper(name string, start func(peer *os.File) (*exec.Cmd, error), events chan<- Event) *Keeper {
	return &Keeper{
		name: name, start: start, events: events,
		send: make(chan keyed), finish: make(chan struct{}), done: make(chan struct{}),
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
// ended, or until ctx ends, which kills it.
func (k *Keeper) Run(ctx context.Context) error {
	defer close(k.done)
	var deaths []time.Time
	for restart := 0; ; restart++ {
		var died time.Time
		if n := len(deaths); n > 0 {
			died = deaths[n-1]
		}
		err := k.run(ctx, Started{Restart: restart, Died: died})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		now := time.Now()
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
		k.pause(ctx, wait)
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

// pause waits between two runs, in which messages are lost.
func (k *Keeper) pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for !k.finishing {
		select {
		case <-timer.C:
			return
		case <-k.send:
		case <-k.finish:
			k.finishing = true
		case <-ctx.Done():
			return
		}
	}
}

// run is one life of the worker.
func (k *Keeper) run(ctx context.Context, started Started) error {
	conn, cmd, err := k.connect()
	if err != nil {
		return fmt.Errorf("starting the %s worker: %w", k.name, err)
	}
	defer conn.Close()
	out := NewOutbox(conn.Write)
	defer out.Close() // the worker's end says more than a failed write to it
	out.Put("hello", Message{Hello: &Hello{Version: ProtocolVersion, Pid: os.Getpid()}})
	started.Pid = cmd.Process.Pid
	k.emit(ctx, Event{Started: &started}, out)

	ended := make(chan error, 1)
	go func() { ended <- k.receive(ctx, conn, cmd) }()
	for {
		select {
		case m := <-k.send:
			out.Put(m.key, m.m)
		case <-k.finish:
			k.finishing = true
		case err := <-ended:
			conn.Close()
			return err
		case <-ctx.Done():
			_ = cmd.Process.Kill()
			conn.Close()
			return <-ended
		}
	}
}

// connect starts the process with one end of a new socket pair.
func (k *Keeper) connect() (*Conn, *exec.Cmd, error) {
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
	return NewConn(ours), cmd, nil
}

// receive passes the worker's messages on until it ends, and says how it did.
func (k *Keeper) receive(ctx context.Context, conn *Conn, cmd *exec.Cmd) error {
	readErr := k.read(ctx, conn)
	if readErr != nil {
		// A worker that cannot be understood must not go on holding addresses.
		_ = cmd.Process.Kill()
	}
	overdue := time.AfterFunc(lingering, func() { _ = cmd.Process.Kill() })
	defer overdue.Stop()
	waitErr := cmd.Wait()
	return errors.Join(readErr, waitErr)
}

func (k *Keeper) read(ctx context.Context, conn *Conn) error {
	for first := true; ; first = false {
		m, err := conn.Read()
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed):
			return nil
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
