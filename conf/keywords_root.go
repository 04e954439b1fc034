package conf

import (
	"time"

	"github.com/lvs-director/director/conf/syntax"
)

// rootKeywords is what may stand outside of all blocks.
var rootKeywords = newTable("", rootBlocks, rootLines)

var rootBlocks = []keyword[Config]{
	group("global_defs", "{ ... }", 0, func(l *loader, n *syntax.Node, c *Config) {
		globalKeywords.read(l, n.Children(), &c.Global)
	}),
	group("vrrp_instance", "NAME { ... }", 1, readInstance),
	group("vrrp_sync_group", "NAME { ... }", 1, readGroup),
	group("vrrp_script", "NAME { ... }", 1, readScript),
	group("track_file", "NAME { ... }", 1, readFile),
	group("track_file", "NAME { ... }", 1, readFile).alias("vrrp_track_file"),
	group("vrrp_track_process", "NAME { ... }", 1, readProcess),
	group("bfd_instance", "NAME { ... }", 1, readBFD),
	group("track_group", "NAME { group { INSTANCE } }", 1, func(l *loader, n *syntax.Node, c *Config) {
		g := TrackGroup{Name: n.Arg(0)}
		trackGroupKeywords.read(l, n.Children(), &g)
		c.TrackGroups = append(c.TrackGroups, g)
	}),
	group("static_ipaddress", "{ IP[/MASK] [OPTIONS] }", 0, func(l *loader, n *syntax.Node, c *Config) {
		c.StaticAddresses = l.addresses(n, c, c.StaticAddresses, true)
	}).shown(func(c *Config) []entryLine { return addressLines(c.StaticAddresses) }),
	group("static_routes", "{ ROUTE }", 0, func(l *loader, n *syntax.Node, c *Config) {
		c.StaticRoutes = l.routes(n, c, c.StaticRoutes)
	}).shown(func(c *Config) []entryLine { return routeLines(c.StaticRoutes) }),
	group("static_rules", "{ RULE }", 0, func(l *loader, n *syntax.Node, c *Config) {
		c.StaticRules = l.rules(n, c, c.StaticRules)
	}).shown(func(c *Config) []entryLine { return ruleLines(c.StaticRules) }),
	group("garp_group", "{ ... }", 0, func(l *loader, n *syntax.Node, c *Config) {
		g := GARPGroup{}
		garpGroupKeywords.read(l, n.Children(), &g)
		if len(g.Interfaces) == 0 {
			l.atEnd(n, "empty-block", "garp_group names no interface: it is ignored")
			return
		}
		c.GARPGroups = append(c.GARPGroups, g)
	}),
	group("interface_up_down_delays", "{ IF DOWN [UP] }", 0, readDelays).shown(func(c *Config) []entryLine { return delayLines(c.InterfaceDelays) }),
	group[Config]("linkbeat_interfaces", "{ IF [mii|ethtool|ioctl] }", 0, nil).noEffect("the kernel tells of every link that goes down"),
	group("virtual_server", "IP [PORT]|fwmark N|group NAME { ... }", 1, readServer),
	group("virtual_server_group", "NAME { ... }", 1, readServerGroup),
	group("SSL", "{ ... }", 0, func(l *loader, n *syntax.Node, c *Config) {
		sslBlockKeywords.read(l, n.Children(), &c.SSL)
	}),
}

var rootLines = []keyword[Config]{
	word("net_namespace", "NAME", "none", func(c *Config) *string { return &c.NetworkNamespace }),
	word("net_namespace_ipvs", "NAME", "net_namespace", func(c *Config) *string { return &c.IPVSNamespace }),
	ignored[Config]("namespace_with_ipsets", "", 0, whyIptables),
	word("instance", "NAME", "none", func(c *Config) *string { return &c.InstanceName }),
	ignored[Config]("use_pid_dir", "", 0, "director keeps its files in its run directory"),
	ignoredNumber[Config]("child_wait_time", 0, 1<<31-1, "5", "director waits for its workers as long as they have something to do"),
	ignored[Config]("linkbeat_use_polling", "", 0, "the kernel tells of every link that goes down"),
	ignored[Config]("include_check", "[[+|-]readable|match|wildcard_match|brace_match]", 0, "which includes are reported was decided while they were read"),
}

