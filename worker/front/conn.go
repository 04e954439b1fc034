package front

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// Kind says what a frame has in it.
type Kind byte

// The kinds of frames.
const (
	Apply    Kind = 'a' // to the front: Settings in JSON
	Snapshot Kind = 's' // to the front: the status in the JSON of director status
	Failed   Kind = 'f' // to the front: why there is no snapshot
	Done     Kind = 'd' // to the front: an Answer in JSON
	Ask      Kind = 'q' // from the front: a snapshot is wanted; empty
	Do       Kind = 'r' // from the front: a Request in JSON
	Alive    Kind = 'l' // from the front: a Report in JSON
)

// The longest frames of each direction, in bytes. The status of 40,000 real servers takes 30 MB.
const (
	MaxFromFront = 16 << 10
	MaxToFront   = 256 << 20
)

// fd is the front's file descriptor of the connection: that of every worker.
const fd = 3

// Conn carries frames over a stream. One goroutine may read while another writes.
type Conn struct{ net.Conn }

// Pair makes the two ends of a connection: ours, and the one that a front inherits.
func Pair() (ours *Conn, theirs *os.File, err error) {
	syscall.ForkLock.RLock() // os/exec clears close-on-exec of the one that is inherited
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("making a socket pair: %w", err)
	}
	ours, err = fromFD(fds[0])
	if err != nil {
		return nil, nil, errors.Join(err, syscall.Close(fds[1]))
	}
	return ours, os.NewFile(uintptr(fds[1]), "supervisor"), nil
}

// Inherited is the front's end of the connection.
func Inherited() (*Conn, error) {
	syscall.CloseOnExec(fd)
	c, err := fromFD(fd)
	if err != nil {
		return nil, fmt.Errorf("taking on the connection to the supervisor: %w (a front is started by director run)", err)
	}
	return c, nil
}

func fromFD(fd int) (*Conn, error) {
	file := os.NewFile(uintptr(fd), "front")
	if file == nil {
		return nil, os.ErrInvalid
	}
	defer file.Close()
	c, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	return &Conn{c}, nil
}

// Send writes a frame; it takes so long at most, after which the connection cannot be used any more.
func (c *Conn) Send(kind Kind, body []byte, patience time.Duration) error {
	if err := c.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("sending %q: %w", kind, err)
	}
	var head [5]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(body)))
	head[4] = byte(kind)
	frame := net.Buffers{head[:], body}
	if _, err := frame.WriteTo(c.Conn); err != nil {
		return fmt.Errorf("sending %q: %w", kind, err)
	}
	return nil
}

// Receive reads a frame of so many bytes at most. It returns io.EOF when the other side is gone.
func (c *Conn) Receive(longest int) (Kind, []byte, error) {
	return c.ReceiveEach(func(Kind) int { return longest })
}

// ReceiveEach is Receive with a limit for each kind of frame.
func (c *Conn) ReceiveEach(longest func(Kind) int) (Kind, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(c.Conn, head[:]); err != nil {
		if errors.Is(err, syscall.ECONNRESET) {
			err = io.EOF // killed with unread frames
		}
		return 0, nil, err
	}
	size := int64(binary.BigEndian.Uint32(head[:]))
	if most := longest(Kind(head[4])); size > int64(most) {
		return 0, nil, fmt.Errorf("receiving a frame of %d bytes: at most %d are allowed", size, most)
	}
	var body bytes.Buffer // it grows as the bytes come: the length is not to be trusted
	if _, err := io.CopyN(&body, c.Conn, size); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, fmt.Errorf("receiving a frame of %d bytes: %w", size, err)
	}
	return Kind(head[4]), body.Bytes(), nil
}
