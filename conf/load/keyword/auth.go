package keyword

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

var instanceAuth = []keyword[conf.Instance]{
	group("authentication", "{ ... }", 0, func(l *Loader, n *syntax.Node, in *conf.Instance) {
		l.AuthNode[in] = n
		l.Begin(&in.Auth, n)
		Auth.Read(l, n.Children(), &in.Auth)
	}),
	group("auth_hmac", "{ ... }", 0, func(l *Loader, n *syntax.Node, in *conf.Instance) {
		if in.HMAC == nil {
			in.HMAC = &conf.AuthHMAC{Mode: "enforce"}
		}
		l.HMACNode[in] = n
		l.Begin(in.HMAC, n)
		HMAC.Read(l, n.Children(), in.HMAC)
	}),
}

// Auth is the authentication block.
var Auth = newTable("authentication", []keyword[conf.Authentication]{
	{name: "auth_type", value: "PASS|AH", deflt: "none", need: 1, set: setAuthType,
		get: func(a *conf.Authentication) []string { return some(a.Type.String()) }},
	{name: "auth_pass", value: "STRING", need: 1, hush: true, secret: allSecret, set: setAuthPass,
		get: func(a *conf.Authentication) []string { return some(a.Pass.String()) },
		raw: func(a *conf.Authentication) string { return string(a.Pass) }},
})

func setAuthType(l *Loader, n *syntax.Node, a *conf.Authentication) {
	switch n.Arg(0) {
	case "PASS":
		a.Type = conf.PassAuth
	case "AH":
		a.Type = conf.AHAuth
	default:
		l.WarnArg(n, 0, "unknown-value", "auth_type cannot be %q: the line is ignored",
			value.Clip(n.Arg(0))).Hint = "PASS or AH, in capitals"
	}
}

// maxPass is the size of the authentication data of version 2 (RFC 2338 section 5.3.10).
const maxPass = 8

func setAuthPass(l *Loader, n *syntax.Node, a *conf.Authentication) {
	s := n.Arg(0)
	if len(s) > maxPass {
		l.WarnArg(n, 0, "truncated", "auth_pass is longer than %d characters: the first %d are used", maxPass, maxPass)
		s, l.Taken = s[:maxPass], true
	}
	a.Pass = conf.Secret(s)
}

// HMAC is the auth_hmac block.
var HMAC = newTable("auth_hmac", []keyword[conf.AuthHMAC]{
	{name: "key", value: "1..255 [hex:|file:]VALUE", need: 2, repeat: true, hush: true,
		secret: allSecret, set: setHMACKey, why: "32 to 64 bytes"},
	number("active_key", 1, 255, "", func(h *conf.AuthHMAC) *uint8 { return &h.ActiveKey }),
	{name: "anti_replay", value: "time|monotonic", deflt: "time", need: 1,
		set: func(l *Loader, n *syntax.Node, h *conf.AuthHMAC) {
			switch n.Arg(0) {
			case "time":
				h.Monotonic = false
			case "monotonic":
				h.Monotonic = true
			default:
				l.WarnArg(n, 0, "unknown-value", "anti_replay cannot be %q: %s", value.Clip(n.Arg(0)), l.Instead())
			}
		},
		get: func(h *conf.AuthHMAC) []string {
			if h.Monotonic {
				return one("monotonic")
			}
			return one("time")
		}},
	wholeSeconds("time_window", 1, 300, "3 times advert_int, at least 5", func(h *conf.AuthHMAC) *time.Duration {
		return &h.TimeWindow
	}),
	oneOf("mode", []string{"enforce", "permissive", "receive-only"}, "enforce", func(h *conf.AuthHMAC) *string {
		return &h.Mode
	}),
})

