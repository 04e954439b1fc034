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

// The first byte of a message says how the rest is encoded.
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
	// What remains when a deadline ends a Read or a Write: bytes that were read
	// and are not a whole message yet, and bytes that were not sent.
	unread, unsent []byte
	ahead          []byte // is sent before the next message
}

// NewConn returns a connection over a stream.
func NewConn(stream io.ReadWriteCloser) *Conn {
	return &Conn{stream: stream, r: bufio.NewReader(stream), close: sync.OnceValue(stream.Close)}
}

// Write numbers one message and sends it. The empty message sends only what is
// left of earlier ones.
//
// Every message can be decoded without the ones before it. A configuration is
// encoded as gob, which takes a third of the size and a quarter of the time of
// JSON. Events are encoded as JSON: each gob stream begins with a description
// of all types, which costs both sides most of a millisecond, and when thousands
// of instances change state at once each of them sends an event.
func (c *Conn) Write(m Message) error {
	if len(c.ahead) > 0 {
		n, err := c.stream.Write(c.ahead)
		c.ahead = c.ahead[n:]
		if err != nil {
			c.unsent = c.ahead
			return fmt.Errorf("sending the rest of earlier messages: %w", err)
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
		c.w = bytes.Buffer{} // configurations are rare: free their memory
	}
	return nil
}

// frame encodes the next message. The result is valid until the next call.
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
		return nil, fmt.Errorf("message %d has %d bytes: at most %d are allowed", m.Seq, size, MaxFrame)
	}
	binary.BigEndian.PutUint32(frame, uint32(size))
	return frame, nil
}

// Read returns the next message. It returns io.EOF when the stream ends between
// two messages, and another error when the connection cannot be used any longer.
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
		return Message{}, fmt.Errorf("reading a message: its length is %d bytes, at most %d are allowed", size, MaxFrame)
	}
	// The buffer grows as data arrives: the claimed length is not to be trusted.
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
			err = io.ErrUnexpectedEOF // io.EOF would mean a clean end
		}
		return Message{}, fmt.Errorf("decoding a message of %d bytes: %w", size, err)
	}
	if m.Seq != c.seen+1 {
		return Message{}, fmt.Errorf("message %d follows message %d: messages were lost", m.Seq, c.seen)
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
		err = fmt.Errorf("unknown encoding %q", body[0])
	}
	return m, err
}

// Close ends the connection; a Read in progress returns.
func (c *Conn) Close() error { return c.close() }
