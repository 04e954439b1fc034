package probe

import (
	"errors"
	"time"

	"github.com/lvs-director/director/deadline"
	"golang.org/x/sys/unix"
)

// datagramOp is a datagram that was sent and whose answer is awaited.
type datagramOp struct {
	deadline.Entry
	endpoint
	payload []byte
	take    func([]byte, int) bool
	done    func(error)
	fd      int // -1 is none
	ended   bool
}

func (op *datagramOp) begin(l *loop, now time.Time) {
	if op.ended { // cancelled before it began
		return
	}
	if err := op.open(l); err != nil {
		op.end(l, err)
		return
	}
	l.deadlines.Set(op, now.Add(op.timeout))
	if err := unix.Send(op.fd, op.payload, 0); err != nil {
		op.end(l, sendError(err))
	}
}

// open makes a socket that takes in only what comes from the server: datagrams, and the
// ICMP errors that answer ours.
func (op *datagramOp) open(l *loop) error {
	fd, err := openSocket(op.endpoint, unix.SOCK_DGRAM, unix.IPPROTO_UDP)
	if err != nil {
		return err
	}
	op.fd = fd
	// Without it the kernel keeps back that a host or a network cannot be reached.
	if op.to.Addr().Is6() {
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
	} else {
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
	}
	sa, err := sockaddr(op.to)
	if err != nil {
		return &localError{"address", err}
	}
	switch err := unix.Connect(fd, sa); {
	case errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.EADDRINUSE), errors.Is(err, unix.EAGAIN):
		return &localError{"local port", err}
	case err != nil:
		return err
	}
	if err := l.watch(fd, unix.EPOLLIN, op); err != nil {
		return &localError{"wait for a socket", err}
	}
	return nil
}

// sendError is what kept a datagram from leaving: a lack of this host, or the way to the server.
func sendError(err error) error {
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENOMEM),
		errors.Is(err, unix.EPERM), errors.Is(err, unix.EMSGSIZE):
		return &localError{doingSend, err}
	}
	return err
}

func (op *datagramOp) readyFor(l *loop, _ uint32) {
	for range maxPackets {
		n, _, err := unix.Recvfrom(op.fd, l.buffer[:], unix.MSG_TRUNC)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			return
		case err != nil:
			op.end(l, err)
			return
		case op.take(l.buffer[:min(n, len(l.buffer))], n):
			op.end(l, nil)
			return
		}
	}
}

func (op *datagramOp) end(l *loop, err error) {
	if op.ended {
		return
	}
	op.ended = true
	l.deadlines.Remove(op)
	if op.fd >= 0 {
		l.closeWatched(op.fd)
		op.fd = -1
	}
	if err != errClosed {
		op.done(err)
	}
}
