package conf

import (
	"math"
	"strconv"
	"time"

	"github.com/lvs-director/director/conf/syntax"
)

// weightKeyword is the weight of a tracker's own block.
func weightKeyword[T any](limit int64, deflt string, weight func(*T) *int, reverse func(*T) *bool) keyword[T] {
	return keyword[T]{
		name: "weight", value: strconv.FormatInt(-limit, 10) + ".." + strconv.FormatInt(limit, 10) + " [reverse]", deflt: deflt, need: 1, max: 2,
		set: func(l *loader, n *syntax.Node, t *T) {
			v, ok := l.integer(n, 0, -limit, limit)
			if !ok {
				return
			}
			*weight(t) = int(v)
			switch n.Arg(1) {
			case "reverse":
				*reverse(t) = true
			case "":
			default:
				l.warnArg(n, 1, "unknown-option", "weight does not know %q: it is ignored", clip(n.Arg(1)))
			}
		},
		get: func(t *T) []string {
			words := one(strconv.Itoa(*weight(t)))
			if *reverse(t) {
				words = append(words, "reverse")
			}
			return words
		},
	}
}

var scriptKeywords = newTable("vrrp_script", []keyword[TrackScript]{
	program("script", func(s *TrackScript) *Script { return &s.Script }),
	duration("interval", time.Millisecond, maxTimer, "1", func(s *TrackScript) *time.Duration { return &s.Interval }),
	duration("timeout", time.Millisecond, maxTimer, "interval", func(s *TrackScript) *time.Duration { return &s.Timeout }),
	weightKeyword(253, "0", func(s *TrackScript) *int { return &s.Weight }, func(s *TrackScript) *bool { return &s.Reverse }),
	number("rise", 1, math.MaxInt32, "1", func(s *TrackScript) *int { return &s.Rise }),
	number("fall", 1, math.MaxInt32, "1", func(s *TrackScript) *int { return &s.Fall }),
	{name: "user", value: "USER [GROUP]", deflt: "script_user", need: 1, max: 2,
		set: func(l *loader, n *syntax.Node, s *TrackScript) {
			if user, group, ok := l.user(n); ok {
				l.scriptUsers[s] = [2]string{user, group}
			}
		},
	},
	bare("init_fail", func(s *TrackScript) *bool { return &s.InitFail }),
})

var fileKeywords = newTable("track_file", []keyword[TrackFile]{
	word("file", "PATH", "", func(f *TrackFile) *string { return &f.Path }).firstCounts(),
	weightKeyword(254, "1", func(f *TrackFile) *int { return &f.Weight }, func(f *TrackFile) *bool { return &f.Reverse }),
	{name: "init_file", value: "[VALUE] [overwrite]", deflt: "off", max: 2, set: setInitFile,
		get: func(f *TrackFile) []string {
			if !f.Init {
				return nil
			}
			words := one(strconv.Itoa(f.InitValue))
			if f.Overwrite {
				words = append(words, "overwrite")
			}
			return words
		}},
})

func setInitFile(l *loader, n *syntax.Node, f *TrackFile) {
	f.Init = true
	for i := range n.Args {
		if n.Arg(i) == "overwrite" {
			f.Overwrite = true
		} else if v, ok := l.integer(n, i, math.MinInt32, math.MaxInt32); ok {
			f.InitValue = int(v)
		}
	}
}

var processKeywords = newTable("vrrp_track_process", []keyword[TrackProcess]{
	custom("process", "NAME [PARAMETERS]", "", 1, func(_ *loader, n *syntax.Node, p *TrackProcess) {
		p.Argv = vector(n)
	}, func(p *TrackProcess) []string { return p.Argv }).firstCounts(),
	{name: "param_match", value: "initial|partial|exact", max: 1,
		set: func(l *loader, n *syntax.Node, p *TrackProcess) {
			switch n.Arg(0) {
			case "initial", "partial", "exact", "":
				p.Match = n.Arg(0)
			default:
				l.warnArg(n, 0, "unknown-value", "param_match cannot be %q: the line is ignored", clip(n.Arg(0)))
			}
		},
		get: func(p *TrackProcess) []string { return some(p.Match) }},
	weightKeyword(254, "0", func(p *TrackProcess) *int { return &p.Weight }, func(p *TrackProcess) *bool { return &p.Reverse }),
	number("quorum", 1, 65535, "1", func(p *TrackProcess) *int { return &p.Quorum }),
	number("quorum_max", 0, 65535, "any number", func(p *TrackProcess) *int { return &p.QuorumMax }),
	duration("fork_delay", time.Microsecond, 3600*time.Second, "0", func(p *TrackProcess) *time.Duration { return &p.ForkDelay }),
	duration("terminate_delay", time.Microsecond, 3600*time.Second, "0", func(p *TrackProcess) *time.Duration { return &p.TerminateDelay }),
	{name: "delay", value: "0.000001..3600", unit: "s", deflt: "0", need: 1, why: "fork_delay and terminate_delay together",
		set: func(l *loader, n *syntax.Node, p *TrackProcess) {
			if d, ok := l.timer(n, 0, time.Microsecond, 3600*time.Second); ok {
				p.ForkDelay, p.TerminateDelay = d, d
			}
		}},
	bare("full_command", func(p *TrackProcess) *bool { return &p.FullCommand }),
})

