package peer

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/lvs-director/director/workers/front/peer/agree"
)

// pingInterval is how often each side says something, so that the other hears that it is there.
const pingInterval = time.Second

// What a peer may say: messages, and bytes of them. What is more waits in its socket.
const (
	messagesPerSecond, messagesAtOnce = 3, 4
	bytesPerSecond, bytesAtOnce       = 1 << 20, 8 << 20
)

// intake is how much a peer may say. It outlives a session: one that connects anew has no more than before.
type intake struct {
	mu                      sync.Mutex
	messages, bytes, frames agree.Pace
}

func newIntake() intake {
	return intake{
		messages: agree.Pace{PerSecond: messagesPerSecond, AtOnce: messagesAtOnce},
		bytes:    agree.Pace{PerSecond: bytesPerSecond, AtOnce: bytesAtOnce},
		frames:   agree.Pace{PerSecond: 20, AtOnce: 50},
	}
}

// take takes so many frames, messages and bytes, and says how long to wait before the next.
func (i *intake) take(now time.Time, frames, messages, bytes int) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	return max(i.frames.Take(now, float64(frames)), i.messages.Take(now, float64(messages)),
		i.bytes.Take(now, float64(bytes)))
}

// message is what a supervisor tells another one.
type message struct {
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`
}

// session is a connection to a peer that has proved the key.
type session struct {
	c    *tls.Conn
	peer met
	link agree.Link
	may  *intake

	mu     sync.Mutex
	outbox []message // at most one of each kind
	pong   []byte    // to be sent; nil is none
	pinged time.Time // when the last ping left
	wake   chan struct{}
}

func newSession(c *tls.Conn, peer met, dialed bool, may *intake) *session {
	return &session{
		c: c, peer: peer, link: agree.Link{ID: peer.ID, Dialed: dialed}, may: may, wake: make(chan struct{}, 1),
	}
}

// tell has a message sent, in the place of one of its kind that has not left.
func (s *session) tell(m message) {
	s.mu.Lock()
	known := false
	for n := range s.outbox {
		if s.outbox[n].Kind == m.Kind {
			s.outbox[n], known = m, true
		}
	}
	if !known {
		s.outbox = append(s.outbox, m)
	}
	s.mu.Unlock()
	s.stir()
}

func (s *session) stir() {
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
}

// run carries messages until the peer is gone or the connection is closed; it closes it.
func (s *session) run(ctx context.Context, heard func(message) error,
	clock func(offset, roundTrip time.Duration)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	closing := context.AfterFunc(ctx, func() { s.c.NetConn().Close() }) // does not wait for a peer that does not read
	defer closing()
	written := make(chan error, 1)
	go func() {
		written <- s.write(ctx)
		stop()
	}()
	err := s.read(ctx, heard, clock)
	ended := ctx.Err() != nil
	stop()
	s.c.NetConn().Close()
	if failed := <-written; ended && failed != nil {
		err = failed
	}
	return spoken(err)
}

// spoken is an end of a session for people.
func spoken(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("it has said nothing for " + deadAfter.String())
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE):
		return errors.New("it has ended the connection")
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}

func (s *session) read(ctx context.Context, heard func(message) error,
	clock func(offset, roundTrip time.Duration)) error {
	wait := s.may.take(time.Now(), 0, 0, 0) // for what the sessions before have taken
	for {
		if wait > 0 && !sleep(ctx, wait) {
			return ctx.Err()
		}
		kind, body, err := readFrame(&lively{Conn: s.c}, maxFrame)
		if err != nil {
			return err
		}
		now := time.Now()
		wait = s.may.take(now, 1, 0, len(body))
		switch {
		case kind == kindPing && len(body) == 8:
			s.mu.Lock()
			s.pong = binary.BigEndian.AppendUint64(body[:8:8], uint64(now.UnixNano()))
			s.mu.Unlock()
			s.stir()
		case kind == kindPong && len(body) == 16:
			s.mu.Lock()
			pinged := s.pinged
			s.mu.Unlock()
			if int64(binary.BigEndian.Uint64(body)) == pinged.UnixNano() {
				took := now.Sub(pinged)
				there := time.Unix(0, int64(binary.BigEndian.Uint64(body[8:])))
				clock(there.Sub(now.Round(0).Add(-took/2)), took)
			}
		case kind == kindMessage:
			wait = max(wait, s.may.take(now, 0, 1, 0))
			var m message
			if err := json.Unmarshal(body, &m); err != nil {
				return errors.New("it sends a message that is not understood")
			}
			if err := heard(m); err != nil {
				return err
			}
		}
	}
}

// sleep waits; false is that ctx has ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *session) write(ctx context.Context) error {
	ping := time.NewTicker(pingInterval)
	defer ping.Stop()
	due := true
	for {
		if err := s.c.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
			return err
		}
		if due {
			now := time.Now()
			s.mu.Lock()
			s.pinged = now
			s.mu.Unlock()
			if err := writeFrame(s.c, kindPing, binary.BigEndian.AppendUint64(nil, uint64(now.UnixNano()))); err != nil {
				return err
			}
			due = false
		}
		s.mu.Lock()
		pong, list := s.pong, s.outbox
		s.pong, s.outbox = nil, nil
		s.mu.Unlock()
		if pong != nil {
			if err := writeFrame(s.c, kindPong, pong); err != nil {
				return err
			}
		}
		for _, m := range list {
			text, err := json.Marshal(m)
			if err != nil || len(text) > maxFrame {
				continue // the supervisor sends none of these
			}
			if err := s.c.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
				return err
			}
			if err := writeFrame(s.c, kindMessage, text); err != nil {
				return err
			}
		}
		select {
		case <-s.wake:
		case <-ping.C:
			due = true
		case <-ctx.Done():
			return nil
		}
	}
}
