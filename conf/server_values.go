package conf

import (
	"math"
	"net/netip"
	"slices"
	"strconv"

	"github.com/lvs-director/director/conf/syntax"
)

func setScheduler(l *loader, n *syntax.Node, v *VirtualServer) {
	name := n.Arg(0)
	if !slices.Contains(Schedulers, name) {
		f := l.warnArg(n, 0, "unknown-scheduler", "IPVS has no scheduler %q: it is ignored, and wlc is used", clip(name))
		if near := nearest(name, Schedulers); near != "" {
			f.Hint = "did you mean " + near + "?"
		} else {
			f.Hint = "one of " + join(Schedulers, " ")
		}
		return
	}
	v.Scheduler = name
	v.Flags &= FlagOnePacket
	if len(n.Args) < 2 {
		return
	}
	f := l.noteArg(n, 1, "extra-words", "%q and what follows it are ignored", clip(n.Arg(1)))
	if _, flag := schedFlags[n.Arg(1)]; flag {
		f.Hint = "flags of the scheduler stand on lines of their own below it"
	}
}

// schedFlags are the flags of schedulers, and the one scheduler that has them.
var schedFlags = map[string]struct {
	bit uint32
	of  string
}{
	"flag-1": {FlagSched1, ""}, "flag-2": {FlagSched2, ""}, "flag-3": {FlagSched3, ""},
	"sh-fallback": {FlagSched1, "sh"}, "sh-port": {FlagSched2, "sh"},
	"mh-fallback": {FlagSched1, "mh"}, "mh-port": {FlagSched2, "mh"},
}

// shown says whether the flag name is the one to write for what is set: those
// of a scheduler have two names.
func (v *VirtualServer) shown(name string) bool {
	flag := schedFlags[name]
	if v.Flags&flag.bit == 0 {
		return false
	}
	if flag.of != "" {
		return flag.of == v.Scheduler
	}
	return flag.bit == FlagSched3 || v.Scheduler != "sh" && v.Scheduler != "mh"
}

func readMethod(s string) (ForwardMethod, bool) {
	switch s {
	case "NAT":
		return NAT, true
	case "DR":
		return DR, true
	case "TUN":
		return TUN, true
	}
	return NAT, false
}

// tunnel reads what follows TUN.
func (l *loader) tunnel(n *syntax.Node, m ForwardMethod) (t Tunnel, ok bool) {
	for i := 1; i < len(n.Args); i++ {
		opt := n.Arg(i)
		switch {
		case m != TUN:
			l.warnArg(n, i, "extra-words", "%q and what follows it are ignored: only TUN has options", clip(opt))
			return t, true
		case opt == "type" && i+1 < len(n.Args):
			i++
			switch n.Arg(i) {
			case "ipip":
				t.Type = IPIP
			case "gre":
				t.Type = GRE
			case "gue":
				t.Type = GUE
			default:
				l.warnArg(n, i, "unknown-value", "tunnel type cannot be %q: the line is ignored", clip(n.Arg(i))).Hint = "ipip, gue or gre"
				return t, false
			}
		case opt == "port" && i+1 < len(n.Args):
			i++
			p, ok := l.port(n, i)
			if !ok {
				return t, false
			}
			t.Port = p
		case opt == "nocsum" || opt == "csum" || opt == "remcsum":
			t.Checksum = opt
		default:
			l.warnArg(n, i, "unknown-option", "unknown tunnel option %q: the line is ignored", clip(opt))
			return t, false
		}
	}
	switch {
	case t.Type == GUE && t.Port == 0:
		l.warn(n, "missing-value", "a gue tunnel needs a port: the line is ignored")
		return t, false
	case t.Type != GUE && t.Port != 0:
		l.warn(n, "unknown-option", "only gue tunnels have a port: it is ignored")
		t.Port = 0
	case t.Type == IPIP && t.Checksum != "", t.Type == GRE && t.Checksum == "remcsum":
		l.warn(n, "unknown-option", "%s tunnels have no %s: it is ignored", t.Type, t.Checksum)
		t.Checksum = ""
	}
	return t, true
}

func (t Tunnel) words(m ForwardMethod) []string {
	if m != TUN {
		return nil
	}
	words := []string{"type", t.Type.String()}
	if t.Port != 0 {
		words = append(words, "port", strconv.Itoa(int(t.Port)))
	}
	return append(words, some(t.Checksum)...)
}

func setGranularity(l *loader, n *syntax.Node, v *VirtualServer) {
	s := n.Arg(0)
	if bits, ok := decimal(s); ok {
		if bits < 1 || bits > 128 {
			l.warnArg(n, 0, "out-of-range", "persistence_granularity %d is outside of 1 to 128: it is ignored", bits)
			return
		}
		v.PersistenceMask = int(bits)
		l.narrow(n, v, bits)
		return
	}
	bits, ok := maskBits(s, netip.IPv4Unspecified())
	if !ok || bits == 0 {
		l.warnArg(n, 0, "invalid-mask", "%q is no mask for persistence_granularity: it is ignored", clip(s))
		return
	}
	v.PersistenceMask = bits
}

func (v *VirtualServer) sorry() *SorryServer {
	if v.Sorry == nil {
		v.Sorry = &SorryServer{}
	}
	return v.Sorry
}

func setSorry(l *loader, n *syntax.Node, v *VirtualServer) {
	key, ok := l.serverKey(n, "sorry_server")
	if ok {
		v.sorry().Key = key
	}
}

// serverKey reads IP [PORT].
func (l *loader) serverKey(n *syntax.Node, what string) (ServerKey, bool) {
	a, err := parseAddr(n.Arg(0))
	if err != nil {
		l.warnArg(n, 0, "invalid-address", "%q is no IP address of a %s: it is ignored", clip(n.Arg(0)), what)
		return ServerKey{}, false
	}
	key := ServerKey{Address: a}
	if len(n.Args) > 1 {
		p, ok := portNumber(n.Arg(1))
		if !ok {
			l.warnArg(n, 1, "invalid-port", "%q is no port: the %s is ignored", clip(n.Arg(1)), what)
			return key, false
		}
		key.Port = p
	}
	if len(n.Args) > 2 {
		l.noteArg(n, 2, "extra-words", "%q and what follows it are ignored", clip(n.Arg(2)))
	}
	return key, true
}

// portNumber reads a port, 0 included.
func portNumber(s string) (uint16, bool) {
	v, ok := decimal(s)
	return uint16(v), ok && v >= 0 && v <= math.MaxUint16
}

// narrow notes a number of bits, which keepalived reads as an IPv4 address.
func (l *loader) narrow(n *syntax.Node, v *VirtualServer, bits int64) {
	if v.Key.IPv6 || v.Key.Address.Is6() || bits > 32 {
		return
	}
	mask := netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), int(bits)).Masked().Addr()
	l.noteArg(n, 0, "mask-bits", "keepalived takes %d for the mask 0.0.0.%d: %d bits are used here", bits, bits, bits).Hint = "write " + mask.String()
}
