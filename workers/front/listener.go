package front

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/lvs-director/director/retry"
	"github.com/lvs-director/director/worker/front"
)

// Limits of connections: of all, and of one address, which so cannot have them all.
const (
	maxConnections = 256
	maxOfAddress   = 16
)

// listening is where this process listens now. The goroutine that receives uses it.
type listening struct {
	p    *process
	at   string
	stop func()
}

// to listens where the settings say.
func (l *listening) to(ctx context.Context, s front.Settings) {
	if s.Metrics.Listen == l.at {
		return
	}
	if l.stop != nil {
		l.stop()
	}
	l.at, l.stop = s.Metrics.Listen, nil
	if l.at == "" {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.p.listen(ctx, l.at)
	}()
	l.stop = func() { cancel(); <-done }
}

// listen serves at an address until ctx ends, and tries again while it cannot: another program has the
// port, or the address is not there yet.
func (p *process) listen(ctx context.Context, at string) {
	defer p.problem("metrics", "")
	var again retry.Retry
	for ctx.Err() == nil {
		err := p.listenOnce(ctx, at)
		if ctx.Err() != nil {
			return
		}
		again.Failed(time.Now())
		p.problem("metrics", fmt.Sprintf("metrics are not served at %s: %v", at, err))
		pause := time.NewTimer(time.Until(again.Next()))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
}

func (p *process) listenOnce(ctx context.Context, at string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err // the address is said already
		}
		return err
	}
	p.problem("metrics", "")
	server := p.server()
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	return server.Serve(newBounded(l))
}

// bounded is a listener that closes the connections that are too many.
type bounded struct {
	net.Listener
	mu    sync.Mutex
	total int
	of    map[netip.Addr]int
}

func newBounded(l net.Listener) *bounded { return &bounded{Listener: l, of: make(map[netip.Addr]int)} }

// Accept returns the next connection for which there is room.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		at, err := netip.ParseAddrPort(c.RemoteAddr().String())
		if from := host(at.Addr()); err == nil && b.enter(from) {
			return &counted{Conn: c, leave: sync.OnceFunc(func() { b.leave(from) })}, nil
		}
		c.Close()
	}
}

func (b *bounded) enter(from netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.total >= maxConnections || b.of[from] >= maxOfAddress {
		return false
	}
	b.total++
	b.of[from]++
	return true
}

func (b *bounded) leave(from netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total--
	if b.of[from]--; b.of[from] == 0 {
		delete(b.of, from)
	}
}

// counted is a connection that there is room for.
type counted struct {
	net.Conn
	leave func()
}

// Close ends the connection and makes room for another.
func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}
