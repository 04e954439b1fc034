package front

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/lvs-director/director/retry"
	"github.com/lvs-director/director/worker/front"
)

// Limits of connections: of all, and of one address, which so cannot have them all.
const (
	maxConnections = 256
	maxOfAddress   = 16
)

// listening are the things that this process serves now. The goroutine that receives uses it.
type listening struct {
	p  *process
	of map[string]*served
}

// served is one of them, and as what it was asked for.
type served struct {
	as   string
	stop func()
}

// to serves what the settings say.
func (l *listening) to(ctx context.Context, s front.Settings) {
	at := s.Metrics.Listen
	l.one(ctx, "metrics", at, func(ctx context.Context) error { return l.p.listenMetrics(ctx, at) })
	as := ""
	if s.Web.Wanted() {
		as = fmt.Sprintf("%+v", s.Web)
	}
	l.one(ctx, "the page", as, func(ctx context.Context) error { return l.p.listenWeb(ctx, s.Web) })
}

// one serves one thing until it is asked for otherwise; as is empty when it is not asked for.
func (l *listening) one(ctx context.Context, name, as string, serve func(context.Context) error) {
	now := l.of[name]
	if now != nil && now.as == as || now == nil && as == "" {
		return
	}
	if now != nil {
		now.stop()
		delete(l.of, name)
	}
	if as == "" {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.p.keepServing(ctx, name, serve)
	}()
	if l.of == nil {
		l.of = make(map[string]*served)
	}
	l.of[name] = &served{as: as, stop: func() { cancel(); <-done }}
}

// keepServing serves until ctx ends, and tries again while it cannot: another program has the port, or
// the address is not there yet.
func (p *process) keepServing(ctx context.Context, name string, serve func(context.Context) error) {
	defer p.problem(name, "")
	var again retry.Retry
	for ctx.Err() == nil {
		err := serve(ctx)
		if ctx.Err() != nil {
			return
		}
		again.Failed(time.Now())
		p.problem(name, err.Error())
		pause := time.NewTimer(time.Until(again.Next()))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
}

func (p *process) listenMetrics(ctx context.Context, at string) error {
	l, err := listen(ctx, at, nil)
	if err == nil {
		p.problem("metrics", "")
		err = serve(ctx, p.server(), newBounded(l))
	}
	return fmt.Errorf("metrics are not served at %s: %w", at, err)
}

// listen listens at an address and port.
func listen(ctx context.Context, at string, control func(network, address string, c syscall.RawConn) error) (
	net.Listener, error) {
	l, err := (&net.ListenConfig{Control: control}).Listen(ctx, "tcp", at)
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err // whoever says it says the address
	}
	return l, err
}

// serve serves until ctx ends.
func serve(ctx context.Context, server *http.Server, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	return server.Serve(l)
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
		// One that cannot be read, of a Unix socket, is one host.
		at, _ := netip.ParseAddrPort(c.RemoteAddr().String())
		if from := host(at.Addr()); b.enter(from) {
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
