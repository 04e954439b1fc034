package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/lvs-director/director/worker/front"
	"github.com/lvs-director/director/workers/front/peer/agree"
)

// Options are what Peers works with.
type Options struct {
	// News tells the supervisor; an error is that it is gone.
	News func(front.PeerNews) error
	// Problem says why something is not there; an empty why is that it is.
	Problem func(what, why string)
}

// lookInterval is how often it is looked whether this host listens where it should, and newsInterval
// how often the supervisor is told of a link at most.
const (
	lookInterval = 2 * time.Second
	newsInterval = 200 * time.Millisecond
)

// Peers are the connections to all peers. Apply and Close belong to one goroutine, Tell to any.
type Peers struct {
	o   Options
	who *identity

	mu     sync.Mutex
	halves map[string]*half // by address
	wake   chan struct{}    // a link is to be told

	look chan struct{} // where it should listen has changed
	stop func()        // ends what serves all peers; nil when there are none
}

// New returns Peers without a peer.
func New(o Options) (*Peers, error) {
	who, err := newIdentity()
	if err != nil {
		return nil, err
	}
	return &Peers{
		o: o, who: who, halves: make(map[string]*half), wake: make(chan struct{}, 1), look: make(chan struct{}, 1),
	}, nil
}

// Apply says who the peers are from now on. A peer of which nothing has changed keeps its connection.
func (p *Peers) Apply(s front.Peers) {
	wanted := make(map[string]front.Peer, len(s.List))
	for _, one := range s.List[:min(len(s.List), front.MaxPeers)] {
		wanted[one.Address] = one
	}
	p.mu.Lock()
	var gone []*half
	for at, h := range p.halves {
		if w, ok := wanted[at]; ok && h.host == s.Host && same(w, h.s) {
			delete(wanted, at)
			continue
		}
		delete(p.halves, at)
		gone = append(gone, h)
		if h.gone = true; h.session != nil {
			h.session.c.NetConn().Close()
		}
	}
	p.mu.Unlock()
	for _, h := range gone {
		h.stop()
	}
	for at, w := range wanted {
		address, err := netip.ParseAddr(at)
		if err != nil || len(w.Key) != agree.KeySize {
			continue // the supervisor sends none of these
		}
		p.begin(&half{
			p: p, s: w, host: s.Host, at: address.Unmap(), ended: make(chan struct{}, 1),
			accepts: agree.Pace{PerSecond: acceptsPerSecond, AtOnce: acceptsOnce}, intake: newIntake(),
		})
	}
	p.serve()
}

func same(a, b front.Peer) bool {
	return a.Address == b.Address && a.Dial == b.Dial && a.Listen == b.Listen && bytes.Equal(a.Key, b.Key)
}

func (p *Peers) begin(h *half) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	h.stop = func() { cancel(); <-done }
	p.mu.Lock()
	p.halves[h.s.Address] = h
	p.mu.Unlock()
	go func() {
		defer close(done)
		h.dialing(ctx)
	}()
}

// serve listens and tells while there are peers.
func (p *Peers) serve() {
	p.mu.Lock()
	n := len(p.halves)
	p.mu.Unlock()
	switch {
	case n == 0 && p.stop != nil:
		p.stop()
		p.stop = nil
	case n > 0 && p.stop == nil:
		ctx, cancel := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() { p.listening(ctx) })
		all.Go(func() { p.telling(ctx) })
		p.stop = func() { cancel(); all.Wait() }
	case n > 0:
		select {
		case p.look <- struct{}{}:
		default:
		}
	}
}

// Close ends all connections, and waits for that.
func (p *Peers) Close() { p.Apply(front.Peers{}) }

// Tell sends a message to a peer, or to all. One that is not connected is told nothing: the supervisor
// hears when it is.
func (p *Peers) Tell(m front.PeerMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for at, h := range p.halves {
		if h.session != nil && (m.Peer == "" || m.Peer == at) {
			h.session.tell(message{m.Kind, m.Body})
		}
	}
}

func (p *Peers) stir() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// telling tells of links that have changed.
func (p *Peers) telling(ctx context.Context) {
	for {
		select {
		case <-p.wake:
		case <-ctx.Done():
			return
		}
		var list []front.PeerNews
		p.mu.Lock()
		for at, h := range p.halves {
			if h.dirty {
				h.dirty, h.told = false, time.Now()
				link := h.link
				list = append(list, front.PeerNews{Peer: at, Link: &link})
			}
		}
		p.mu.Unlock()
		for _, n := range list {
			if p.o.News(n) != nil {
				return // the process ends
			}
		}
		if !sleep(ctx, newsInterval) {
			return
		}
	}
}

// listening listens where the peers are waited for, until ctx ends.
func (p *Peers) listening(ctx context.Context) {
	open := make(map[netip.AddrPort]*listener)
	defer func() {
		for _, l := range open {
			l.close()
		}
		p.o.Problem("peers", "")
	}()
	ticks := time.NewTicker(lookInterval)
	defer ticks.Stop()
	for {
		wanted, why := p.places()
		for at, l := range open {
			if !wanted[at] {
				l.close()
				delete(open, at)
			}
		}
		for at := range wanted {
			if open[at] != nil {
				continue
			}
			l, err := p.listen(ctx, at)
			if err != nil {
				why = fmt.Sprintf("peers are not listened to at %s: %v", at, err)
				continue
			}
			open[at] = l
		}
		p.o.Problem("peers", why)
		select {
		case <-ticks.C:
		case <-p.look:
		case <-ctx.Done():
			return
		}
	}
}

// places are where this host listens, and why it does not for a peer.
func (p *Peers) places() (wanted map[netip.AddrPort]bool, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted = make(map[netip.AddrPort]bool)
	for at, h := range p.halves {
		place, err := h.listens()
		if err != nil {
			why = fmt.Sprintf("peer %s is not listened to: %v", at, err)
			continue
		}
		wanted[place] = true
	}
	return wanted, why
}

// listener takes in connections at one place.
type listener struct{ close func() }

func (p *Peers) listen(ctx context.Context, at netip.AddrPort) (*listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", at.String())
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				if ctx.Err() != nil || !sleep(ctx, 100*time.Millisecond) { // no file descriptor is left, for now
					return
				}
				continue
			}
			h := p.of(c.RemoteAddr())
			if h == nil || !h.admit() {
				c.Close()
				continue
			}
			all.Go(func() {
				if err := h.meet(ctx, c, agree.Listener); err != nil && ctx.Err() == nil {
					h.failed(err)
				}
			})
		}
	})
	return &listener{close: func() { cancel(); l.Close(); all.Wait() }}, nil
}

// of is the peer that has an address; nil is that nobody has.
func (p *Peers) of(from net.Addr) *half {
	at, err := netip.ParseAddrPort(from.String())
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.halves {
		if h.at == at.Addr().Unmap().WithZone("") {
			return h
		}
	}
	return nil
}
