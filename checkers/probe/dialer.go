package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
)

// dialer is the network of hosts without epoll: a goroutine and a net.Dialer
// for each connection. It has no interface binding, no marks and no echo requests.
type dialer struct {
	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup
}

func newDialer() *dialer {
	d := new(dialer)
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

var errUnsupported = errors.New("not supported on this operating system")

func (d *dialer) connect(e endpoint, keep bool, done func(net.Conn, error)) (cancel func()) {
	if e.device != "" || e.mark != 0 {
		done(nil, &localError{"bind_if, fwmark", errUnsupported})
		return func() {}
	}
	ctx, cancel := context.WithCancel(d.ctx)
	d.all.Go(func() {
		defer cancel()
		nd := net.Dialer{Timeout: e.timeout}
		if e.bind.IsValid() || e.port != 0 {
			nd.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(e.bind, e.port))
		}
		conn, err := nd.DialContext(ctx, "tcp", e.to.String())
		if err == nil && (!keep || ctx.Err() != nil) {
			conn.Close()
			conn = nil
		}
		if ctx.Err() != nil {
			return
		}
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			err = os.ErrDeadlineExceeded
		}
		done(conn, err)
	})
	return cancel
}

func (d *dialer) ping(e endpoint, done func(error)) (cancel func()) {
	done(&localError{"echo request", errUnsupported})
	return func() {}
}

func (d *dialer) datagram(_ endpoint, _ []byte, _ func([]byte, int) bool, done func(error)) (cancel func()) {
	done(&localError{"datagram", errUnsupported})
	return func() {}
}

func (d *dialer) close() {
	d.cancel()
	d.all.Wait()
}

// limiter runs functions in at most max goroutines. Further functions wait in order.
type limiter struct {
	max int

	mu      sync.Mutex
	running int
	waiting []func()
	all     sync.WaitGroup
}

// do runs f in a goroutine, now or when its turn comes.
func (l *limiter) do(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running >= l.max {
		l.waiting = append(l.waiting, f)
		return
	}
	l.running++
	l.all.Go(func() {
		for ; f != nil; f = l.next() {
			f()
		}
	})
}

// next returns the function that has waited longest; nil ends the goroutine.
func (l *limiter) next() (f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.running--
		l.waiting = nil
		return nil
	}
	f, l.waiting = l.waiting[0], l.waiting[1:]
	return f
}

// wait returns when nothing runs. No do may come after it.
func (l *limiter) wait() { l.all.Wait() }
