package probe

import (
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/lvs-director/director/deadline"
	"golang.org/x/sys/unix"
)

// socket is the socket of a TCP connection in the loop.
type socket struct {
	deadline.Entry
	fd    int // -1 is none
	ended bool
}

// connect begins a connection and has h called for events on it.
func (s *socket) connect(l *loop, e endpoint, events uint32, h handler) error {
	fd, err := openSocket(e, unix.SOCK_STREAM, unix.IPPROTO_TCP)
	if err != nil {
		return err
	}
	s.fd = fd
	if e.port != 0 {
		// A source port of our own must be free again for the next run: closing
		// resets the connection rather than leave it in TIME_WAIT.
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	errno, err := connect(fd, e.to)
	if err != nil {
		return &localError{"address", err}
	}
	switch errno {
	case 0, unix.EINPROGRESS, unix.EINTR:
		if err := l.watch(fd, events, h); err != nil {
			return &localError{"wait for a socket", err}
		}
		return nil
	case unix.EADDRNOTAVAIL, unix.EADDRINUSE, unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM:
		return &localError{"local port", errno}
	}
	return errno
}

// made says how the attempt to connect has ended.
func (s *socket) made(events uint32) error {
	if events&(unix.EPOLLERR|unix.EPOLLHUP) == 0 {
		return nil
	}
	errno, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		return &localError{"state of a socket", err}
	case errno != 0:
		return unix.Errno(errno)
	}
	return nil
}

func (s *socket) close(l *loop) {
	if s.fd >= 0 {
		l.closeWatched(s.fd)
		s.fd = -1
	}
}

// connectOp is a TCP connection attempt in progress.
type connectOp struct {
	socket
	endpoint
	keep bool
	done func(net.Conn, error)
}

func (op *connectOp) begin(l *loop, now time.Time) {
	if op.ended { // cancelled before it began
		return
	}
	if err := op.connect(l, op.endpoint, unix.EPOLLOUT, op); err != nil {
		op.end(l, err)
		return
	}
	l.deadlines.Set(op, now.Add(op.timeout))
}

func (op *connectOp) readyFor(l *loop, events uint32) {
	err := op.made(events)
	if err == nil {
		err = verify(op.fd, op.to)
	}
	op.end(l, err)
}

// firstEphemeral is the lower end of the kernel's default range of source ports.
const firstEphemeral = 32768

// verify refuses a connection to itself: on the host's own address, with
// nobody listening on a port of the ephemeral range, the kernel may pick that very port as source.
func verify(fd int, to netip.AddrPort) error {
	if to.Port() < firstEphemeral {
		return nil
	}
	if from, err := nameOf(fd); err == nil && from == netip.AddrPortFrom(to.Addr().WithZone(""), to.Port()) {
		return unix.ECONNREFUSED
	}
	return nil
}

func (op *connectOp) end(l *loop, err error) {
	if op.ended {
		return
	}
	op.ended = true
	l.deadlines.Remove(op)
	var conn net.Conn
	if err == nil && op.keep {
		l.forget(op.fd)
		conn = newSocketConn(op.fd, op.to)
	} else {
		op.close(l)
	}
	if err != errClosed {
		op.done(conn, err)
	}
}

// socketConn is a connected socket as a net.Conn: an os.File does all of it but the addresses.
type socketConn struct {
	*os.File
	remote netip.AddrPort
}

func newSocketConn(fd int, remote netip.AddrPort) *socketConn {
	return &socketConn{os.NewFile(uintptr(fd), remote.String()), remote}
}

func (c *socketConn) LocalAddr() net.Addr  { return &net.TCPAddr{} }
func (c *socketConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }
