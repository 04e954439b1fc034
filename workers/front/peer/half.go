package peer

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/lvs-director/director/retry"
	"github.com/lvs-director/director/worker/front"
	"github.com/lvs-director/director/workers/front/peer/agree"
)

// Limits of those who have proved nothing, of each peer's address.
const (
	maxUnproven                   = 4
	acceptsPerSecond, acceptsOnce = 5, 10
)

// remembered is how long a fault is told that waiting does not mend, after it was seen last.
const remembered = time.Minute

// half is a peer. Its fields belong to Peers.mu, but for what never changes.
type half struct {
	p    *Peers
	s    front.Peer
	host string
	at   netip.Addr
	stop func() // and waits

	session  *session
	sessions uint64
	gone     bool          // it is no peer any more
	ended    chan struct{} // a session has ended
	link     front.PeerLink
	dirty    bool      // it is to be told
	told     time.Time // when it was told last
	seen     agree.Seen
	twoAt    time.Time // when two directors were seen last
	faultAt  time.Time
	unproven int
	accepts  agree.Pace
	intake   intake // has a lock of its own
}

// dialing keeps a connection until ctx ends. While there is one, by whomever, it dials none.
func (h *half) dialing(ctx context.Context) {
	var again retry.Retry
	for ctx.Err() == nil {
		if h.has() {
			select {
			case <-h.ended:
			case <-ctx.Done():
			}
			continue
		}
		began := time.Now()
		err := h.dial(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			h.failed(err)
		}
		if time.Since(began) > retry.Calm/2 {
			again = retry.Retry{}
		}
		again.Failed(time.Now())
		sleep(ctx, time.Until(again.Next()))
	}
}

func (h *half) has() bool {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	return h.session != nil
}

// dial makes a connection, and carries messages until it ends. An error is that there was none.
func (h *half) dial(ctx context.Context) error {
	dialer := net.Dialer{Timeout: handshakePatience}
	if at, err := h.listens(); err == nil && !at.Addr().IsUnspecified() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(at.Addr(), 0)) // the peer knows this host by it
	}
	c, err := dialer.DialContext(ctx, "tcp", h.s.Dial)
	if err != nil {
		return spoken(err)
	}
	return h.meet(ctx, c, agree.Dialer)
}

// meet makes a session of a connection and serves it; the error is that none came of it.
func (h *half) meet(ctx context.Context, raw net.Conn, role agree.Role) error {
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	c := h.p.who.secure(raw, role)
	peer, err := h.p.who.meet(ctx, c, role, h.host, h.s.Key)
	if role == agree.Listener {
		h.p.mu.Lock()
		h.unproven--
		h.p.mu.Unlock()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return errors.New("it ends the connection before it says who it is: has it this host, by this address, as a peer?")
	} else if err != nil {
		return spoken(err)
	}
	s := newSession(c, peer, role == agree.Dialer, &h.intake)
	if !h.adopt(s) {
		return nil // there is another one
	}
	err = s.run(ctx, h.heard(s), h.clock(s))
	h.over(s, err)
	return nil
}

// adopt makes a session the one of this peer; false is that another one stays.
func (h *half) adopt(s *session) bool {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	if h.gone {
		return false
	}
	if old := h.session; old != nil {
		if !agree.Replaces(h.p.who.hello.ID, old.link, s.link) {
			return false
		}
		old.c.NetConn().Close()
	}
	now := time.Now()
	if h.seen.Comes(s.link.ID) {
		h.twoAt = now
	}
	fresh := h.session == nil || h.session.link.ID != s.link.ID || !h.link.Up
	h.session = s
	h.sessions++
	h.link = front.PeerLink{
		Up: true, Name: s.peer.Name, Session: h.sessions, Offset: h.link.Offset, RoundTrip: h.link.RoundTrip,
	}
	if fresh {
		h.link.Offset, h.link.RoundTrip = 0, 0
	}
	// Each session is told of: what was under way in the one before may be lost.
	h.tell(now)
	return true
}

// over notes the end of a session, unless another one has taken its place.
func (h *half) over(s *session, err error) {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	if h.session != s {
		return
	}
	h.session = nil
	h.link = front.PeerLink{Name: h.link.Name, Why: "the connection has ended"}
	if err != nil {
		h.link.Why = err.Error()
	}
	h.tell(time.Now())
	select {
	case h.ended <- struct{}{}:
	default:
	}
}

// failed notes why there is no connection.
func (h *half) failed(err error) {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	now := time.Now()
	f := fault(err)
	if h.session != nil || f == "" && h.link.Fault != "" && now.Sub(h.faultAt) < remembered {
		return // what is known says more
	}
	if f != "" {
		h.faultAt = now
	}
	link := front.PeerLink{Name: h.link.Name, Why: err.Error(), Fault: f}
	if link != h.link {
		h.link = link
		h.tell(now)
	}
}

// tell has the supervisor told of the link; p.mu is held.
func (h *half) tell(now time.Time) {
	h.link.Two = !h.twoAt.IsZero() && now.Sub(h.twoAt) < remembered
	h.dirty = true
	h.p.stir()
}

// heard passes on what a session says, while it is the one of this peer.
func (h *half) heard(s *session) func(message) error {
	return func(m message) error {
		h.p.mu.Lock()
		current := h.session == s
		h.p.mu.Unlock()
		if !current || len(m.Kind) > 64 {
			return nil
		}
		return h.p.o.News(front.PeerNews{Peer: h.s.Address, Kind: m.Kind, Body: m.Body})
	}
}

func (h *half) clock(s *session) func(offset, roundTrip time.Duration) {
	return func(offset, roundTrip time.Duration) {
		h.p.mu.Lock()
		defer h.p.mu.Unlock()
		if h.session != s {
			return
		}
		first := h.link.RoundTrip == 0
		h.link.Offset, h.link.RoundTrip = offset, max(roundTrip, 1)
		if now := time.Now(); first || now.Sub(h.told) >= front.LinkInterval-pingInterval {
			h.tell(now)
		}
	}
}

// admit says whether there is room for one more connection that proves nothing yet.
func (h *half) admit() bool {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	if h.unproven >= maxUnproven || !h.accepts.Try(time.Now(), 1) {
		return false
	}
	h.unproven++
	return true
}

// listens is where this host waits for the peer.
func (h *half) listens() (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(h.s.Listen)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if host != "" {
		return netip.ParseAddrPort(h.s.Listen)
	}
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		return netip.AddrPort{}, err
	}
	c, err := net.Dial("udp", h.s.Dial) // sends nothing: it asks for the way
	if err != nil {
		return netip.AddrPort{}, spoken(err)
	}
	defer c.Close()
	local, err := netip.ParseAddrPort(c.LocalAddr().String())
	return netip.AddrPortFrom(local.Addr().Unmap(), uint16(number)), err
}
