package packet

import (
	"net/netip"
	"slices"
	"time"
)

// multicastSenders is how many senders of one virtual router are remembered
// where the configuration does not name them.
const multicastSenders = 4

// Replay is the highest sequence number of each sender whose signed
// advertisements were accepted: of the configured peers with unicast, else of
// the few that were heard last. Only who has a key gets a place in it.
type Replay struct {
	unicast bool
	senders []sender // those of multicast: the one heard last is last
}

type sender struct {
	addr  netip.Addr
	last  Sequence
	heard bool
}

// Expect names the peers of unicast; nil is multicast. What is known of those
// that stay is kept.
func (p *Replay) Expect(peers []netip.Addr) {
	if peers == nil {
		if p.unicast {
			*p = Replay{}
		}
		return
	}
	senders := make([]sender, len(peers))
	for n, addr := range peers {
		senders[n].addr = addr
		if known := p.find(addr); known != nil {
			senders[n] = *known
		}
	}
	*p = Replay{unicast: true, senders: senders}
}

func (p *Replay) find(addr netip.Addr) *sender {
	for n := range p.senders {
		if p.senders[n].addr == addr {
			return &p.senders[n]
		}
	}
	return nil
}

// check says whether a number is higher than all of its sender before. With a
// window, a remembered number further ahead of our clock than it is no bar: the
// clock was set back, and what is that far ahead is refused as it is.
func (p *Replay) check(addr netip.Addr, s Sequence, now time.Time, window time.Duration) DropReason {
	known := p.find(addr)
	switch {
	case known == nil && p.unicast:
		return UnknownPeer
	case known == nil || !known.heard || s > known.last:
		return Accepted
	case window > 0 && known.last.Time().Sub(now) > window:
		return Accepted
	}
	return HMACReplay
}

// Accepted remembers the number of an advertisement that passed all checks.
func (p *Replay) Accepted(a *Advertisement) {
	s, ok := a.Sequence64()
	if !ok {
		return
	}
	known := p.find(a.Source)
	switch {
	case p.unicast:
		if known != nil {
			known.last, known.heard = s, true
		}
		return
	case known != nil:
		p.senders = slices.DeleteFunc(p.senders, func(x sender) bool { return x.addr == a.Source })
	case len(p.senders) >= multicastSenders:
		p.senders = slices.Delete(p.senders, 0, 1)
	}
	p.senders = append(p.senders, sender{addr: a.Source, last: s, heard: true})
}
