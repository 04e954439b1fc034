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
// What a worker hears is one stream: no byte of it is lost or doubled, and the
// end of one supervisor and the beginning of the next cannot be seen in it.

// handPatience is how long a worker that is handed over may take to read what
// waits for it; what it has not read then is handed over as well.
const handPatience = 500 * time.Millisecond

var (
	errNotRunning = errors.New("the worker does not run")
	errPaused     = errors.New("nothing is read from the worker any more")
	errDetached   = errors.New("the worker was handed over")
	errReplaced   = errors.New("the worker was ended to be replaced")
)

// Handed is a running worker without a supervisor.
type Handed struct {
	Pid     int
	Restart int         // as in Started
	Deaths  []time.Time // of its predecessors, as far as they count
	// Seq and Seen are the numbers of the last message to it and from it.
	Seq, Seen uint64
	// Unread has come from it and makes no message yet. Unsent is to go to it
	// before any other message.
	Unread, Unsent []byte
	socket         *os.File
}

// Socket is this process's end of the connection.
func (h *Handed) Socket() *os.File { return h.socket }

// SetSocket says under which descriptor the connection is known in this process.
func (h *Handed) SetSocket(f *os.File) { h.socket = f }

// Adopt makes a keeper of a worker that was handed over, and that is a child of
// this process. Run goes on with it; there is no event that it has started.
func Adopt(k *Keeper, h *Handed) *Keeper {
	k.adopted = h
	return k
}

// Pause ends the hearing of the worker, which runs on and can be sent to. When
// it returns all that was heard has been received from the events, which
// somebody must do meanwhile. A worker that does not run is an error.
func (k *Keeper) Pause() error { return k.ask(k.pause) }

// Replace kills the worker, so that it is started again. It counts as no death.
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

// Detach gives up a worker that was paused, and ends Run. It is nil when the
// worker was not.
func (k *Keeper) Detach() *Handed {
	reply := make(chan *Handed, 1)
	select {
	case k.detach <- reply:
		return <-reply
	case <-k.done:
		return nil
	}
}

// interrupt makes a Read in progress, and every later one, fail.
func (c *Conn) interrupt() {
	if s, ok := c.stream.(net.Conn); ok {
		_ = s.SetReadDeadline(time.Unix(1, 0)) // a closed one fails as well
	}
}

// hand takes the stream out of a connection that nobody reads from any more,
// and closes this end of it without the other noticing.
func (c *Conn) hand(out *Outbox) *Handed {
	s := c.stream.(interface {
		net.Conn
		File() (*os.File, error)
	})
	_ = s.SetWriteDeadline(time.Now().Add(handPatience)) // a closed one fails as well
	h := &Handed{}
	if out.Close() != nil {
		h.Unsent = c.unsent
		for _, k := range out.left {
			if frame, err := c.frame(k.m); err == nil {
				h.Unsent = append(h.Unsent, frame...)
			}
		}
	}
	h.Unread = c.unread
	buffered, _ := c.r.Peek(c.r.Buffered()) // what is buffered can be had
	h.Unread = append(h.Unread, buffered...)
	h.Seq, h.Seen = c.seq, c.seen
	if file, err := s.File(); err == nil { // else whoever takes it on finds no socket, and kills the worker
		h.socket = file
	}
	return h
}

// connect takes a worker on.
func (h *Handed) connect() (*Conn, process, error) {
	proc, err := os.FindProcess(h.Pid)
	if err != nil {
		return nil, nil, err
	}
	if h.socket == nil {
		child{proc}.kill()
		return nil, nil, errors.Join(errors.New("its connection was lost"), child{proc}.wait())
	}
	defer h.socket.Close()
	stream, err := net.FileConn(h.socket)
	if err != nil {
		child{proc}.kill()
		return nil, nil, fmt.Errorf("using the connection of pid %d: %w", h.Pid, errors.Join(err, child{proc}.wait()))
	}
	c := &Conn{
		stream: stream, seq: h.Seq, seen: h.Seen, ahead: h.Unsent, close: sync.OnceValue(stream.Close),
	}
	c.r = bufio.NewReader(io.MultiReader(bytes.NewReader(h.Unread), stream))
	return c, child{proc}, nil
}
