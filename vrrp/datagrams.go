package vrrp

import (
	"math"
	"net/netip"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/packet"
)

// datagram is an advertisement and where it goes: to the group, or to one of
// the peers. The checksum of version 3 covers the destination, so each has its own.
type datagram struct {
	to   netip.Addr
	data []byte
}

// authentication is what version 2 sends and expects.
func (i *instance) authentication(cfg *conf.Instance) {
	if cfg.Version != 2 {
		return
	}
	switch cfg.Auth.Type {
	case conf.PassAuth:
		i.rules.AuthType = packet.AuthPass
	case conf.AHAuth:
		i.rules.AuthType = packet.AuthAH
	default:
		return
	}
	i.rules.AuthData = packet.Password(string(cfg.Auth.Pass))
}

// unicastRules are those of an instance with peers.
func (i *instance) unicastRules(cfg *conf.Instance) {
	i.rules.Unicast, i.rules.Destination = true, i.source
	if !cfg.CheckUnicastSource {
		return
	}
	i.rules.Peers = make([]packet.Peer, len(cfg.UnicastPeers))
	for n, p := range cfg.UnicastPeers {
		peer := packet.Peer{Address: p.Address, MaxTTL: math.MaxUint8}
		if p.MinTTL >= 0 {
			peer.MinTTL = uint8(p.MinTTL)
		}
		if p.MaxTTL >= 0 {
			peer.MaxTTL = uint8(p.MaxTTL)
		}
		i.rules.Peers[n] = peer
	}
}

// compose makes the datagrams of an advertisement, or says in badness why
// there are none.
func (i *instance) compose(adv *packet.Advertisement) {
	i.out, i.badness = nil, ""
	if !i.source.IsValid() || i.unsupported != "" {
		return
	}
	adv.AuthType = i.rules.AuthType
	if adv.AuthType == packet.AuthPass {
		adv.AuthData = i.rules.AuthData
	}
	destinations := []netip.Addr{adv.Destination}
	if isUnicast(i.cfg) {
		adv.TTL = uint8(max(i.cfg.UnicastTTL, 0)) // 0 becomes 255
		destinations = destinations[:0]
		for _, p := range i.cfg.UnicastPeers {
			if p.Address != i.source {
				destinations = append(destinations, p.Address)
			}
		}
	}
	for _, to := range destinations {
		adv.Destination = to
		data, err := packet.Append(nil, adv)
		if err != nil {
			i.out, i.badness = nil, err.Error()
			return
		}
		if i.signing.key != nil {
			data = packet.AppendTrailer(data)
		}
		i.out = append(i.out, datagram{to: to, data: data})
	}
}

// seal makes a datagram say a priority; sequence is for the Authentication
// Header. Its identification is signed and so must be our own.
func (i *instance) seal(data []byte, priority uint8, sequence uint32) {
	if i.rules.AuthType != packet.AuthAH {
		packet.Update(data, priority, 0)
		return
	}
	packet.Update(data, priority, max(uint16(sequence), 1))
	packet.Sign(data, i.rules.AuthData, sequence)
}

// nextSequence is the number after the highest that was sent or heard, which
// keepalived counts together too: who takes over goes on where the other was.
// It follows the clock, so that a restarted process, which remembers nothing,
// is not taken for a replay of itself.
func nextSequence(last uint32, now time.Time) uint32 {
	if last == math.MaxUint32 {
		return last // the clock gets there in 2106
	}
	return max(last+1, uint32(now.Unix()))
}