var bfdKeywords = newTable("bfd_instance", []keyword[BFDInstance]{
	word("neighbor_ip", "IP", "", func(b *BFDInstance) *string { return &b.Neighbor }),
	word("neighbor_ip", "IP", "", func(b *BFDInstance) *string { return &b.Neighbor }).alias("neighbour_ip"),
	word("source_ip", "IP", "", func(b *BFDInstance) *string { return &b.Source }),
	milliseconds("min_rx", "10", func(b *BFDInstance) *time.Duration { return &b.MinRx }),
	milliseconds("min_tx", "10", func(b *BFDInstance) *time.Duration { return &b.MinTx }),
	milliseconds("idle_tx", "1000", func(b *BFDInstance) *time.Duration { return &b.IdleTx }),
	number("multiplier", 1, 255, "5", func(b *BFDInstance) *int { return &b.Multiplier }),
	bare("passive", func(b *BFDInstance) *bool { return &b.Passive }),
	number("ttl", 1, 255, "255", func(b *BFDInstance) *int { return &b.TTL }),
	number("ttl", 1, 255, "255", func(b *BFDInstance) *int { return &b.TTL }).alias("hoplimit"),
	number("max_hops", 0, 255, "0", func(b *BFDInstance) *int { return &b.MaxHops }),
	bare("multihop", func(b *BFDInstance) *bool { return &b.Multihop }),
	weightKeyword(253, "0", func(b *BFDInstance) *int { return &b.Weight }, func(b *BFDInstance) *bool { return &b.Reverse }),
	bare("vrrp", func(b *BFDInstance) *bool { return &b.VRRP }),
	bare("checker", func(b *BFDInstance) *bool { return &b.Checker }),
})

// milliseconds is a number of milliseconds.
func milliseconds[T any](name, deflt string, field func(*T) *time.Duration) keyword[T] {
	return keyword[T]{
		name: name, value: "1..1000000", deflt: deflt, unit: "ms", need: 1,
		set: func(l *loader, n *syntax.Node, t *T) {
			if v, ok := l.integer(n, 0, 1, 1000000); ok {
				*field(t) = time.Duration(v) * time.Millisecond
			}
		},
		get: func(t *T) []string { return one(strconv.FormatInt(field(t).Milliseconds(), 10)) },
	}
}

// groupKeywords is the vrrp_sync_group block.
var groupKeywords = newTable("vrrp_sync_group", []keyword[SyncGroup]{
	group("group", "{ INSTANCE }", 0, func(l *loader, n *syntax.Node, g *SyncGroup) {
		for _, c := range l.entries(n) {
			// Members may share a line: every word is a name.
			for _, name := range append(one(c.Keyword.Text), vector(c)...) {
				l.memberNodes[memberKey{g, len(g.Members)}] = c
				g.Members = append(g.Members, name)
				l.entry(g, "group", name, c)
			}
		}
	}).shown(func(g *SyncGroup) []entryLine { return nameLines(g.Members) }),
	group("track_interface", "{ IF [weight N [reverse]] }", 0, func(l *loader, n *syntax.Node, g *SyncGroup) {
		g.TrackInterfaces = l.trackInterfaces(n, g, g.Name, g.TrackInterfaces)
	}).shown(func(g *SyncGroup) []entryLine { return interfaceLines(g.TrackInterfaces) }),
	group("track_script", "{ NAME [weight N [reverse]] }", 0, func(l *loader, n *syntax.Node, g *SyncGroup) {
		g.TrackScripts = l.track(n, g, g.Name, kindScript, g.TrackScripts)
	}).shown(func(g *SyncGroup) []entryLine { return trackLines(g.TrackScripts) }),
	group("track_file", "{ NAME [weight N [reverse]] }", 0, func(l *loader, n *syntax.Node, g *SyncGroup) {
		g.TrackFiles = l.track(n, g, g.Name, kindFile, g.TrackFiles)
	}).shown(func(g *SyncGroup) []entryLine { return trackLines(g.TrackFiles) }),
	group("track_process", "{ NAME [weight N [reverse]] }", 0, func(l *loader, n *syntax.Node, g *SyncGroup) {
		g.TrackProcesses = l.track(n, g, g.Name, kindProcess, g.TrackProcesses)
	}).shown(func(g *SyncGroup) []entryLine { return trackLines(g.TrackProcesses) }),
	group("track_bfd", "{ NAME [weight N [reverse]] }", 0, func(l *loader, n *syntax.Node, g *SyncGroup) {
		g.TrackBFDs = l.track(n, g, g.Name, kindBFD, g.TrackBFDs)
	}).shown(func(g *SyncGroup) []entryLine { return trackLines(g.TrackBFDs) }),
	group("track_virtual_server", "{ IP PORT|fwmark N|group NAME [weight N] }", 0, func(l *loader, n *syntax.Node, g *SyncGroup) {
		g.TrackVirtualServers = l.trackServers(n, g.TrackVirtualServers)
	}).ours().shown(func(g *SyncGroup) []entryLine { return trackLines(g.TrackVirtualServers) }),
	bare("sync_group_tracking_weight", func(g *SyncGroup) *bool { return &g.TrackingWeight }),
	ignored[SyncGroup]("global_tracking", "", 0, "deprecated; see sync_group_tracking_weight"),
	program("notify_master", func(g *SyncGroup) *Script { return &g.Notify.Master }).firstCounts(),
	program("notify_backup", func(g *SyncGroup) *Script { return &g.Notify.Backup }).firstCounts(),
	program("notify_fault", func(g *SyncGroup) *Script { return &g.Notify.Fault }).firstCounts(),
	program("notify_stop", func(g *SyncGroup) *Script { return &g.Notify.Stop }).firstCounts(),
	program("notify", func(g *SyncGroup) *Script { return &g.Notify.Any }).firstCounts(),
	choice("smtp_alert", "smtp_alert_vrrp, smtp_alert, else false", func(g *SyncGroup) *Choice { return &g.SMTPAlert }),
	flag("notify_priority_changes", func(g *SyncGroup) *bool { return &g.NotifyPriorityChanges }),
})

type memberKey struct {
	group *SyncGroup
	index int
}