var trackGroupKeywords = newTable("track_group", []keyword[TrackGroup]{
	group("group", "{ INSTANCE }", 0, func(l *loader, n *syntax.Node, g *TrackGroup) {
		for _, c := range l.entries(n) {
			g.Instances = append(g.Instances, c.Keyword.Text)
			g.Instances = append(g.Instances, vector(c)...)
		}
	}).shown(func(g *TrackGroup) []entryLine { return nameLines(g.Instances) }),
})

var garpGroupKeywords = newTable("garp_group", []keyword[GARPGroup]{
	duration("garp_interval", time.Microsecond, maxTimer, "0", func(g *GARPGroup) *time.Duration { return &g.GARPInterval }),
	duration("gna_interval", time.Microsecond, maxTimer, "0", func(g *GARPGroup) *time.Duration { return &g.NAInterval }),
	{name: "interface", value: "IF", need: 1, repeat: true,
		set: func(l *loader, n *syntax.Node, g *GARPGroup) {
			if name, ok := l.interfaceName(n, 0); ok {
				g.Interfaces = append(g.Interfaces, name)
			}
		}},
	group("interfaces", "{ IF ... }", 0, func(l *loader, n *syntax.Node, g *GARPGroup) {
		for _, c := range n.Children() {
			g.Interfaces = append(g.Interfaces, c.Keyword.Text)
			g.Interfaces = append(g.Interfaces, vector(c)...)
		}
	}).shown(func(g *GARPGroup) []entryLine { return nameLines(g.Interfaces) }),
})

var sslBlockKeywords = newTable("SSL", []keyword[SSL]{
	secret("password", func(s *SSL) *Secret { return &s.Password }),
	word("ca", "PATH", "", func(s *SSL) *string { return &s.CA }),
	word("certificate", "PATH", "", func(s *SSL) *string { return &s.Certificate }),
	word("key", "PATH", "", func(s *SSL) *string { return &s.Key }),
})

func readDelays(l *loader, n *syntax.Node, c *Config) {
	l.word, l.fallback = n.Keyword.Text, ""
	for _, e := range l.entries(n) {
		if len(e.Args) == 0 {
			l.warn(e, "missing-value", "interface %s has no delay: the line is ignored", clip(e.Keyword.Text))
			continue
		}
		down, ok := l.timer(e, 0, 0, 255*time.Second)
		up := down
		if ok && len(e.Args) > 1 {
			up, ok = l.timer(e, 1, 0, 255*time.Second)
		}
		if ok {
			l.entry(c, n.Keyword.Text, e.Keyword.Text, e)
			d := InterfaceDelay{Interface: e.Keyword.Text, Down: down, Up: up}
			c.InterfaceDelays = append(c.InterfaceDelays, d)
			l.delays = append(l.delays, delayLine{e, d})
		}
	}
}

func readInstance(l *loader, n *syntax.Node, c *Config) {
	name := n.Arg(0)
	if first := l.instances[name]; first != nil {
		l.warnArg(n, 0, "repeated", "vrrp_instance %s is defined already, at %s: this one is ignored", clip(name), l.node(first).Pos())
		return
	}
	in := &Instance{
		Name: name, Priority: 100, AdvertInterval: time.Second, Preempt: true,
		UnicastTTL: -1, DownTimerAdverts: 3,
	}
	l.begin(in, n)
	l.instances[name] = in
	instanceKeywords.read(l, n.Children(), in)
	c.Instances = append(c.Instances, in)
}

