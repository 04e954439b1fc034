package worker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// A supervisor that is replaced by another program leaves its workers running.
// The worker sees one uninterrupted stream: no byte is lost or repeated, and
// nothing in it shows where one supervisor ended and the next began.

// handoffWriteTime is how long a worker that is handed over may take to read
// the messages that wait for it. What it has not read then is handed over too.
const handoffWriteTime = 500 * time.Millisecond

var (
	errNotRunning = errors.New("the worker is not running")
	errPaused     = errors.New("reading from the worker is paused")
	errDetached   = errors.New("the worker was handed over")
	errReplaced   = errors.New("the worker was killed to be replaced")
)

// Handed is a running worker on its way from one supervisor to the next.
type Handed struct {
	Pid int
	// Restart counts its predecessors, Deaths are those that count for back-off.
	// They belong to whoever decides when it is started again.
	Restart int
	Deaths  []time.Time
	// Seq and Seen are the numbers of the last message sent to it and read from it.
	Seq, Seen uint64
	// Unread are bytes received from it that are not a whole message yet. Unsent
	// are bytes that must be sent to it before any other message.
	Unread, Unsent []byte
	socket         *os.File
}

// Socket returns this process's end of the connection.
func (h *Handed) Socket() *os.File { return h.socket }

// SetSocket sets this process's end of the connection.
func (h *Handed) SetSocket(f *os.File) { h.socket = f }

// Adopt makes k begin with a worker that was handed over and is a child of this
// process. Run takes it on; it sends no Started event for it.
func Adopt(k *Keeper, h *Handed) *Keeper {
	k.adopted = h
	return k
}

// Pause stops reading from the worker, which runs on and can still be sent to.
// When it returns, every message that was read has been received from the event
// channel, from which somebody must receive meanwhile. It fails when the worker
// is not running.
func (k *Keeper) Pause() error { return k.ask(k.pause) }

// Kill kills the worker.
func (k *Keeper) Kill() error { return k.ask(k.kill) }

// Replace kills the worker; Died says that this was planned.
func (k *Keeper) Replace() error { return k.ask(k.replace) }

func (k *Keeper) ask(requests chan chan error) error {
	reply := make(chan error, 1)
	select {
	case requests <- reply:
		return <-reply
	case <-k.done:
		return errNotRunning
	}
}

// Detach ends Run and returns the worker, which runs on. It returns nil when the
// worker was not paused before.
func (k *Keeper) Detach() *Handed {
	reply := make(chan *Handed, 1)
	select {
	case k.detach <- reply:
		return <-reply
	case <-k.done:
		return nil
	}
}

// interrupt makes a Read in progress and every later one fail.
func (c *Conn) interrupt() {
	if s, ok := c.stream.(net.Conn); ok {
		_ = s.SetReadDeadline(time.Unix(1, 0)) // a closed one fails as well
	}
}

// hand takes the stream out of a connection that nobody reads from any longer.
// The worker at the other end does not notice.
func (c *Conn) hand(out *Outbox) *Handed {
	s := c.stream.(interface {
		net.Conn
		File() (*os.File, error)
	})
	_ = s.SetWriteDeadline(time.Now().Add(handoffWriteTime)) // a closed one fails as well
	h := &Handed{}
	if out.Close() != nil {
		h.Unsent = c.unsent
		c.w.Reset()
		for _, k := range out.left {
			_ = c.encode(k.m) // one that cannot be sent is lost, as it was before
		}
		h.Unsent = append(h.Unsent, c.w.Bytes()...)
	}
	h.Unread = c.unread
	buffered, _ := c.r.Peek(c.r.Buffered()) // cannot fail for what is buffered
	h.Unread = append(h.Unread, buffered...)
	h.Seq, h.Seen = c.seq, c.seen
	if file, err := s.File(); err == nil { // without a socket the next supervisor kills the worker
		h.socket = file
	}
	return h
}

// connect makes a connection to a worker that was handed over.
func (h *Handed) connect() (*Conn, process, error) {
	proc, err := os.FindProcess(h.Pid)
	if err != nil {
		return nil, nil, err
	}
	if h.socket == nil {
		child{proc}.kill()
		err := fmt.Errorf("taking on the worker with pid %d: its connection was lost", h.Pid)
		return nil, nil, errors.Join(err, child{proc}.wait())
	}
	defer h.socket.Close()
	stream, err := net.FileConn(h.socket)
	if err != nil {
		child{proc}.kill()
		err = fmt.Errorf("taking on the connection of the worker with pid %d: %w", h.Pid, err)
		return nil, nil, errors.Join(err, child{proc}.wait())
	}
	c := &Conn{
		stream: stream, seq: h.Seq, seen: h.Seen, ahead: h.Unsent, close: sync.OnceValue(stream.Close),
	}
	c.r = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(h.Unread), stream), readAhead)
	return c, child{proc}, nil
}

// Unread says that the worker has sent something that was not received from the
// event channel yet.
func (k *Keeper) Unread() bool {
	c := k.conn.Load()
	return c != nil && (k.delivering.Load() || c.waiting() > 0)
}
