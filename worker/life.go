package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// lingerTime is how long a worker may live after it closed its connection.
const lingerTime = 2 * time.Second

// run is one life of the worker, or the rest of it when the worker was adopted.
func (k *Keeper) run(ctx context.Context) error {
	greeted := k.adopted != nil
	k.greeted.Store(greeted)
	conn, proc, err := k.connect()
	k.adopted = nil // one that cannot be taken on is ended, and the next one is started
	if err != nil {
		return fmt.Errorf("starting the %s worker: %w", k.name, err)
	}
	defer conn.Close()
	k.conn.Store(conn)
	out := NewOutboxOf(conn.WriteAll, AtOnce)
	defer out.Close() // its error is not needed: how the worker ended says more
	if greeted {
		out.Put("", Message{})
	} else {
		out.Put("hello", Message{Hello: NewHello()})
		k.emit(ctx, Event{Started: &Started{Pid: proc.pid()}}, out)
	}

	ended := make(chan error, 1)
	go func() { ended <- k.receive(ctx, conn, proc, greeted) }()
	var pausing chan error
	paused, replaced := false, false
	for {
		select {
		case m := <-k.send:
			out.Put(m.key, m.m)
		case pausing = <-k.pause:
			conn.interrupt()
		case reply := <-k.detach:
			if !paused {
				reply <- nil
				continue
			}
			h := conn.hand(out)
			h.Pid = proc.pid()
			reply <- h
			return errDetached
		case reply := <-k.kill:
			reply <- nil
			proc.kill()
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

// connect starts the process with one end of a new socket pair, or takes on the
// process that was handed over.
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

// receive passes the worker's messages on until it ends, and returns how it ended.
func (k *Keeper) receive(ctx context.Context, conn *Conn, proc process, greeted bool) error {
	readErr := k.read(ctx, conn, greeted)
	if errors.Is(readErr, errPaused) {
		return readErr
	}
	if readErr != nil {
		// A worker whose messages cannot be read must not go on holding addresses.
		proc.kill()
	}
	overdue := time.AfterFunc(lingerTime, proc.kill)
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
			return nil // killed with unread messages; its exit status says why
		case err != nil:
			return err
		case first && m.Hello == nil:
			return fmt.Errorf("the %s worker did not begin with a hello", k.name)
		case first && !m.Hello.Readable():
			return fmt.Errorf("the %s worker speaks version %d of the protocol, this program reads %d to %d",
				k.name, m.Hello.Version, OldestProtocol, ProtocolVersion)
		}
		k.greeted.Store(true)
		k.delivering.Store(true)
		select {
		case k.events <- Event{Worker: k.name, Received: &m}:
			k.delivering.Store(len(conn.pending) > 0)
		case <-ctx.Done():
			return nil
		}
	}
}
