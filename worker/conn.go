package worker

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// The first byte of a message says how the rest is written.
const (
	inGob  = 'g'
	inJSON = 'j'
)

// MaxFrame bounds one message on the wire, in bytes. A configuration of 40,000
// real servers takes 7 MB.
const MaxFrame = 64 << 20

// Conn carries messages over a stream. One goroutine may read while another
// writes; Close may be called from any.
type Conn struct {
	stream io.ReadWriteCloser
	r      *bufio.Reader
	w      bytes.Buffer
	seq    uint64
	seen   uint64
	close  func() error
	// What is left when a deadline ends a Read or a Write: the bytes that were
	// read and make no message yet, and those that were not sent.
	unread, unsent []byte
	ahead          []byte // goes out before the next message
}

// NewConn makes a connection of a stream.
func NewConn(stream io.ReadWriteCloser) *Conn {
	return &Conn{stream: stream, r: bufio.NewReader(stream), close: sync.OnceValue(stream.Close)}
}

// Write sends one message and gives it the next number. An empty one sends only
// what is left of those before.
//
// Every message can be read without those before it. A configuration is gob,
// which is a third of its JSON in size and a quarter in time; but each gob
// stream begins with the description of all types, which both sides work on
// for most of a millisecond. Thousands of instances that move at once have an
// event each: events are JSON.
func (c *Conn) Write(m Message) error {
	if len(c.ahead) > 0 {
		n, err := c.stream.Write(c.ahead)
		c.ahead = c.ahead[n:]
		if err != nil {
			c.unsent = c.ahead
			return fmt.Errorf("sending what was left of the messages before: %w", err)
		}
	}
	if m == (Message{}) {
		return nil
	}
	frame, err := c.frame(m)
	if err != nil {
		return err
	}
	if n, err := c.stream.Write(frame); err != nil {
		c.unsent = append([]byte(nil), frame[n:]...)
		return fmt.Errorf("sending message %d: %w", c.seq, err)
	}
	if c.w.Cap() > 1<<20 {
		c.w = bytes.Buffer{} // a configuration is rare; do not hold its size for ever
	}
	return nil
}

// frame is the next message as it goes over the wire, until the next call.
func (c *Conn) frame(m Message) ([]byte, error) {
	c.seq++
	m.Seq = c.seq
	c.w.Reset()
	c.w.Write([]byte{0, 0, 0, 0})
	var err error
	if m.Configure != nil {
		c.w.WriteByte(inGob)
		err = gob.NewEncoder(&c.w).Encode(m)
	} else {
		c.w.WriteByte(inJSON)
		err = json.NewEncoder(&c.w).Encode(m)
	}
	if err != nil {
		return nil, fmt.Errorf("encoding message %d: %w", m.Seq, err)
	}
	frame := c.w.Bytes()
	size := len(frame) - 4
	if size > MaxFrame {
		return nil, fmt.Errorf("message %d has %d bytes, more than the %d that may be sent", m.Seq, size, MaxFrame)
	}
	binary.BigEndian.PutUint32(frame, uint32(size))
	return frame, nil
}

// Read returns the next message. It returns io.EOF at a clean end of the
// stream, and any other error when the connection cannot be used further.
func (c *Conn) Read() (Message, error) {
	var head [4]byte
	if n, err := io.ReadFull(c.r, head[:]); err != nil {
		c.unread = append(c.unread, head[:n]...)
		if errors.Is(err, io.EOF) {
			return Message{}, io.EOF
		}
		return Message{}, fmt.Errorf("reading a message's length: %w", err)
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > MaxFrame {
		return Message{}, fmt.Errorf("reading a message: %d bytes announced, at most %d are allowed", size, MaxFrame)
	}
	// The body is read as it comes, not allocated by what its length claims.
	var body bytes.Buffer
	if _, err := io.CopyN(&body, c.r, int64(size)); err != nil {
		c.unread = append(append(c.unread, head[:]...), body.Bytes()...)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Message{}, fmt.Errorf("reading a message of %d bytes: %w", size, err)
	}
	m, err := decode(body.Bytes())
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // io.EOF would say that the stream ended well
		}
		return Message{}, fmt.Errorf("decoding a message of %d bytes: %w", size, err)
	}
	if m.Seq != c.seen+1 {
		return Message{}, fmt.Errorf("message %d follows message %d: some were lost", m.Seq, c.seen)
	}
	c.seen = m.Seq
	return m, nil
}

func decode(body []byte) (m Message, err error) {
	if len(body) == 0 {
		return m, io.EOF
	}
	switch body[0] {
	case inGob:
		err = gob.NewDecoder(bytes.NewReader(body[1:])).Decode(&m)
	case inJSON:
		err = json.Unmarshal(body[1:], &m)
	default:
		err = fmt.Errorf("it begins with %q", body[0])
	}
	return m, err
}

// Close ends the connection; a Read in progress returns.
func (c *Conn) Close() error { return c.close() }
