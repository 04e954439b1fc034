package keyword

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// What keepalived does not know of virtual servers: marks that director sets itself,
// addresses of full NAT, draining, reconciliation, settings of IPVS.

var serverOwn = []keyword[conf.VirtualServer]{
	group("match", "{ IP[/LEN] [tcp|udp|sctp|ah|esp|any] [PORT|FIRST-LAST ...] }", 0, setMatch).ours().
		shown(func(v *conf.VirtualServer) []entryLine {
			if v.Match == nil || v.Group != "" { // the lines of a group are the group's
				return nil
			}
			return matchLines(v.Match.Entries)
		}),
	{name: "mark", value: "1..4294967295", deflt: "made of the name", need: 1, own: true,
		set: func(l *Loader, n *syntax.Node, v *conf.VirtualServer) {
			if mark, ok := l.Integer(n, 0, 1, math.MaxUint32); ok {
				matchOf(v).Mark = uint32(mark)
			}
		},
		get: func(v *conf.VirtualServer) []string {
			if v.Match == nil || v.Match.Name == "" || len(v.Services) == 0 {
				return nil
			}
			return one(strconv.FormatUint(uint64(v.Services[0].FWMark), 10))
		}},
	flag("group_as_mark", func(v *conf.VirtualServer) *bool { return &v.GroupAsMark }).ours(),
	{name: "local_address", value: "IP ...", deflt: "the host's own", need: 1, max: -1, own: true,
		set: func(l *Loader, n *syntax.Node, v *conf.VirtualServer) {
			v.LocalAddresses = nil
			for i := range n.Args {
				a, ok := l.Address(n, i)
				switch {
				case !ok:
				case slices.Contains(v.LocalAddresses, a):
					l.NoteArg(n, i, "local-address", "local_address %s is there twice: it counts once", a)
				default:
					v.LocalAddresses = append(v.LocalAddresses, a)
				}
			}
		},
		get: func(v *conf.VirtualServer) []string {
			var words []string
			for _, a := range v.LocalAddresses {
				words = append(words, a.String())
			}
			return words
		}},
	duration("drain_timeout", 0, maxDrain, "that of global_defs, else 0", func(v *conf.VirtualServer) *time.Duration {
		return &v.DrainTimeout
	}).ours(),
	duration("slow_start", 0, maxSlowStart, "0", func(v *conf.VirtualServer) *time.Duration {
		return &v.SlowStart
	}).ours(),
	choice("end_flows_on_failure", "true for UDP without lvs_sync_daemon, else false",
		func(v *conf.VirtualServer) *conf.Choice { return &v.EndFlows }).ours(),
	{name: "only_on_master", value: "[BOOL|INSTANCE]", max: 1, own: true,
		deflt: "true where a real server of DR or TUN is this host or a unicast peer",
		why:   "in the table only while this host holds the virtual address",
		set: func(l *Loader, n *syntax.Node, v *conf.VirtualServer) {
			v.OnlyOnMaster, v.MasterOf = conf.Yes, ""
			if len(n.Args) == 0 {
				return
			}
			if on, is := value.BoolWord(n.Arg(0)); !is {
				v.MasterOf = n.Arg(0)
			} else if !on {
				v.OnlyOnMaster = conf.No
			}
		},
		get: func(v *conf.VirtualServer) []string {
			return some(cmp.Or(v.MasterOf, v.OnlyOnMaster.String()))
		}},
}

// whyGroupMarks is the note of nftables_ipvs, which makes one mark of each group.
const whyGroupMarks = "each address of a group is a service of its own; group_as_mark makes one mark of a group"

const (
	// maxDrain is the longest drain_timeout.
	maxDrain = 31 * 24 * time.Hour
	// maxSlowStart is the longest slow_start.
	maxSlowStart = 24 * time.Hour
)

var globalOwn = []keyword[conf.Global]{
	duration("drain_timeout", 0, maxDrain, "0", func(g *conf.Global) *time.Duration { return &g.DrainTimeout }).ours(),
	{name: "reconcile", value: join(conf.ReconcileWords, "|"), deflt: conf.KeepWeights.String(), need: 1, own: true,
		set: func(l *Loader, n *syntax.Node, g *conf.Global) {
			i := slices.Index(conf.ReconcileWords, n.Arg(0))
			if i < 0 {
				l.WarnArg(n, 0, "unknown-value", "reconcile cannot be %q: %s is used", value.Clip(n.Arg(0)),
					g.Reconcile).Hint = "one of " + join(conf.ReconcileWords, ", ")
				return
			}
			g.Reconcile = conf.ReconcilePolicy(i)
		},
		get: func(g *conf.Global) []string { return one(g.Reconcile.String()) }},
	group("ipvs", "{ NAME VALUE }", 0, setIPVS).ours().shown(func(g *conf.Global) []entryLine {
		lines := make([]entryLine, 0, len(g.IPVS))
		for _, s := range g.IPVS {
			lines = append(lines, entryLine{s.Name, append(one(s.Name), strings.Fields(s.Value)...)})
		}
		return lines
	}),
}

