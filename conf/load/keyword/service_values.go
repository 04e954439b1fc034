package keyword

import (
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

func setScheduler(l *Loader, n *syntax.Node, v *conf.VirtualServer) {
	name := n.Arg(0)
	if !slices.Contains(Schedulers, name) {
		f := l.WarnArg(n, 0, "unknown-scheduler", "IPVS has no scheduler %q: it is ignored, and wlc is used",
			value.Clip(name))
		if near := value.Nearest(name, Schedulers); near != "" {
			f.Hint = "did you mean " + near + "?"
		} else {
			f.Hint = "one of " + join(Schedulers, " ")
		}
		return
	}
	v.Scheduler = name
	v.Flags &= conf.FlagOnePacket
	if len(n.Args) < 2 {
		return
	}
	f := l.NoteArg(n, 1, "extra-words", "%q and what follows it are ignored", value.Clip(n.Arg(1)))
	if _, flag := schedFlags[n.Arg(1)]; flag {
		f.Hint = "flags of the scheduler stand on lines of their own below it"
	}
}

// schedFlags are the flags of schedulers, and the one scheduler that has them.
var schedFlags = map[string]struct {
	bit uint32
	of  string
}{
	"flag-1": {conf.FlagSched1, ""}, "flag-2": {conf.FlagSched2, ""}, "flag-3": {conf.FlagSched3, ""},
	"sh-fallback": {conf.FlagSched1, "sh"}, "sh-port": {conf.FlagSched2, "sh"},
	"mh-fallback": {conf.FlagSched1, "mh"}, "mh-port": {conf.FlagSched2, "mh"},
}

// shown says whether the flag name is the one to write for what is set: those
// of a scheduler have two names.
func showsFlag(v *conf.VirtualServer, name string) bool {
	flag := schedFlags[name]
	if v.Flags&flag.bit == 0 {
		return false
	}
	if flag.of != "" {
		return flag.of == v.Scheduler
	}
	return flag.bit == conf.FlagSched3 || v.Scheduler != "sh" && v.Scheduler != "mh"
}

func readMethod(s string) (conf.ForwardMethod, bool) {
	switch s {
	case "NAT":
		return conf.NAT, true
	case "DR":
		return conf.DR, true
	case "TUN":
		return conf.TUN, true
	}
	if strings.EqualFold(s, "FNAT") { // a word of ours, for which there is no file that means something else
		return conf.FNAT, true
	}
	return conf.NAT, false
}

// tunnel reads what follows TUN.
func (l *Loader) tunnel(n *syntax.Node, m conf.ForwardMethod) (t conf.Tunnel, ok bool) {
	for i := 1; i < len(n.Args); i++ {
		opt := n.Arg(i)
		switch {
		case m != conf.TUN:
			l.WarnArg(n, i, "extra-words", "%q and what follows it are ignored: only TUN has options", value.Clip(opt))
			return t, true
		case opt == "type" && i+1 < len(n.Args):
			i++
			switch n.Arg(i) {
			case "ipip":
				t.Type = conf.IPIP
			case "gre":
				t.Type = conf.GRE
			case "gue":
				t.Type = conf.GUE
			default:
				l.WarnArg(n, i, "unknown-value", "tunnel type cannot be %q: the line is ignored",
					value.Clip(n.Arg(i))).Hint = "ipip, gue or gre"
				return t, false
			}
		case opt == "port" && i+1 < len(n.Args):
			i++
			p, ok := l.Port(n, i)
			if !ok {
				return t, false
			}
			t.Port = p
		case opt == "nocsum" || opt == "csum" || opt == "remcsum":
			t.Checksum = opt
		default:
			l.WarnArg(n, i, "unknown-option", "unknown tunnel option %q: the line is ignored", value.Clip(opt))
			return t, false
		}
	}
	switch {
	case t.Type == conf.GUE && t.Port == 0:
		l.Warn(n, "missing-value", "a gue tunnel needs a port: the line is ignored")
		return t, false
	case t.Type != conf.GUE && t.Port != 0:
		l.Warn(n, "unknown-option", "only gue tunnels have a port: it is ignored")
		t.Port = 0
	case t.Type == conf.IPIP && t.Checksum != "", t.Type == conf.GRE && t.Checksum == "remcsum":
		l.Warn(n, "unknown-option", "%s tunnels have no %s: it is ignored", t.Type, t.Checksum)
		t.Checksum = ""
	}
	return t, true
}

func setGranularity(l *Loader, n *syntax.Node, v *conf.VirtualServer) {
	s := n.Arg(0)
	if bits, ok := value.Decimal(s); ok {
		if bits < 1 || bits > 128 {
			l.WarnArg(n, 0, "out-of-range", "persistence_granularity %d is outside of 1 to 128: it is ignored", bits)
			return
		}
		v.PersistenceMask = int(bits)
		l.narrow(n, v, bits)
		return
	}
	bits, ok := value.MaskBits(s, netip.IPv4Unspecified())
	if !ok || bits == 0 {
		l.WarnArg(n, 0, "invalid-mask", "%q is not a mask for persistence_granularity: it is ignored", value.Clip(s))
		return
	}
	v.PersistenceMask = bits
}

func sorryOf(v *conf.VirtualServer) *conf.SorryServer {
	if v.Sorry == nil {
		v.Sorry = &conf.SorryServer{}
	}
	return v.Sorry
}

func setSorry(l *Loader, n *syntax.Node, v *conf.VirtualServer) {
	key, ok := l.serverKey(n, "sorry_server")
	if ok {
		sorryOf(v).Key = key
	}
}

// serverKey reads IP [PORT].
func (l *Loader) serverKey(n *syntax.Node, what string) (conf.ServerKey, bool) {
	a, err := value.ParseAddr(n.Arg(0))
	if err != nil {
		l.WarnArg(n, 0, "invalid-address", "%q is not an IP address of a %s: it is ignored", value.Clip(n.Arg(0)), what)
		return conf.ServerKey{}, false
	}
	key := conf.ServerKey{Address: a}
	if len(n.Args) > 1 {
		p, ok := portNumber(n.Arg(1))
		if !ok {
			l.WarnArg(n, 1, "invalid-port", "%q is not a port: the %s is ignored", value.Clip(n.Arg(1)), what)
			return key, false
		}
		key.Port = p
	}
	if len(n.Args) > 2 {
		l.NoteArg(n, 2, "extra-words", "%q and what follows it are ignored", value.Clip(n.Arg(2)))
	}
	return key, true
}

// portNumber reads a port, 0 included.
func portNumber(s string) (uint16, bool) {
	v, ok := value.Decimal(s)
	return uint16(v), ok && v >= 0 && v <= math.MaxUint16
}

// narrow notes a number of bits, which keepalived reads as an IPv4 address.
func (l *Loader) narrow(n *syntax.Node, v *conf.VirtualServer, bits int64) {
	if v.Key.IPv6 || v.Key.Address.Is6() || bits > 32 {
		return
	}
	mask := netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), int(bits)).Masked().Addr()
	l.NoteArg(n, 0, "mask-bits", "keepalived takes %d for the mask 0.0.0.%d: %d bits are used here", bits, bits,
		bits).Hint = "write " + mask.String()
}
