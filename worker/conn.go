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
	"sync/atomic"

	"github.com/lvs-director/director/conf"
)

// The first byte of a message says how the rest is encoded.
const (
	inGob   = 'g'
	inJSON  = 'j'
	inBatch = 'b'
)

// MaxFrame bounds one message on the wire, in bytes. A configuration of 40,000
// real servers takes 7 MB.
const MaxFrame = 64 << 20

// readAhead is how much is read in one call when it is there, in bytes: some hundred events.
const readAhead = 64 << 10

// inText is a message in JSON: one without a configuration, whose types json would look at in each
// process before its first message, although they are never told in JSON.
type inText struct {
	*Message
	Configure *struct{} `json:",omitempty"` // hides that of Message
}

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
	// pending are messages of a batch that Read has not returned yet.
	pending []Message
	// batches and unchanged say that the other side reads batches, and configurations
	// without what is unchanged.
	batches, unchanged atomic.Bool
	// sent and received are the virtual servers of the last configuration.
	sent, received []*conf.VirtualServer
}

// NewConn returns a connection over a stream.
func NewConn(stream io.ReadWriteCloser) *Conn {
	return &Conn{stream: stream, r: bufio.NewReaderSize(stream, readAhead), close: sync.OnceValue(stream.Close)}
}

// Write is WriteAll of one message.
func (c *Conn) Write(m Message) error { return c.WriteAll([]Message{m}) }

// WriteAll numbers messages and sends them, all at once: thousands of events that come
// together cost few system calls. The empty message sends only what is left of earlier
// ones.
//
// Every message can be decoded without the ones before it, though a configuration may
// leave out the virtual servers that the reader has. A configuration is
// encoded as gob, which takes a third of the size and a quarter of the time of
// JSON. Events are encoded as JSON: each gob stream begins with a description
// of all types, which costs both sides most of a millisecond, and when thousands
// of instances change state at once each of them sends an event.
func (c *Conn) WriteAll(list []Message) error {
	c.w.Reset()
	c.w.Write(c.ahead)
	c.ahead = nil
	var wrong error
	for len(list) > 0 && wrong == nil { // those before a wrong one are sent
		n := 1
		if many := batched(list); many >= batchFrom && c.batches.Load() {
			n = many
			wrong = c.encodeBatch(list[:n])
		} else if list[0] != (Message{}) {
			wrong = c.encode(list[0])
		}
		list = list[n:]
	}
	if frames := c.w.Bytes(); len(frames) > 0 {
		if n, err := c.stream.Write(frames); err != nil {
			c.unsent = append([]byte(nil), frames[n:]...)
			return fmt.Errorf("sending message %d: %w", c.seq, err)
		}
	}
	if c.w.Cap() > 1<<20 {
		c.w = bytes.Buffer{} // configurations are rare: free their memory
	}
	return wrong
}

// encode appends the next message to what is to be sent; one that cannot be sent leaves
// nothing there.
func (c *Conn) encode(m Message) error {
	c.seq++
	m.Seq = c.seq
	if m.Configure != nil {
		m = c.withoutUnchanged(m)
	}
	begin := c.w.Len()
	c.w.Write([]byte{0, 0, 0, 0})
	var err error
	if m.Configure != nil {
		c.w.WriteByte(inGob)
		err = gob.NewEncoder(&c.w).Encode(m)
	} else {
		c.w.WriteByte(inJSON)
		err = json.NewEncoder(&c.w).Encode(inText{Message: &m})
	}
	size := c.w.Len() - begin - 4
	if err == nil && size > MaxFrame {
		err = fmt.Errorf("it has %d bytes: at most %d are allowed", size, MaxFrame)
	}
	if err != nil {
		c.w.Truncate(begin)
		return fmt.Errorf("encoding message %d: %w", m.Seq, err)
	}
	binary.BigEndian.PutUint32(c.w.Bytes()[begin:], uint32(size))
	return nil
}

// Read returns the next message. It returns io.EOF when the stream ends between
// two messages, and another error when the connection cannot be used any longer.
func (c *Conn) Read() (Message, error) {
	if len(c.pending) > 0 {
		return c.next(), nil
	}
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
	body, err := c.body(int(size))
	if err != nil {
		c.unread = append(append(c.unread, head[:]...), body...)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Message{}, fmt.Errorf("reading a message of %d bytes: %w", size, err)
	}
	list, err := decode(body)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // io.EOF would mean a clean end
		}
		return Message{}, fmt.Errorf("decoding a message of %d bytes: %w", size, err)
	}
	c.pending = list
	m := c.next()
	if m.Seq != c.seen+1 {
		return Message{}, fmt.Errorf("message %d follows message %d: messages were lost", m.Seq, c.seen)
	}
	c.seen += uint64(len(list))
	if m.Hello != nil {
		c.batches.Store(m.Hello.Batches)
		c.unchanged.Store(m.Hello.Unchanged)
	}
	if m.Configure != nil {
		if err := c.withUnchanged(m.Configure); err != nil {
			return Message{}, fmt.Errorf("reading message %d: %w", m.Seq, err)
		}
	}
	return m, nil
}

// next takes the first of the messages that wait, and lets go of it: it may have megabytes.
func (c *Conn) next() Message {
	m := c.pending[0]
	c.pending[0] = Message{}
	c.pending = c.pending[1:]
	return m
}

// body reads the rest of a message, to be used before the next call of Read. With an error
// it returns what it has read.
func (c *Conn) body(size int) ([]byte, error) {
	if size <= c.r.Size() {
		// Most messages: they are decoded where they are.
		body, err := c.r.Peek(size)
		if err != nil {
			return nil, err // what is there stays there
		}
		_, err = c.r.Discard(size)
		return body, err
	}
	// The buffer grows as data arrives: the claimed length is not to be trusted.
	var body bytes.Buffer
	_, err := io.CopyN(&body, c.r, int64(size))
	return body.Bytes(), err
}

// decode returns the messages of a frame, at least one.
func decode(body []byte) ([]Message, error) {
	if len(body) == 0 {
		return nil, io.EOF
	}
	if body[0] == inBatch {
		return decodeBatch(body[1:])
	}
	var m Message
	var err error
	switch body[0] {
	case inGob:
		err = gob.NewDecoder(bytes.NewReader(body[1:])).Decode(&m)
	case inJSON:
		err = json.Unmarshal(body[1:], &inText{Message: &m})
	default:
		err = fmt.Errorf("unknown encoding %q", body[0])
	}
	return []Message{m}, err
}

// Close ends the connection; a Read in progress returns.
func (c *Conn) Close() error { return c.close() }