func matchOf(v *conf.VirtualServer) *conf.Match {
	if v.Match == nil {
		v.Match = &conf.Match{}
	}
	return v.Match
}

func matchLines(entries []conf.MatchEntry) []entryLine {
	lines := make([]entryLine, 0, len(entries))
	for _, e := range entries {
		words := e.Words()
		lines = append(lines, entryLine{strings.Join(words, " "), words})
	}
	return lines
}

func setMatch(l *Loader, n *syntax.Node, v *conf.VirtualServer) {
	m := matchOf(v)
	for _, c := range l.Entries(n) {
		e, ok := l.matchEntry(c)
		if !ok {
			continue
		}
		if len(m.Entries) > 0 && m.Entries[0].Address.Addr().Is4() != e.Address.Addr().Is4() {
			l.Warn(c, "family", "%s is of another family than the lines before: the line is ignored", e.Address.Addr()).Hint =
				"write a virtual server for each family"
			continue
		}
		m.Entries = append(m.Entries, e)
		l.Entry(v, "match", strings.Join(e.Words(), " "), c)
	}
}

// matchEntry reads IP[/LEN] [PROTOCOL] [PORT|FIRST-LAST ...].
func (l *Loader) matchEntry(c *syntax.Node) (e conf.MatchEntry, ok bool) {
	s := c.Keyword.Text
	var err error
	if strings.Contains(s, "/") {
		e.Address, err = netip.ParsePrefix(s)
	} else {
		var a netip.Addr
		a, err = value.ParseAddr(s)
		e.Address = netip.PrefixFrom(a, a.BitLen())
	}
	switch {
	case err != nil || e.Address.Addr().Is4In6():
		l.Warn(c, "invalid-address", "%q is neither an address nor a network: the line is ignored", value.Clip(s))
		return e, false
	case e.Address.Masked() != e.Address:
		l.Warn(c, "invalid-address", "%q has host bits beyond its mask: the line is ignored", value.Clip(s)).Hint =
			"write " + e.Address.Masked().String()
		return e, false
	}
	if len(c.Args) == 0 {
		l.noteEveryPacket(c, e)
		return e, true
	}
	if e.Protocol, ok = conf.ParseMatchProtocol(strings.ToLower(c.Arg(0))); !ok {
		l.WarnArg(c, 0, "unknown-value", "%q is not a protocol: the line is ignored", value.Clip(c.Arg(0))).Hint =
			"tcp, udp, sctp, ah, esp or any, before the ports"
		return e, false
	}
	if len(c.Args) > 1 && !e.Protocol.HasPorts() {
		l.WarnArg(c, 1, "invalid-port", "%s has no ports: the line is ignored", c.Arg(0)).Hint =
			"name tcp, udp or sctp before the ports"
		return e, false
	}
	for i := 1; i < len(c.Args); i++ {
		p, ok := l.portRange(c, i)
		if !ok {
			return e, false
		}
		e.Ports = append(e.Ports, p)
	}
	e.Ports = joined(e.Ports)
	l.noteEveryPacket(c, e)
	return e, true
}

// noteEveryPacket warns of a line that takes the packets of this host's own services.
func (l *Loader) noteEveryPacket(c *syntax.Node, e conf.MatchEntry) {
	if e.Address.Bits() == 0 && len(e.Ports) == 0 && (e.Protocol == 0 || e.Protocol == conf.TCP) {
		l.Warn(c, "every-packet", "%s is every address: connections to this host itself, such as ssh, are balanced too",
			e.Address).Hint = "name the virtual addresses, or ports"
	}
}

