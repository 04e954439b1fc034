package worker

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"sync"
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
// Every message is a gob stream of its own: its type information costs some
// hundred bytes, and buys that a message can be read without those before it.
func (c *Conn) Write(m Message) error {
	c.seq++
	m.Seq = c.seq
	c.w.Reset()
	c.w.Write([]byte{0, 0, 0, 0})
	if err := gob.NewEncoder(&c.w).Encode(m); err != nil {
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
	var m Message
	if err := gob.NewDecoder(&body).Decode(&m); err != nil {
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

// Close ends the connection; a Read in progress returns.
func (c *Conn) Close() error { return c.close() }
