package probe

import (
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/lvs-director/director/deadline"
	"golang.org/x/sys/unix"
)

// connectOp is a TCP connection attempt in progress.
type connectOp struct {
	deadline.Entry
	endpoint
	keep  bool
	done  func(net.Conn, error)
	fd    int
	ended bool
}

func (op *connectOp) begin(l *loop, now time.Time) {
	if op.ended { // cancelled before it began
		return
	}
	fd, err := openSocket(op.endpoint, unix.SOCK_STREAM, unix.IPPROTO_TCP)
	if err != nil {
		op.end(l, err)
		return
	}
	op.fd = fd
	if op.port != 0 {
		// A source port of our own must be free again for the next run: closing
		// resets the connection rather than leave it in TIME_WAIT.
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	sa, err := sockaddr(op.to)
	if err != nil {
		op.end(l, &localError{"address", err})
		return
	}
	switch err := unix.Connect(fd, sa); err {
	case nil:
		op.end(l, op.verify())
	case unix.EINPROGRESS, unix.EINTR:
		if err := l.watch(fd, unix.EPOLLOUT, op); err != nil {
			op.end(l, &localError{"wait for a socket", err})
			return
		}
		l.deadlines.Set(op, now.Add(op.timeout))
	case unix.EADDRNOTAVAIL, unix.EADDRINUSE, unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM:
		op.end(l, &localError{"local port", err})
	default:
		op.end(l, err)
	}
}

func (op *connectOp) readyFor(l *loop, _ uint32) {
	errno, err := unix.GetsockoptInt(op.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		op.end(l, &localError{"state of a socket", err})
	case errno != 0:
		op.end(l, unix.Errno(errno))
	default:
		op.end(l, op.verify())
	}
}

// firstEphemeral is the lower end of the kernel's default range of source ports.
const firstEphemeral = 32768

// verify refuses a connection to itself: on the host's own address, with
// nobody listening on a port of the ephemeral range, the kernel may pick that very port as source.
func (op *connectOp) verify() error {
	if op.to.Port() < firstEphemeral {
		return nil
	}
	sa, err := unix.Getsockname(op.fd)
	if err == nil && addrOf(sa) == netip.AddrPortFrom(op.to.Addr().WithZone(""), op.to.Port()) {
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
	if op.fd >= 0 {
		l.forget(op.fd)
		if err == nil && op.keep {
			conn = newSocketConn(op.fd, op.to)
		} else {
			unix.Close(op.fd)
		}
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
