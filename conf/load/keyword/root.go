package keyword

import (
	"math"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// Root is what may stand outside of all blocks.
var Root = newTable("", rootBlocks, rootLines)

var rootBlocks = []keyword[conf.Config]{
	group("global_defs", "{ ... }", 0, func(l *Loader, n *syntax.Node, c *conf.Config) {
		Global.Read(l, n.Children(), &c.Global)
	}),
	group("vrrp_instance", "NAME { ... }", 1, readInstance),
	group("vrrp_sync_group", "NAME { ... }", 1, readGroup),
	group("vrrp_script", "NAME { ... }", 1, readScript),
	group("track_file", "NAME { ... }", 1, readFile),
	group("track_file", "NAME { ... }", 1, readFile).alias("vrrp_track_file"),
	group("vrrp_track_process", "NAME { ... }", 1, readProcess),
	group("bfd_instance", "NAME { ... }", 1, readBFD),
	group("track_group", "NAME { group { INSTANCE } }", 1, func(l *Loader, n *syntax.Node, c *conf.Config) {
		g := conf.TrackGroup{Name: n.Arg(0)}
		TrackGroup.Read(l, n.Children(), &g)
		c.TrackGroups = append(c.TrackGroups, g)
	}),
	group("static_ipaddress", "{ IP[/MASK] [OPTIONS] }", 0, func(l *Loader, n *syntax.Node, c *conf.Config) {
		l.addresses(n, c, true)
	}).shown(func(c *conf.Config) []entryLine { return addressLines(c.StaticAddresses) }),
	group("static_routes", "{ ROUTE }", 0, func(l *Loader, n *syntax.Node, c *conf.Config) {
		c.StaticRoutes = l.Routes(n, c, c.StaticRoutes)
	}).shown(func(c *conf.Config) []entryLine { return routeLines(c.StaticRoutes) }),
	group("static_rules", "{ RULE }", 0, func(l *Loader, n *syntax.Node, c *conf.Config) {
		c.StaticRules = l.Rules(n, c, c.StaticRules)
	}).shown(func(c *conf.Config) []entryLine { return ruleLines(c.StaticRules) }),
	group("garp_group", "{ ... }", 0, func(l *Loader, n *syntax.Node, c *conf.Config) {
		g := conf.GARPGroup{}
		GARPGroup.Read(l, n.Children(), &g)
		if len(g.Interfaces) == 0 {
			l.AtEnd(n, "empty-block", "garp_group names no interface: it is ignored")
			return
		}
		c.GARPGroups = append(c.GARPGroups, g)
	}),
	group("interface_up_down_delays", "{ IF DOWN [UP] }", 0, readDelays).shown(func(c *conf.Config) []entryLine {
		return delayLines(c.InterfaceDelays)
	}),
	group[conf.Config]("linkbeat_interfaces", "{ IF [mii|ethtool|ioctl] }", 0,
		nil).noEffect("the kernel tells of every link that goes down"),
	group("virtual_server", "IP [PORT]|fwmark N|group NAME|match NAME { ... }", 1, readServer),
	group("virtual_server_group", "NAME { ... }", 1, readServerGroup),
	group("SSL", "{ ... }", 0, func(l *Loader, n *syntax.Node, c *conf.Config) {
		if l.Node(&c.SSL) == nil { // of several blocks the first one is where it stands
			l.Begin(&c.SSL, n)
		}
		SSL.Read(l, n.Children(), &c.SSL)
	}),
	group("metrics", "{ ... }", 0, readMetrics).ours(),
	group("web", "{ ... }", 0, readWeb).ours(),
	group("peer", "IP [PORT] { ... }", 1, readPeer).ours().most(2).
		remark("another director that this one talks to; default port 3781"),
	group("announce", "NAME { ... }", 1, readAnnounce).ours().
		remark("addresses that a routing daemon on this host announces to the routers, on several directors at once"),
	group("status_socket", "{ group GROUP }", 0, readStatusSocket).ours(),
}

var rootLines = []keyword[conf.Config]{
	word("net_namespace", "NAME", "none", func(c *conf.Config) *string { return &c.NetworkNamespace }),
	word("net_namespace_ipvs", "NAME", "net_namespace", func(c *conf.Config) *string { return &c.IPVSNamespace }),
	ignored[conf.Config]("namespace_with_ipsets", "", 0, whyIptables),
	word("instance", "NAME", "none", func(c *conf.Config) *string { return &c.InstanceName }).
		remark("a part of the names of the pid files, and of the identifier in syslog"),
	bare("use_pid_dir", func(c *conf.Config) *bool { return &c.UsePIDDir }).
		remark("the pid files are in /run/keepalived"),
	ignoredNumber[conf.Config]("child_wait_time", 0, math.MaxUint32, "5",
		"director waits for its workers as long as they have something to do"),
	ignored[conf.Config]("linkbeat_use_polling", "", 0, "the kernel tells of every link that goes down"),
	// It acts while the file is read (conf/syntax).
	keyword[conf.Config]{name: "include_check", value: "[[+|-]readable|match|wildcard_match|brace_match]", max: -1,
		repeat: true}.
		remark("what the include lines below it report, beside what they report anyway; without a word: everything"),
}

// TrackGroup is the track_group block.
var TrackGroup = newTable("track_group", []keyword[conf.TrackGroup]{
	group("group", "{ INSTANCE }", 0, func(l *Loader, n *syntax.Node, g *conf.TrackGroup) {
		for _, c := range l.Entries(n) {
			g.Instances = append(g.Instances, c.Keyword.Text)
			g.Instances = append(g.Instances, value.Vector(c)...)
		}
	}).shown(func(g *conf.TrackGroup) []entryLine { return nameLines(g.Instances) }),
})

// GARPGroup is the garp_group block.
var GARPGroup = newTable("garp_group", []keyword[conf.GARPGroup]{
	duration("garp_interval", 0, value.MaxTimer, "0", func(g *conf.GARPGroup) *time.Duration { return &g.GARPInterval }),
	duration("gna_interval", 0, value.MaxTimer, "0", func(g *conf.GARPGroup) *time.Duration { return &g.NAInterval }),
	{name: "interface", value: "IF", need: 1, repeat: true,
		set: func(l *Loader, n *syntax.Node, g *conf.GARPGroup) {
			if name, ok := l.InterfaceName(n, 0); ok {
				g.Interfaces = append(g.Interfaces, name)
			}
		}},
	group("interfaces", "{ IF ... }", 0, func(l *Loader, n *syntax.Node, g *conf.GARPGroup) {
		for _, c := range n.Children() {
			g.Interfaces = append(g.Interfaces, c.Keyword.Text)
			g.Interfaces = append(g.Interfaces, value.Vector(c)...)
		}
	}).shown(func(g *conf.GARPGroup) []entryLine { return nameLines(g.Interfaces) }),
})

// SSL is the SSL block.
var SSL = newTable("SSL", []keyword[conf.SSL]{
	secret("password", func(s *conf.SSL) *conf.Secret { return &s.Password }),
	word("ca", "PATH", "", func(s *conf.SSL) *string { return &s.CA }),
	word("certificate", "PATH", "", func(s *conf.SSL) *string { return &s.Certificate }),
	word("key", "PATH", "", func(s *conf.SSL) *string { return &s.Key }),
})

func readDelays(l *Loader, n *syntax.Node, c *conf.Config) {
	l.Word, l.Fallback = n.Keyword.Text, ""
	for _, e := range l.Entries(n) {
		if len(e.Args) == 0 {
			l.Warn(e, "missing-value", "interface %s has no delay: the line is ignored", value.Clip(e.Keyword.Text))
			continue
		}
		down, ok := l.Timer(e, 0, 0, 255*time.Second)
		up := down
		if ok && len(e.Args) > 1 {
			up, ok = l.Timer(e, 1, 0, 255*time.Second)
		}
		if ok {
			l.Entry(c, n.Keyword.Text, e.Keyword.Text, e)
			d := conf.InterfaceDelay{Interface: e.Keyword.Text, Down: down, Up: up}
			c.InterfaceDelays = append(c.InterfaceDelays, d)
			l.Delays = append(l.Delays, delayLine{e, d})
		}
	}
}

func readInstance(l *Loader, n *syntax.Node, c *conf.Config) {
	name := n.Arg(0)
	if first := l.Instances[name]; first != nil {
		l.WarnArg(n, 0, "repeated", "vrrp_instance %s is defined already, at %s: this one is ignored", value.Clip(name),
			l.Node(first).Pos())
		return
	}
	in := &conf.Instance{
		Name: name, Priority: 100, AdvertInterval: time.Second, Preempt: true,
		UnicastTTL: -1, DownTimerAdverts: 3, Notify: conf.NotifyScripts{Release: conf.Script{Timeout: releaseTimeout}},
	}
	l.Begin(in, n)
	l.Instances[name] = in
	Instance.Read(l, n.Children(), in)
	c.Instances = append(c.Instances, in)
}

func readGroup(l *Loader, n *syntax.Node, c *conf.Config) {
	name := n.Arg(0)
	if first := l.Groups[name]; first != nil {
		l.WarnArg(n, 0, "repeated", "vrrp_sync_group %s is defined already, at %s: this one is ignored", value.Clip(name),
			l.Node(first).Pos())
		return
	}
	g := &conf.SyncGroup{Name: name}
	g.Notify.Release.Timeout = releaseTimeout
	l.Begin(g, n)
	Group.Read(l, n.Children(), g)
	if len(l.Members[g]) == 0 {
		l.AtEnd(n, "empty-group", "sync group %s has no members: it is removed",
			value.Clip(name)).Hint = "members stand in group { }"
		return
	}
	l.Groups[name] = g
	c.SyncGroups = append(c.SyncGroups, g)
}

// repeated reports a second tracker of one name.
func (l *Loader) repeated(n *syntax.Node, first any, defined bool) bool {
	if defined {
		l.WarnArg(n, 0, "repeated", "%s %s is defined already, at %s: this one is ignored", n.Keyword.Text,
			value.Clip(n.Arg(0)), l.Node(first).Pos())
	}
	return defined
}

func readScript(l *Loader, n *syntax.Node, c *conf.Config) {
	first, defined := l.Scripts[n.Arg(0)]
	if l.repeated(n, first, defined) {
		return
	}
	s := &conf.TrackScript{Name: n.Arg(0), Interval: time.Second, Rise: 1, Fall: 1}
	l.Begin(s, n)
	Script.Read(l, n.Children(), s)
	if s.Script.IsZero() {
		l.Drop("vrrp_script", s.Name)
		l.AtEnd(n, "missing-script", "vrrp_script %s has no script: it is removed", value.Clip(s.Name))
		return
	}
	if u, ok := l.ScriptUsers[s]; ok {
		s.Script.User, s.Script.Group = u[0], u[1]
	}
	if s.Timeout == 0 {
		s.Timeout = s.Interval
	}
	s.Script.Timeout = s.Timeout
	l.Scripts[s.Name] = s
	c.Scripts = append(c.Scripts, s)
}

func readFile(l *Loader, n *syntax.Node, c *conf.Config) {
	first, defined := l.Files[n.Arg(0)]
	if l.repeated(n, first, defined) {
		return
	}
	f := &conf.TrackFile{Name: n.Arg(0), Weight: 1}
	l.Begin(f, n)
	File.Read(l, n.Children(), f)
	if f.Path == "" {
		l.Drop("track_file", f.Name)
		l.AtEnd(n, "missing-file", "track_file %s names no file: it is removed", value.Clip(f.Name))
		return
	}
	l.Files[f.Name] = f
	c.Files = append(c.Files, f)
}

func readProcess(l *Loader, n *syntax.Node, c *conf.Config) {
	first, defined := l.Processes[n.Arg(0)]
	if l.repeated(n, first, defined) {
		return
	}
	p := &conf.TrackProcess{Name: n.Arg(0), Quorum: 1}
	l.Begin(p, n)
	Process.Read(l, n.Children(), p)
	if len(p.Argv) == 0 {
		l.Drop("vrrp_track_process", p.Name)
		l.AtEnd(n, "missing-process", "vrrp_track_process %s names no process: it is removed", value.Clip(p.Name))
		return
	}
	if p.QuorumMax != 0 && p.QuorumMax < p.Quorum {
		l.AtEnd(n, "quorum-max", "quorum_max %d is less than quorum %d: it is ignored", p.QuorumMax, p.Quorum)
		p.QuorumMax = 0
	}
	l.Processes[p.Name] = p
	c.Processes = append(c.Processes, p)
}

func readBFD(l *Loader, n *syntax.Node, c *conf.Config) {
	first, defined := l.BFDs[n.Arg(0)]
	if l.repeated(n, first, defined) {
		return
	}
	b := &conf.BFDInstance{
		Name: n.Arg(0), MinRx: 10 * time.Millisecond, MinTx: 10 * time.Millisecond, IdleTx: time.Second,
		Multiplier: 5, TTL: 255,
	}
	l.Begin(b, n)
	BFD.Read(l, n.Children(), b)
	if b.Neighbor == "" {
		l.Drop("bfd_instance", b.Name)
		l.AtEnd(n, "missing-neighbor", "bfd_instance %s has no neighbor_ip: it is removed", value.Clip(b.Name))
		return
	}
	l.BFDs[b.Name] = b
	c.BFDs = append(c.BFDs, b)
}
