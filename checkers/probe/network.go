package probe

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/lvs-director/director/conf"
)

// network is how checks reach real servers: the epoll loop on Linux, net.Dialer elsewhere.
// Callbacks come at most once, do not block, and may come before the call returns.
type network interface {
	// connect makes a TCP connection; with keep unset it is closed again once made.
	connect(e endpoint, keep bool, done func(net.Conn, error)) (cancel func())
	// ping sends an echo request and waits for its reply.
	ping(e endpoint, done func(error)) (cancel func())
	// datagram sends a datagram and waits for the first one from there that take accepts: of
	// its beginning it is given some kilobytes, and how long it was in bytes.
	datagram(e endpoint, payload []byte, take func(reply []byte, size int) bool, done func(error)) (cancel func())
	close()
}

// endpoint is the destination of a check and how its packets leave.
type endpoint struct {
	to      netip.AddrPort
	bind    netip.Addr // zero is any
	port    uint16     // source port; 0 is any
	device  string     // interface; empty is any
	mark    uint32
	timeout time.Duration
}

// defaultTimeout is keepalived's connect_timeout, for a checker that came without one.
const defaultTimeout = 5 * time.Second

func endpointOf(c *conf.Checker) endpoint {
	return endpoint{
		to: netip.AddrPortFrom(c.ConnectIP.Unmap(), c.ConnectPort), bind: c.BindIP.Unmap(), port: c.BindPort,
		device: c.BindIf, mark: c.FWMark, timeout: timeoutOf(c),
	}
}

func timeoutOf(c *conf.Checker) time.Duration {
	if c.Timeout <= 0 {
		return defaultTimeout
	}
	if c.TotalTimeout > 0 {
		return min(c.Timeout, c.TotalTimeout)
	}
	return c.Timeout
}

// localError is a failure of this host, not of the server.
type localError struct {
	doing string
	err   error
}

func (e *localError) Error() string { return e.doing + ": " + e.err.Error() }
func (e *localError) Unwrap() error { return e.err }

// errClosed ends the runs of a prober that is closed. It is not reported.
var errClosed = errors.New("health checks have ended")

// failure is the result of a run that ended with an error.
func failure(doing string, err error, timeout time.Duration) Result {
	var local *localError
	switch {
	case err == errMore:
		return Result{} // nobody sees it
	case errors.As(err, &local):
		_, unagreed := local.err.(disagreement)
		return Result{Local: true, Late: local.err == errLate, Unagreed: unagreed,
			Reason: fmt.Sprintf("%s: %s", doing, advise(local))}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Result{Silent: true, Reason: fmt.Sprintf("%s: no answer in %v", doing, timeout)}
	}
	return Result{Reason: fmt.Sprintf("%s: %s", doing, plain(err))}
}

// advise adds what the operator can do about a failure of this host.
func advise(e *localError) string {
	switch {
	case errors.Is(e.err, syscall.EMFILE):
		return e.Error() + " (raise the limit of open files, LimitNOFILE in systemd)"
	case e.doing == doingSend && errors.Is(e.err, syscall.EPERM):
		return e.Error() + " (a filter of this host drops it, or its table of tracked connections is full)"
	case errors.Is(e.err, syscall.EPERM) || errors.Is(e.err, syscall.EACCES):
		return e.Error() + " (CAP_NET_RAW and CAP_NET_ADMIN are needed)"
	}
	return e.Error()
}

// doingSend is what a localError does that the kernel did not let send a packet.
const doingSend = "send"

// plain returns the innermost text of an error, without Go's "read tcp a->b:". The kernel's
// words for a route that leads nowhere are about something else (net/ipv4/route.c).
func plain(err error) string {
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the server closed the connection"
	default:
		return err.Error()
	}
	switch errno {
	case syscall.EINVAL:
		return "the route to it is of type blackhole, or its address needs an interface (" + errno.Error() + ")"
	case syscall.EACCES:
		return "the route to it is of type prohibit (" + errno.Error() + ")"
	case syscall.EPERM:
		return "a filter of this host drops what is sent to it (" + errno.Error() + ")"
	}
	return errno.Error()
}

// textOf is words and an address.
func textOf(words string, at netip.AddrPort) string {
	var text [64]byte
	return string(at.AppendTo(append(text[:0], words...)))
}

// tcpCheck succeeds when a connection is made; nothing is sent over it.
func tcpCheck(p *Prober, t Target, done func(Result)) (cancel func()) {
	e := endpointOf(t.Checker)
	to, timeout := e.to, e.timeout // of the endpoint what is needed in the end
	return p.net.connect(e, false, func(_ net.Conn, err error) {
		if err != nil {
			done(failure("connect to "+to.String(), err, timeout))
			return
		}
		done(Result{OK: true, Reason: textOf("connected to ", to)})
	})
}
