package vrrp

import (
	"fmt"
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

// signing is what an instance with auth_hmac sends with and what it has sent.
// The latter stays over a reload, as does what was received (seen): the peers
// refuse a number that is not above the last.
type signing struct {
	key      *packet.Key // nil: advertisements are not signed
	window   time.Duration
	sequence packet.Sequence
	seen     packet.Replay
}

// configureHMAC is what auth_hmac sends and expects.
func (i *instance) configureHMAC(cfg *conf.Instance) {
	h := cfg.HMAC
	i.signing.key, i.signing.window = nil, 0
	if h == nil {
		return
	}
	if !h.Monotonic {
		i.signing.window = h.TimeWindow
	}
	rules := &packet.HMAC{Required: h.Mode == "enforce", Window: i.signing.window, Replay: &i.signing.seen}
	for _, k := range h.Keys {
		if k.Key == "" {
			continue // of a file that could not be read; unsupported says so when it matters
		}
		key := packet.NewKey(k.ID, []byte(k.Key))
		rules.Keys = append(rules.Keys, key)
		if k.ID == h.ActiveKey && h.Mode != "receive-only" {
			i.signing.key = key
		}
	}
	i.rules.HMAC = rules
	var peers []netip.Addr
	if isUnicast(cfg) {
		peers = make([]netip.Addr, len(cfg.UnicastPeers))
		for n, p := range cfg.UnicastPeers {
			peers[n] = p.Address
		}
	}
	i.signing.seen.SetPeers(peers)
}

// hmacTrouble says why an instance cannot sign as it has to. Its peers would
// refuse what is not signed, and become MASTER beside it.
func hmacTrouble(h *conf.AuthHMAC) string {
	if h == nil || h.Mode == "receive-only" {
		return ""
	}
	for _, k := range h.Keys {
		if k.ID != h.ActiveKey {
			continue
		}
		if k.Key == "" {
			return fmt.Sprintf("auth_hmac: key %d could not be read from %s", k.ID, k.File)
		}
		return ""
	}
	return fmt.Sprintf("auth_hmac: there is no key %d to sign with", h.ActiveKey)
}

// sign signs the n-th datagram of an advertisement. The first is signed, the
// others, which differ from it in their destination only, get its signature.
func (i *instance) sign(n int) {
	if i.signing.key == nil {
		return
	}
	if n == 0 {
		i.signing.key.Sign(i.out[0].data, i.signing.sequence)
		return
	}
	packet.SignAs(i.out[n].data, i.out[0].data)
}