// portRange reads word i, PORT or FIRST-LAST.
func (l *Loader) portRange(c *syntax.Node, i int) (p conf.PortRange, ok bool) {
	first, last, isRange := strings.Cut(c.Arg(i), "-")
	if !isRange {
		last = first
	}
	var ok2 bool
	p.First, ok = portNumber(first)
	p.Last, ok2 = portNumber(last)
	switch {
	case !ok || !ok2 || p.First == 0:
		l.WarnArg(c, i, "invalid-port", "%q is neither a port nor a range of ports: the line is ignored",
			value.Clip(c.Arg(i))).Hint = "1 to 65535, or 1000-1010"
		return p, false
	case p.Last < p.First:
		l.WarnArg(c, i, "invalid-port", "the range of ports %s is written backwards: the line is ignored", c.Arg(i)).Hint =
			"write " + last + "-" + first
		return p, false
	}
	return p, true
}

// joined sorts ranges and makes one of those that touch.
func joined(list []conf.PortRange) []conf.PortRange {
	slices.SortFunc(list, func(a, b conf.PortRange) int { return cmp.Compare(a.First, b.First) })
	kept := list[:0]
	for _, p := range list {
		if n := len(kept); n > 0 && int(p.First) <= int(kept[n-1].Last)+1 {
			kept[n-1].Last = max(kept[n-1].Last, p.Last)
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

// settingRange is what a setting below net.ipv4.vs may be: words numbers of lo to hi.
type settingRange struct {
	lo, hi int64
	words  int
}

// settings are those that a host may have (Documentation/networking/ipvs-sysctl.rst).
// sync_threshold is a threshold and a period.
var settings = map[string]settingRange{
	"conntrack": {0, 1, 1}, "expire_nodest_conn": {0, 1, 1}, "expire_quiescent_template": {0, 1, 1},
	"conn_reuse_mode": {0, 3, 1}, "sloppy_tcp": {0, 1, 1}, "sloppy_sctp": {0, 1, 1}, "nat_icmp_send": {0, 1, 1},
	"pmtu_disc": {0, 1, 1}, "snat_reroute": {0, 1, 1}, "cache_bypass": {0, 1, 1}, "backup_only": {0, 1, 1},
	"ignore_tunneled": {0, 1, 1}, "schedule_icmp": {0, 1, 1}, "secure_tcp": {0, 3, 1}, "drop_entry": {0, 3, 1},
	"drop_packet": {0, 3, 1}, "am_droprate": {1, math.MaxInt32, 1}, "amemthresh": {0, math.MaxInt32, 1},
	"sync_version": {0, 1, 1}, "sync_ports": {1, 64, 1}, "sync_threshold": {0, math.MaxInt32, 2},
	"sync_refresh_period": {0, math.MaxInt32, 1}, "sync_retries": {0, 3, 1}, "sync_qlen_max": {1, math.MaxInt32, 1},
	"sync_sock_size": {0, math.MaxInt32, 1}, "sync_persist_mode": {0, 1, 1}, "run_estimation": {0, 1, 1},
}

func setIPVS(l *Loader, n *syntax.Node, g *conf.Global) {
	for _, c := range l.Entries(n) {
		name := c.Keyword.Text
		r, known := settings[name]
		if !known {
			names := make([]string, 0, len(settings))
			for s := range settings {
				names = append(names, s)
			}
			slices.Sort(names)
			l.Warn(c, "unknown-value", "IPVS has no setting %q: the line is ignored%s", value.Clip(name),
				value.DidYouMean(name, names)).Hint = "one of " + join(names, ", ")
			continue
		}
		if len(c.Args) < r.words {
			l.Warn(c, "missing-value", "%s has no value: the line is ignored", name)
			continue
		}
		l.Word, l.Fallback = name, ""
		words, ok := make([]string, r.words), true
		for i := range words {
			var v int64
			if v, ok = l.Integer(c, i, r.lo, r.hi); !ok {
				break
			}
			words[i] = strconv.FormatInt(v, 10)
		}
		if !ok {
			continue
		}
		if len(c.Args) > r.words {
			l.NoteArg(c, r.words, "extra-words", "%q and what follows it are ignored", value.Clip(c.Arg(r.words)))
		}
		s := conf.Sysctl{Name: name, Value: join(words, " ")}
		at, found := slices.BinarySearchFunc(g.IPVS, s.Name, func(x conf.Sysctl, name string) int {
			return strings.Compare(x.Name, name)
		})
		if found {
			l.Note(c, "repeated", "%s is already set: the last line counts", name)
			g.IPVS[at] = s
		} else {
			g.IPVS = slices.Insert(g.IPVS, at, s)
		}
		l.Entry(g, "ipvs", name, c)
	}
}
