package vrrp

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/packet"
)

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
	i.signing.seen.Expect(peers)
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