func readGroup(l *loader, n *syntax.Node, c *Config) {
	name := n.Arg(0)
	if first := l.groups[name]; first != nil {
		l.warnArg(n, 0, "repeated", "vrrp_sync_group %s is defined already, at %s: this one is ignored", clip(name), l.node(first).Pos())
		return
	}
	g := &SyncGroup{Name: name}
	l.begin(g, n)
	groupKeywords.read(l, n.Children(), g)
	if len(g.Members) == 0 {
		l.atEnd(n, "empty-group", "sync group %s has no members: it is removed", clip(name)).Hint = "members stand in group { }"
		return
	}
	l.groups[name] = g
	c.SyncGroups = append(c.SyncGroups, g)
}

// repeated reports a second tracker of one name.
func (l *loader) repeated(n *syntax.Node, first any, defined bool) bool {
	if defined {
		l.warnArg(n, 0, "repeated", "%s %s is defined already, at %s: this one is ignored", n.Keyword.Text, clip(n.Arg(0)), l.node(first).Pos())
	}
	return defined
}

func readScript(l *loader, n *syntax.Node, c *Config) {
	first, defined := l.scripts[n.Arg(0)]
	if l.repeated(n, first, defined) {
		return
	}
	s := &TrackScript{Name: n.Arg(0), Interval: time.Second, Rise: 1, Fall: 1}
	l.begin(s, n)
	scriptKeywords.read(l, n.Children(), s)
	if s.Script.IsZero() {
		l.atEnd(n, "missing-script", "vrrp_script %s has no script: it is removed", clip(s.Name))
		return
	}
	if u, ok := l.scriptUsers[s]; ok {
		s.Script.User, s.Script.Group = u[0], u[1]
	}
	if s.Timeout == 0 {
		s.Timeout = s.Interval
	}
	s.Script.Timeout = s.Timeout
	l.scripts[s.Name] = s
	c.Scripts = append(c.Scripts, s)
}

func readFile(l *loader, n *syntax.Node, c *Config) {
	first, defined := l.files[n.Arg(0)]
	if l.repeated(n, first, defined) {
		return
	}
	f := &TrackFile{Name: n.Arg(0), Weight: 1}
	l.begin(f, n)
	fileKeywords.read(l, n.Children(), f)
	if f.Path == "" {
		l.atEnd(n, "missing-file", "track_file %s names no file: it is removed", clip(f.Name))
		return
	}
	l.files[f.Name] = f
	c.Files = append(c.Files, f)
}

func readProcess(l *loader, n *syntax.Node, c *Config) {
	first, defined := l.processes[n.Arg(0)]
	if l.repeated(n, first, defined) {
		return
	}
	p := &TrackProcess{Name: n.Arg(0), Quorum: 1}
	l.begin(p, n)
	processKeywords.read(l, n.Children(), p)
	if len(p.Argv) == 0 {
		l.atEnd(n, "missing-process", "vrrp_track_process %s names no process: it is removed", clip(p.Name))
		return
	}
	if p.QuorumMax != 0 && p.QuorumMax < p.Quorum {
		l.atEnd(n, "quorum-max", "quorum_max %d is less than quorum %d: it is ignored", p.QuorumMax, p.Quorum)
		p.QuorumMax = 0
	}
	l.processes[p.Name] = p
	c.Processes = append(c.Processes, p)
}

func readBFD(l *loader, n *syntax.Node, c *Config) {
	first, defined := l.bfds[n.Arg(0)]
	if l.repeated(n, first, defined) {
		return
	}
	b := &BFDInstance{
		Name: n.Arg(0), MinRx: 10 * time.Millisecond, MinTx: 10 * time.Millisecond, IdleTx: time.Second,
		Multiplier: 5, TTL: 255,
	}
	l.begin(b, n)
	bfdKeywords.read(l, n.Children(), b)
	if b.Neighbor == "" {
		l.atEnd(n, "missing-neighbor", "bfd_instance %s has no neighbor_ip: it is removed", clip(b.Name))
		return
	}
	l.bfds[b.Name] = b
	c.BFDs = append(c.BFDs, b)
}
