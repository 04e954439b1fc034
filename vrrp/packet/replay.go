package packet

import (
	"net/netip"
	"slices"
	"time"
)

// maxMulticastSenders is how many senders of one virtual router Replay holds
// with multicast, where the configuration does not list them.
const maxMulticastSenders = 4

// Replay holds the last sequence number of each sender whose signed
// advertisements were accepted: with unicast of the configured peers, with
// multicast of the senders heard most recently. Only a sender with a valid
// signature takes a place.
type Replay struct {
	unicast bool
	senders []sender // with multicast: ordered by last heard, most recent at the end
}

type sender struct {
	addr  netip.Addr
	last  Sequence
	heard bool
}

// SetPeers sets the unicast peers; nil is multicast. Numbers of peers that
// remain are kept.
func (p *Replay) SetPeers(peers []netip.Addr) {
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

// check refuses a number that is not higher than the last one of its sender.
// A last number further ahead of now than window is ignored: our clock was set
// back since, and HMACStale already refuses numbers that far ahead.
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

// Record stores the number of an advertisement that passed all checks.
func (p *Replay) Record(a *Advertisement) {
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
	case len(p.senders) >= maxMulticastSenders:
		p.senders = slices.Delete(p.senders, 0, 1)
	}
	p.senders = append(p.senders, sender{addr: a.Source, last: s, heard: true})
}
