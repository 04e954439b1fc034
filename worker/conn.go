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
}

// NewConn makes a connection of a stream.
func NewConn(stream io.ReadWriteCloser) *Conn {
	return &Conn{stream: stream, r: bufio.NewReader(stream), close: sync.OnceValue(stream.Close)}
}

// Write sends one message and gives it the next number.
//
// Every message can be read without those before it. A configuration is gob,
// which is a third of its JSON in size and a quarter in time; but each gob
// stream begins with the description of all types, which both sides work on
// for most of a millisecond. Thousands of instances that move at once have an
// event each: events are JSON.
func (c *Conn) Write(m Message) error {
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
		return fmt.Errorf("encoding message %d: %w", m.Seq, err)
	}
	frame := c.w.Bytes()
	size := len(frame) - 4
	if size > MaxFrame {
		return fmt.Errorf("message %d has %d bytes, more than the %d that may be sent", m.Seq, size, MaxFrame)
	}
	binary.BigEndian.PutUint32(frame, uint32(size))
	if _, err := c.stream.Write(frame); err != nil {
		return fmt.Errorf("sending message %d: %w", m.Seq, err)
	}
	if c.w.Cap() > 1<<20 {
		c.w = bytes.Buffer{} // a configuration is rare; do not hold its size for ever
	}
	return nil
}

// Read returns the next message. It returns io.EOF at a clean end of the
// stream, and any other error when the connection cannot be used further.
func (c *Conn) Read() (Message, error) {
	var head [4]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
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
