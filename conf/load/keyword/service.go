package keyword

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// Schedulers are the kernel's (ip_vs_*.ko).
var Schedulers = []string{"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "mh", "dh", "fo", "ovf", "sed", "nq", "twos"}

// Server is the virtual_server block (keepalived check/check_parser.c).
var Server = newTable("virtual_server", serverService, serverTiming, serverQuorum, serverRest, serverOwn)

var serverService = []keyword[conf.VirtualServer]{
	{name: "protocol", value: "TCP|UDP|SCTP", deflt: "UDP", need: 1,
		set: func(l *Loader, n *syntax.Node, v *conf.VirtualServer) {
			switch strings.ToUpper(n.Arg(0)) {
			case "TCP":
				v.Key.Protocol = conf.TCP
			case "UDP":
				v.Key.Protocol = conf.UDP
			case "SCTP":
				v.Key.Protocol = conf.SCTP
			default:
				l.WarnArg(n, 0, "unknown-value", "protocol cannot be %q: the line is ignored", value.Clip(n.Arg(0)))
			}
		},
		get: func(v *conf.VirtualServer) []string {
			if v.Match != nil && v.Group != "" {
				return one(strings.ToUpper(v.Match.Entries[0].Protocol.String()))
			}
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
		get: func(v *conf.VirtualServer) []string { return one(v.Scheduler) }},
	keyword[conf.VirtualServer]{name: "lvs_sched", value: join(Schedulers, "|"), deflt: "wlc", need: 1, max: -1,
		set: setScheduler}.alias("lb_algo"),
	methodKeyword("lvs_method", func(v *conf.VirtualServer) (*conf.ForwardMethod, *conf.Tunnel) {
		return &v.Forward, &v.Tunnel
	}),
	methodKeyword("lvs_method", func(v *conf.VirtualServer) (*conf.ForwardMethod, *conf.Tunnel) {
		return &v.Forward,
			&v.Tunnel
	}).alias("lb_kind"),
	{name: "persistence_timeout", value: "[1..2678400]", deflt: "off; 360 when no time is given", unit: "s", max: 1,
		set: func(l *Loader, n *syntax.Node, v *conf.VirtualServer) {
			if len(n.Args) == 0 {
				v.Persistence = 360 * time.Second
				return
			}
			l.Fallback = ""
			if s, ok := l.Integer(n, 0, 1, 31*86400); ok {
				v.Persistence = time.Duration(s) * time.Second
			}
		},
		get: func(v *conf.VirtualServer) []string {
			if v.Persistence == 0 {
				return nil
			}
			return one(value.Seconds(v.Persistence))
		}},
	{name: "persistence_granularity", value: "MASK|1..128", deflt: "32, or 128 for IPv6", need: 1, set: setGranularity,
		get: func(v *conf.VirtualServer) []string {
			if v.Persistence == 0 {
				return nil
			}
			return one(strconv.Itoa(v.PersistenceMask))
		}},
	oneOf("persistence_engine", []string{"sip"}, "none", func(v *conf.VirtualServer) *string {
		return &v.PersistenceEngine
	}),
	{name: "ops", deflt: "off", why: "one packet scheduling, UDP only",
		set: func(_ *Loader, _ *syntax.Node, v *conf.VirtualServer) { v.Flags |= conf.FlagOnePacket },
		get: func(v *conf.VirtualServer) []string {
			if v.Flags&conf.FlagOnePacket == 0 {
				return nil
			}
			return []string{}
		}},
	schedFlag("flag-1"), schedFlag("flag-2"), schedFlag("flag-3"),
	schedFlag("sh-fallback"), schedFlag("sh-port"), schedFlag("mh-fallback"), schedFlag("mh-port"),
	ignored[conf.VirtualServer]("hashed", "", 0, "the kernel sets this flag itself"),
	{name: "ip_family", value: "inet|inet6", deflt: "that of the addresses", need: 1,
		set: func(l *Loader, n *syntax.Node, v *conf.VirtualServer) {
			switch n.Arg(0) {
			case "inet":
				v.Key.IPv6 = false
			case "inet6":
				v.Key.IPv6 = true
			default:
				l.WarnArg(n, 0, "unknown-value", "ip_family cannot be %q: the line is ignored", value.Clip(n.Arg(0)))
			}
		}},
}

var serverTiming = timingKeywords(1, func(v *conf.VirtualServer) timing { return places(&v.Timing, &v.Alpha) })

var serverQuorum = []keyword[conf.VirtualServer]{
	bare("omega", func(v *conf.VirtualServer) *bool { return &v.Omega }),
	atMost("quorum", 1, math.MaxUint32, "1", func(v *conf.VirtualServer) *uint32 { return &v.Quorum }),
	atMost("hysteresis", 0, math.MaxUint32, "0", func(v *conf.VirtualServer) *uint32 { return &v.Hysteresis }),
	program("quorum_up", func(v *conf.VirtualServer) *conf.Script { return &v.QuorumUp }).firstCounts(),
	program("quorum_down", func(v *conf.VirtualServer) *conf.Script { return &v.QuorumDown }).firstCounts(),
	custom("sorry_server", "IP [PORT]", "none", 1, setSorry, func(v *conf.VirtualServer) []string {
		if v.Sorry == nil || !v.Sorry.Key.Address.IsValid() {
			return nil
		}
		return []string{v.Sorry.Key.Address.String(), strconv.Itoa(int(v.Sorry.Key.Port))}
	}),
	{name: "sorry_server_inhibit", deflt: "off",
		set: func(_ *Loader, _ *syntax.Node, v *conf.VirtualServer) { sorryOf(v).Inhibit = true },
		get: func(v *conf.VirtualServer) []string {
			if v.Sorry == nil || !v.Sorry.Inhibit {
				return nil
			}
			return []string{}
		}},
	sorryMethod(),
}

var serverRest = []keyword[conf.VirtualServer]{
	bare("inhibit_on_failure", func(v *conf.VirtualServer) *bool { return &v.Inhibit }),
	number("weight", 1, math.MaxInt32, "1", func(v *conf.VirtualServer) *int { return &v.Weight }),
	bare("ha_suspend", func(v *conf.VirtualServer) *bool { return &v.HASuspend }),
	word("virtualhost", "NAME", "", func(v *conf.VirtualServer) *string { return &v.VirtualHost }),
	choice("smtp_alert", "smtp_alert_checker, smtp_alert, else false", func(v *conf.VirtualServer) *conf.Choice {
		return &v.SMTPAlert
	}),
	word("snmp_name", "NAME", "", func(v *conf.VirtualServer) *string { return &v.SNMPName }).noEffect(whySNMP),
	group("real_server", "IP [PORT] { ... }", 1, setRealServer),
}

// Real is the real_server block.
var Real = newTable("real_server",
	[]keyword[conf.RealServer]{
		number("weight", 0, math.MaxInt32, "that of the virtual server, else 1", func(r *conf.RealServer) *int {
			return &r.Weight
		}),
		methodKeyword("lvs_method", func(r *conf.RealServer) (*conf.ForwardMethod, *conf.Tunnel) {
			return &r.Forward, &r.Tunnel
		}),
		atMost("uthreshold", 0, math.MaxUint32, "0, no limit", func(r *conf.RealServer) *uint32 { return &r.Upper }),
		atMost("lthreshold", 0, math.MaxUint32, "0, no limit", func(r *conf.RealServer) *uint32 { return &r.Lower }),
		flag("inhibit_on_failure", func(r *conf.RealServer) *bool { return &r.Inhibit }),
		program("notify_up", func(r *conf.RealServer) *conf.Script { return &r.NotifyUp }).firstCounts(),
		program("notify_down", func(r *conf.RealServer) *conf.Script { return &r.NotifyDown }).firstCounts(),
		choice("smtp_alert", "that of the virtual server, else true", func(r *conf.RealServer) *conf.Choice {
			return &r.SMTPAlert
		}),
		word("virtualhost", "NAME", "that of the virtual server", func(r *conf.RealServer) *string { return &r.VirtualHost }),
		word("snmp_name", "NAME", "", func(r *conf.RealServer) *string { return &r.SNMPName }).noEffect(whySNMP),
		duration("drain_timeout", 0, maxDrain, "that of the virtual server", func(r *conf.RealServer) *time.Duration {
			return &r.DrainTimeout
		}).ours(),
		duration("slow_start", 0, maxSlowStart, "that of the virtual server", func(r *conf.RealServer) *time.Duration {
			return &r.SlowStart
		}).ours(),
	},
	timingKeywords(1, func(r *conf.RealServer) timing { return places(&r.Timing, &r.Alpha) }),
	checkerRows())

// timing is where a block keeps the words that a virtual server, a real server
// and a checker have in common.
type timing struct {
	interval, retryDelay, timeout, warmup *time.Duration
	retries, rise                         *int
	alpha                                 *bool
}

func places(t *conf.CheckTiming, alpha *bool) timing {
	return timing{&t.Interval, &t.RetryDelay, &t.Timeout, &t.Warmup, &t.Retries, &t.Rise, alpha}
}

// timingKeywords are those words; fewest is the smallest retry, which
// keepalived lets be 0 in a checker only.
func timingKeywords[T any](fewest int64, at func(*T) timing) []keyword[T] {
	return []keyword[T]{
		duration("delay_loop", time.Microsecond, value.LongTimer, "60", func(t *T) *time.Duration { return at(t).interval }),
		number("retry", fewest, math.MaxUint32, "1; MISC_CHECK 0, DNS_CHECK 3", func(t *T) *int { return at(t).retries }),
		fall(fewest, func(t *T) *int { return at(t).retries }),
		number("rise", 1, math.MaxUint32, "1", func(t *T) *int { return at(t).rise }).ours(),
		duration("delay_before_retry", 0, value.LongTimer, "1; HTTP_GET and SSL_GET 3, DNS_CHECK delay_loop",
			func(t *T) *time.Duration {
				return at(t).retryDelay
			}),
		duration("connect_timeout", time.Microsecond, value.MaxTimer, "5", func(t *T) *time.Duration {
			return at(t).timeout
		}),
		duration("warmup", 0, value.LongTimer, "delay_loop", func(t *T) *time.Duration { return at(t).warmup }),
		flag("alpha", func(t *T) *bool { return at(t).alpha }),
	}
}

// fall is the number of failures that retry counts without the first one.
func fall[T any](fewest int64, retries func(*T) *int) keyword[T] {
	return keyword[T]{name: "fall", value: "1..4294967295", deflt: "that of retry", need: 1, aliasO: "retry", own: true,
		why: "fall 3 is retry 2",
		set: func(l *Loader, n *syntax.Node, t *T) {
			if v, ok := l.Integer(n, 0, 1, math.MaxUint32); ok {
				*retries(t) = int(v) - 1
			}
		},
		get: func(t *T) []string {
			if n := *retries(t); n >= 0 && int64(n) < fewest {
				return one(strconv.Itoa(n + 1)) // retry cannot say it here
			}
			return nil
		}}
}

// schedFlag is a flag of the scheduler that was said before.
func schedFlag(name string) keyword[conf.VirtualServer] {
	return keyword[conf.VirtualServer]{
		name: name, deflt: "off",
		set: func(l *Loader, n *syntax.Node, v *conf.VirtualServer) {
			flag := schedFlags[name]
			if flag.of != "" && v.Scheduler != flag.of {
				l.Warn(n, "wrong-scheduler", "%s belongs after lvs_sched %s: it is ignored", name, flag.of)
				return
			}
			v.Flags |= flag.bit
		},
		get: func(v *conf.VirtualServer) []string {
			if showsFlag(v, name) {
				return []string{}
			}
			return nil
		},
	}
}

// methodKeyword is NAT|DR|TUN|FNAT with the options of a tunnel.
func methodKeyword[T any](name string, field func(*T) (*conf.ForwardMethod, *conf.Tunnel)) keyword[T] {
	return keyword[T]{
		name: name, value: "NAT|DR|FNAT|TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]",
		deflt: "NAT, or that of the block around", need: 1, max: -1,
		set: func(l *Loader, n *syntax.Node, t *T) {
			method, ok := readMethod(n.Arg(0))
			if !ok {
				f := l.WarnArg(n, 0, "unknown-method", "%s cannot be %q: it is ignored", l.Word, value.Clip(n.Arg(0)))
				f.Hint = "NAT, DR, TUN or FNAT, in capitals"
				if n.Arg(0) == "FULLNAT" {
					f.Hint = "write FNAT"
				}
				return
			}
			if method == conf.FNAT && l.Compat {
				l.WarnArg(n, 0, "own-keyword", "FNAT is director's own word: keepalived would ignore the line")
				l.Taken = true
			}
			tun, ok := l.tunnel(n, method)
			if ok {
				m, t := field(t)
				*m, *t = method, tun
			}
		},
		get: func(t *T) []string {
			m, tun := field(t)
			return append(one(m.String()), tun.Words(*m)...)
		},
	}
}

func sorryMethod() keyword[conf.VirtualServer] {
	k := methodKeyword("sorry_server_lvs_method", func(v *conf.VirtualServer) (*conf.ForwardMethod, *conf.Tunnel) {
		return &sorryOf(v).Forward, &sorryOf(v).Tunnel
	})
	get := k.get
	k.get = func(v *conf.VirtualServer) []string {
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