func setHMACKey(l *Loader, n *syntax.Node, h *conf.AuthHMAC) {
	l.Fallback = ""
	id, ok := l.Integer(n, 0, 1, 255)
	if !ok {
		return
	}
	key := conf.HMACKey{ID: uint8(id)}
	text := n.Arg(1)
	switch {
	case strings.HasPrefix(text, "file:"):
		key.File = strings.TrimPrefix(text, "file:")
	case strings.HasPrefix(text, "hex:"):
		raw, err := hex.DecodeString(strings.TrimPrefix(text, "hex:"))
		if err != nil {
			l.WarnArg(n, 1, "invalid-key", "key %d is not hexadecimal: it is ignored", id)
			return
		}
		key.Key = conf.Secret(raw)
	default:
		key.Key = conf.Secret(text)
	}
	if key.File == "" && (len(key.Key) < 32 || len(key.Key) > 64) {
		l.WarnArg(n, 1, "invalid-key", "key %d has %d bytes, and must have 32 to 64: it is ignored", id, len(key.Key))
		return
	}
	for i := range h.Keys {
		if h.Keys[i].ID == key.ID {
			l.WarnArg(n, 0, "repeated", "key %d is already set: the first one is used", id)
			return
		}
	}
	h.Keys = append(h.Keys, key)
}

// Peer is the peer block.
var Peer = newTable("peer", []keyword[conf.Peer]{
	{name: "key", value: "file:PATH|hex:DIGITS", need: 1, hush: true, secret: allSecret, own: true, set: setPeerKey,
		get: func(p *conf.Peer) []string {
			if p.KeyFile != "" {
				return one("file:" + p.KeyFile)
			}
			return some(p.Key.String())
		},
		raw: func(p *conf.Peer) string { return string(p.Key) },
		why: "32 bytes, as director genkey makes them: the same on all"},
	{name: "listen", value: "IP [PORT]", deflt: "the address of this host towards the peer", need: 1, max: 2, own: true,
		set: func(l *Loader, n *syntax.Node, p *conf.Peer) {
			if at, ok := endpoint(l, n, "the peer is not met", conf.PeerPort, true); ok {
				p.Listen = at // port 0 is that of the peer
			}
		},
		get: func(p *conf.Peer) []string {
			if !p.Listen.IsValid() {
				return nil
			}
			return []string{p.Listen.Addr().String(), strconv.Itoa(int(p.Listen.Port()))}
		}},
	flag("allow_wildcard", func(p *conf.Peer) *bool { return &p.AllowWildcard }).ours().
		remark("listen may be 0.0.0.0 or ::, which is every network of the host"),
})

// endpoint reads where something listens: an address, and a port, which is 0 if it may be left out and is. What
// cannot be read is an error: director's own words are read by no other program, and nothing would listen.
func endpoint(l *Loader, n *syntax.Node, what string, suggested uint16, optional bool) (at netip.AddrPort, ok bool) {
	a, err := value.ParseAddr(n.Arg(0))
	number, wrong := strconv.ParseUint(n.Arg(1), 10, 16)
	given := n.Arg(1) != ""
	if err == nil && (given && wrong == nil && number > 0 || !given && optional) {
		return netip.AddrPortFrom(a, uint16(number)), true
	}
	example := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), suggested)
	if joined, err := netip.ParseAddrPort(n.Arg(0)); err == nil && joined.Port() > 0 {
		example = joined
	} else if err == nil {
		example = netip.AddrPortFrom(a, suggested)
	}
	form := "an IP address and a port"
	if optional {
		form = "an IP address, and a port if it is another one than that of the peer"
	}
	l.Err(n, "unusable-address", "%s at %q: listen is %s", what, value.Clip(strings.TrimSpace(n.Arg(0)+" "+n.Arg(1))),
		form).Hint = fmt.Sprintf("write: listen %s %d", example.Addr(), example.Port())
	return at, false
}

// peerKeySize is the length of the key of a peer in bytes.
const peerKeySize = 32

