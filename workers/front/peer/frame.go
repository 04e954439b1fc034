package peer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/lvs-director/director/worker/front"
)

// The kinds of frames. One that is not known is passed over.
const (
	kindHello   = 'h' // agree.Hello in JSON
	kindProof   = 'p' // agree.Proof
	kindRefused = 'x' // in the place of a proof: one of the faults of package front
	kindPing    = 'i' // the sender's clock
	kindPong    = 'o' // that of the ping, and that of the one who answers
	kindMessage = 'm' // message in JSON
)

// maxFrame bounds a frame of a peer that has proved the key.
const maxFrame = front.MaxPeerMessage + 1<<10

// Limits of time: of a peer that says nothing, of one frame, and of writing one.
const (
	deadAfter     = 5 * time.Second
	frameTime     = 30 * time.Second
	writePatience = 10 * time.Second
)

func writeFrame(c net.Conn, kind byte, body []byte) error {
	frame := make([]byte, 5, 5+len(body))
	binary.BigEndian.PutUint32(frame, uint32(len(body)))
	frame[4] = kind
	_, err := c.Write(append(frame, body...))
	return err
}

// readFrame reads a frame of at most so many bytes from r.
func readFrame(r io.Reader, longest int) (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	size := int64(binary.BigEndian.Uint32(head[:]))
	if size > int64(longest) {
		return 0, nil, fmt.Errorf("it sends a frame of %d bytes: at most %d are allowed", size, longest)
	}
	var b bytes.Buffer // it grows as the bytes come
	if _, err := io.CopyN(&b, r, size); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return head[4], b.Bytes(), nil
}

// lively is a connection of which each read waits for deadAfter at most.
type lively struct {
	net.Conn
	until time.Time // when the frame has to be whole; zero is that none has begun
}

func (l *lively) Read(b []byte) (int, error) {
	now := time.Now()
	if !l.until.IsZero() && now.After(l.until) {
		return 0, os.ErrDeadlineExceeded
	}
	if err := l.SetReadDeadline(now.Add(deadAfter)); err != nil {
		return 0, err
	}
	n, err := l.Conn.Read(b)
	if l.until.IsZero() && n > 0 {
		l.until = now.Add(frameTime)
	}
	return n, err
}
