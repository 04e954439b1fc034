package conf

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf/syntax"
)

// Schedulers are the kernel's (ip_vs_*.ko).
var Schedulers = []string{"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "mh", "dh", "fo", "ovf", "sed", "nq", "twos"}

// serverKeywords is the virtual_server block (keepalived check/check_parser.c).
var serverKeywords = newTable("virtual_server", serverService, serverTiming, serverQuorum, serverRest)

var serverService = []keyword[VirtualServer]{
	{name: "protocol", value: "TCP|UDP|SCTP", deflt: "UDP", need: 1,
		set: func(l *loader, n *syntax.Node, v *VirtualServer) {
			switch strings.ToUpper(n.Arg(0)) {
			case "TCP":
				v.Key.Protocol = TCP
			case "UDP":
				v.Key.Protocol = UDP
			case "SCTP":
				v.Key.Protocol = SCTP
			default:
				l.warnArg(n, 0, "unknown-value", "protocol cannot be %q: the line is ignored", clip(n.Arg(0)))
			}
		},
		get: func(v *VirtualServer) []string {
			if v.Key.FWMark != 0 || v.Group != "" && len(v.Services) > 0 && v.Services[0].FWMark != 0 {
				return nil
			}
			p := v.Key.Protocol
			if v.Group != "" && len(v.Services) > 0 {
				p = v.Services[0].Protocol
			}
			return one(strings.ToUpper(p.String()))
		}},
	{name: "lvs_sched", value: join(Schedulers, "|"), deflt: "wlc", need: 1, max: -1, set: setScheduler,
		get: func(v *VirtualServer) []string { return append(one(v.Scheduler), v.flagWords()...) }},
	keyword[VirtualServer]{name: "lvs_sched", value: join(Schedulers, "|"), deflt: "wlc", need: 1, max: -1, set: setScheduler}.alias("lb_algo"),
	methodKeyword("lvs_method", func(v *VirtualServer) (*ForwardMethod, *Tunnel) { return &v.Forward, &v.Tunnel }),
	methodKeyword("lvs_method", func(v *VirtualServer) (*ForwardMethod, *Tunnel) { return &v.Forward, &v.Tunnel }).alias("lb_kind"),
	{name: "persistence_timeout", value: "[1..2678400]", deflt: "off; 360 when no time is given", unit: "s", max: 1,
		set: func(l *loader, n *syntax.Node, v *VirtualServer) {
			if len(n.Args) == 0 {
				v.Persistence = 360 * time.Second
				return
			}
			l.fallback = ""
			if s, ok := l.integer(n, 0, 1, 31*86400); ok {
				v.Persistence = time.Duration(s) * time.Second
			}
		},
		get: func(v *VirtualServer) []string {
			if v.Persistence == 0 {
				return nil
			}
			return one(secs(v.Persistence))
		}},
	{name: "persistence_granularity", value: "MASK|1..128", deflt: "32, or 128 for IPv6", need: 1, set: setGranularity,
		get: func(v *VirtualServer) []string {
			if v.Persistence == 0 {
				return nil
			}
			return one(strconv.Itoa(v.PersistenceMask))
		}},
	oneOf("persistence_engine", []string{"sip"}, "none", func(v *VirtualServer) *string { return &v.PersistenceEngine }),
	{name: "ops", deflt: "off", why: "one packet scheduling, UDP only",
		set: func(_ *loader, _ *syntax.Node, v *VirtualServer) { v.Flags |= FlagOnePacket },
		get: func(v *VirtualServer) []string {
			if v.Flags&FlagOnePacket == 0 {
				return nil
			}
			return []string{}
		}},
	schedFlag("flag-1"), schedFlag("flag-2"), schedFlag("flag-3"),
	schedFlag("sh-fallback"), schedFlag("sh-port"), schedFlag("mh-fallback"), schedFlag("mh-port"),
	ignored[VirtualServer]("hashed", "", 0, "the kernel sets this flag itself"),
	{name: "ip_family", value: "inet|inet6", deflt: "that of the addresses", need: 1,
		set: func(l *loader, n *syntax.Node, v *VirtualServer) {
			switch n.Arg(0) {
			case "inet":
				v.Key.IPv6 = false
			case "inet6":
				v.Key.IPv6 = true
			default:
				l.warnArg(n, 0, "unknown-value", "ip_family cannot be %q: the line is ignored", clip(n.Arg(0)))
			}
		}},
}

var serverTiming = timingKeywords(func(v *VirtualServer) timing { return v.Timing.places(&v.Alpha) })

var serverQuorum = []keyword[VirtualServer]{
	bare("omega", func(v *VirtualServer) *bool { return &v.Omega }),
	number("quorum", 1, math.MaxUint32, "1", func(v *VirtualServer) *uint32 { return &v.Quorum }),
	number("hysteresis", 0, math.MaxUint32, "0", func(v *VirtualServer) *uint32 { return &v.Hysteresis }),
	program("quorum_up", func(v *VirtualServer) *Script { return &v.QuorumUp }),
	program("quorum_down", func(v *VirtualServer) *Script { return &v.QuorumDown }),
	custom("sorry_server", "IP [PORT]", "none", 1, setSorry, func(v *VirtualServer) []string {
		if v.Sorry == nil || !v.Sorry.Key.Address.IsValid() {
			return nil
		}
		return []string{v.Sorry.Key.Address.String(), strconv.Itoa(int(v.Sorry.Key.Port))}
	}),
	{name: "sorry_server_inhibit", deflt: "off",
		set: func(_ *loader, _ *syntax.Node, v *VirtualServer) { v.sorry().Inhibit = true },
		get: func(v *VirtualServer) []string {
			if v.Sorry == nil || !v.Sorry.Inhibit {
				return nil
			}
			return []string{}
		}},
	sorryMethod(),
}

var serverRest = []keyword[VirtualServer]{
	flag("inhibit_on_failure", func(v *VirtualServer) *bool { return &v.Inhibit }),
	number("weight", 0, 65535, "1", func(v *VirtualServer) *int { return &v.Weight }),
	bare("ha_suspend", func(v *VirtualServer) *bool { return &v.HASuspend }),
	word("virtualhost", "NAME", "", func(v *VirtualServer) *string { return &v.VirtualHost }),
	choice("smtp_alert", "smtp_alert_checker, smtp_alert, else false", func(v *VirtualServer) *Choice { return &v.SMTPAlert }),
	word("snmp_name", "NAME", "", func(v *VirtualServer) *string { return &v.SNMPName }).noEffect(whySNMP),
	group("real_server", "IP [PORT] { ... }", 1, setRealServer),
}

// realKeywords is the real_server block.
var realKeywords = newTable("real_server",
	[]keyword[RealServer]{
		number("weight", 0, 65535, "that of the virtual server, else 1", func(r *RealServer) *int { return &r.Weight }),
		methodKeyword("lvs_method", func(r *RealServer) (*ForwardMethod, *Tunnel) { return &r.Forward, &r.Tunnel }),
		methodKeyword("lvs_method", func(r *RealServer) (*ForwardMethod, *Tunnel) { return &r.Forward, &r.Tunnel }).alias("lb_kind"),
		number("uthreshold", 0, math.MaxUint32, "0, no limit", func(r *RealServer) *uint32 { return &r.Upper }),
		number("lthreshold", 0, math.MaxUint32, "0, no limit", func(r *RealServer) *uint32 { return &r.Lower }),
		flag("inhibit_on_failure", func(r *RealServer) *bool { return &r.Inhibit }),
		program("notify_up", func(r *RealServer) *Script { return &r.NotifyUp }),
		program("notify_down", func(r *RealServer) *Script { return &r.NotifyDown }),
		choice("smtp_alert", "that of the virtual server, else true", func(r *RealServer) *Choice { return &r.SMTPAlert }),
		word("virtualhost", "NAME", "that of the virtual server", func(r *RealServer) *string { return &r.VirtualHost }),
		word("snmp_name", "NAME", "", func(r *RealServer) *string { return &r.SNMPName }).noEffect(whySNMP),
	},
	timingKeywords(func(r *RealServer) timing { return r.Timing.places(&r.Alpha) }),
	checkerRows())

// timing is where a block keeps the words that a virtual server, a real server
// and a checker have in common.
type timing struct {
	interval, retryDelay, timeout, warmup *time.Duration
	retries                               *int
	alpha                                 *bool
}

func (t *CheckTiming) places(alpha *bool) timing {
	return timing{&t.Interval, &t.RetryDelay, &t.Timeout, &t.Warmup, &t.Retries, alpha}
}

func timingKeywords[T any](at func(*T) timing) []keyword[T] {
	return []keyword[T]{
		duration("delay_loop", time.Microsecond, maxTimer, "60", func(t *T) *time.Duration { return at(t).interval }),
		number("retry", 0, math.MaxInt32, "1; MISC_CHECK 0, DNS_CHECK 3", func(t *T) *int { return at(t).retries }),
		duration("delay_before_retry", 0, maxTimer, "1; HTTP_GET and SSL_GET 3, DNS_CHECK delay_loop", func(t *T) *time.Duration { return at(t).retryDelay }),
		duration("connect_timeout", time.Microsecond, maxTimer, "5", func(t *T) *time.Duration { return at(t).timeout }),
		duration("warmup", 0, maxTimer, "delay_loop", func(t *T) *time.Duration { return at(t).warmup }),
		flag("alpha", func(t *T) *bool { return at(t).alpha }),
	}
}

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
	for i := 1; i < len(n.Args); i++ {
		flag, ok := schedFlags[n.Arg(i)]
		if !ok {
			l.noteArg(n, i, "extra-words", "%q and what follows it are ignored", clip(n.Arg(i)))
			return
		}
		if flag.of != "" && flag.of != name {
			l.warnArg(n, i, "wrong-scheduler", "%s belongs after lvs_sched %s: it is ignored", n.Arg(i), flag.of)
			continue
		}
		v.Flags |= flag.bit
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

// schedFlag is a flag of the scheduler that was said before.
func schedFlag(name string) keyword[VirtualServer] {
	return keyword[VirtualServer]{
		name: name, deflt: "off",
		set: func(l *loader, n *syntax.Node, v *VirtualServer) {
			flag := schedFlags[name]
			if flag.of != "" && v.Scheduler != flag.of {
				l.warn(n, "wrong-scheduler", "%s belongs after lvs_sched %s: it is ignored", name, flag.of)
				return
			}
			v.Flags |= flag.bit
		},
	}
}

// flagWords are the flags that stand behind the scheduler.
func (v *VirtualServer) flagWords() []string {
	var words []string
	for _, f := range []struct {
		flag       uint32
		sh, mh, no string
	}{{FlagSched1, "sh-fallback", "mh-fallback", "flag-1"}, {FlagSched2, "sh-port", "mh-port", "flag-2"}, {FlagSched3, "", "", "flag-3"}} {
		if v.Flags&f.flag == 0 {
			continue
		}
		name := f.no
		switch {
		case v.Scheduler == "sh" && f.sh != "":
			name = f.sh
		case v.Scheduler == "mh" && f.mh != "":
			name = f.mh
		}
		words = append(words, name)
	}
	return words
}

// methodKeyword is NAT|DR|TUN with the options of a tunnel.
func methodKeyword[T any](name string, field func(*T) (*ForwardMethod, *Tunnel)) keyword[T] {
	return keyword[T]{
		name: name, value: "NAT|DR|TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]", deflt: "NAT, or that of the block around", need: 1, max: -1,
		set: func(l *loader, n *syntax.Node, t *T) {
			method, ok := readMethod(n.Arg(0))
			if !ok {
				f := l.warnArg(n, 0, "unknown-method", "%s cannot be %q: it is ignored", l.word, clip(n.Arg(0)))
				f.Hint = "NAT, DR or TUN, in capitals"
				if n.Arg(0) == "FNAT" || n.Arg(0) == "FULLNAT" {
					f.Hint = "full NAT is DPVS's; the kernel's IPVS has NAT, DR and TUN"
				}
				return
			}
			tun, ok := l.tunnel(n, method)
			if ok {
				m, t := field(t)
				*m, *t = method, tun
			}
		},
		get: func(t *T) []string {
			m, tun := field(t)
			return append(one(m.String()), tun.words(*m)...)
		},
	}
}

func sorryMethod() keyword[VirtualServer] {
	k := methodKeyword("sorry_server_lvs_method", func(v *VirtualServer) (*ForwardMethod, *Tunnel) {
		return &v.sorry().Forward, &v.sorry().Tunnel
	})
	get := k.get
	k.get = func(v *VirtualServer) []string {
		if v.Sorry == nil {
			return nil
		}
		return get(v)
	}
	return k
}

func (k keyword[T]) hidden() keyword[T] {
	k.get = nil
	return k
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
			l.noteArg(n, i, "extra-words", "%q and what follows it are ignored: only TUN has options", clip(opt))
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