func setPeerKey(l *Loader, n *syntax.Node, p *conf.Peer) {
	file, isFile := strings.CutPrefix(n.Arg(0), "file:")
	digits, isHex := strings.CutPrefix(n.Arg(0), "hex:")
	key, err := hex.DecodeString(digits)
	const hint = "director genkey --peer makes a key"
	switch {
	case isFile && strings.HasPrefix(file, "/"):
		p.KeyFile, p.Key = file, ""
	case isFile:
		l.Err(n, "invalid-key", "the file of a key must be named from the root of the file system")
	case !isHex || err != nil:
		l.Err(n, "invalid-key", "the key of a peer must be file:PATH, or hex: and 64 hexadecimal digits").Hint = hint
	case len(key) != peerKeySize:
		l.Err(n, "invalid-key", "the key has %d bytes, and must have %d", len(key), peerKeySize).Hint = hint
	default:
		p.Key, p.KeyFile = conf.Secret(key), ""
	}
}

// maxPeers is how many peers there may be.
const maxPeers = 8

func readPeer(l *Loader, n *syntax.Node, c *conf.Config) {
	p := &conf.Peer{Port: conf.PeerPort}
	l.Word, l.Fallback = n.Keyword.Text, ""
	l.Begin(p, n)
	a, ok := l.Address(n, 0)
	if len(n.Args) > 1 && ok {
		p.Port, ok = l.Port(n, 1)
	}
	p.Address = a.Unmap()
	Peer.Read(l, n.Children(), p)
	if !ok {
		l.Err(n, "unusable-address", "peer %s is not served: a peer is an address, and a port if it is another one than %d",
			value.Clip(n.Arg(0)), conf.PeerPort).Hint = "write: peer 192.0.2.12, or peer 192.0.2.12 4000"
		return
	}
	if p.Listen.IsValid() && p.Listen.Port() == 0 {
		p.Listen = netip.AddrPortFrom(p.Listen.Addr(), p.Port)
	}
	switch at := p.Listen.Addr(); {
	case p.Address.IsLoopback():
		l.Err(n, "unusable-address", "peer %s is this host itself", p.Address).Hint = "name the address of the other one"
		return
	case p.Address.IsUnspecified() || p.Address.IsMulticast():
		l.Err(n, "unusable-address", "%s is not the address of another director", p.Address)
		return
	case p.Address.IsLinkLocalUnicast() && p.Address.Is6() && p.Address.Zone() == "":
		l.Err(n, "unusable-address", "peer %s is an address of a link, and no interface is named", p.Address).
			Hint = "give an address that does not need one"
		return
	case at.IsValid() && at.Unmap().IsUnspecified() && !p.AllowWildcard:
		l.Err(n, "wildcard", "peer %s would be listened to on %s, which is every network of the host", p.Address,
			at).Hint = "give an address, or write allow_wildcard if that is meant"
	case at.IsValid() && at.IsMulticast():
		l.Err(n, "unusable-address", "peer %s cannot be listened to on %s, which is a group", p.Address, at)
	case at.IsValid() && at.Unmap().Is4() != p.Address.Is4():
		l.Err(n, "unusable-address", "peer %s cannot be listened to on %s, which is of another family", p.Address, at)
	case p.Key == "" && p.KeyFile == "" && !says(n, "key"): // of one that is wrong something is said
		f := l.Err(n, "missing-key", "peer %s has no key", p.Address)
		f.Hint = "write: key file:PATH; director genkey --peer makes one"
	}
	for _, other := range c.Peers {
		if other.Address == p.Address {
			l.WarnArg(n, 0, "repeated", "peer %s is defined already: this one is ignored", p.Address)
			return
		}
	}
	if len(c.Peers) == maxPeers {
		l.Err(n, "too-many", "there are more than %d peers", maxPeers)
		return
	}
	c.Peers = append(c.Peers, p)
}

// says tells whether a block has a line with a keyword.
func says(n *syntax.Node, keyword string) bool {
	return slices.ContainsFunc(n.Children(), func(c *syntax.Node) bool { return c.Keyword.Text == keyword })
}
