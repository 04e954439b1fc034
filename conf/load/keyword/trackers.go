package keyword

import (
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// weightKeyword is the weight of a tracker's own block.
func weightKeyword[T any](limit int64, deflt string, weight func(*T) *int, reverse func(*T) *bool) keyword[T] {
	return keyword[T]{
		name: "weight", value: strconv.FormatInt(-limit, 10) + ".." + strconv.FormatInt(limit, 10) + " [reverse]",
		deflt: deflt, need: 1, max: 2,
		set: func(l *Loader, n *syntax.Node, t *T) {
			v, ok := l.Integer(n, 0, -limit, limit)
			if !ok {
				return
			}
			*weight(t) = int(v)
			switch n.Arg(1) {
			case "reverse":
				*reverse(t) = true
			case "":
			default:
				l.WarnArg(n, 1, "unknown-option", "weight does not know %q: it is ignored", value.Clip(n.Arg(1)))
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

// Script is the vrrp_script block.
var Script = newTable("vrrp_script", []keyword[conf.TrackScript]{
	program("script", func(s *conf.TrackScript) *conf.Script { return &s.Script }),
	duration("interval", time.Millisecond, value.MaxTimer, "1", func(s *conf.TrackScript) *time.Duration {
		return &s.Interval
	}),
	duration("timeout", time.Millisecond, value.MaxTimer, "interval", func(s *conf.TrackScript) *time.Duration {
		return &s.Timeout
	}),
	weightKeyword(253, "0", func(s *conf.TrackScript) *int { return &s.Weight }, func(s *conf.TrackScript) *bool {
		return &s.Reverse
	}),
	number("rise", 1, math.MaxInt32, "1", func(s *conf.TrackScript) *int { return &s.Rise }),
	number("fall", 1, math.MaxInt32, "1", func(s *conf.TrackScript) *int { return &s.Fall }),
	{name: "user", value: "USER [GROUP]", deflt: "script_user", need: 1, max: 2,
		set: func(l *Loader, n *syntax.Node, s *conf.TrackScript) {
			if user, group, ok := l.User(n); ok {
				l.ScriptUsers[s] = [2]string{user, group}
			}
		},
	},
	bare("init_fail", func(s *conf.TrackScript) *bool { return &s.InitFail }),
})

// File is the track_file block.
var File = newTable("track_file", []keyword[conf.TrackFile]{
	word("file", "PATH", "", func(f *conf.TrackFile) *string { return &f.Path }).firstCounts(),
	weightKeyword(254, "1", func(f *conf.TrackFile) *int { return &f.Weight }, func(f *conf.TrackFile) *bool {
		return &f.Reverse
	}),
	{name: "init_file", value: "[VALUE] [overwrite]", deflt: "off", max: 2, set: setInitFile,
		get: func(f *conf.TrackFile) []string {
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

func setInitFile(l *Loader, n *syntax.Node, f *conf.TrackFile) {
	f.Init = true
	for i := range n.Args {
		if n.Arg(i) == "overwrite" {
			f.Overwrite = true
		} else if v, ok := l.Integer(n, i, math.MinInt32, math.MaxInt32); ok {
			f.InitValue = int(v)
		}
	}
}

// Process is the vrrp_track_process block.
var Process = newTable("vrrp_track_process", []keyword[conf.TrackProcess]{
	custom("process", "NAME [PARAMETERS]", "", 1, func(_ *Loader, n *syntax.Node, p *conf.TrackProcess) {
		p.Argv = value.Vector(n)
	}, func(p *conf.TrackProcess) []string { return p.Argv }).firstCounts().hidesArguments(),
	{name: "param_match", value: "initial|partial|exact", max: 1,
		set: func(l *Loader, n *syntax.Node, p *conf.TrackProcess) {
			switch n.Arg(0) {
			case "initial", "partial", "exact", "":
				p.Match = n.Arg(0)
			default:
				l.WarnArg(n, 0, "unknown-value", "param_match cannot be %q: the line is ignored", value.Clip(n.Arg(0)))
			}
		},
		get: func(p *conf.TrackProcess) []string { return some(p.Match) }},
	weightKeyword(254, "0", func(p *conf.TrackProcess) *int { return &p.Weight }, func(p *conf.TrackProcess) *bool {
		return &p.Reverse
	}),
	number("quorum", 1, 65535, "1", func(p *conf.TrackProcess) *int { return &p.Quorum }),
	number("quorum_max", 0, 65535, "any number", func(p *conf.TrackProcess) *int { return &p.QuorumMax }),
	duration("fork_delay", time.Microsecond, 3600*time.Second, "0", func(p *conf.TrackProcess) *time.Duration {
		return &p.ForkDelay
	}),
	duration("terminate_delay", time.Microsecond, 3600*time.Second, "0", func(p *conf.TrackProcess) *time.Duration {
		return &p.TerminateDelay
	}),
	{name: "delay", value: "0.000001..3600", unit: "s", deflt: "0", need: 1,
		why: "fork_delay and terminate_delay together",
		set: func(l *Loader, n *syntax.Node, p *conf.TrackProcess) {
			if d, ok := l.Timer(n, 0, time.Microsecond, 3600*time.Second); ok {
				p.ForkDelay, p.TerminateDelay = d, d
			}
		}},
	bare("full_command", func(p *conf.TrackProcess) *bool { return &p.FullCommand }),
})

// BFD is the bfd_instance block.
var BFD = newTable("bfd_instance", []keyword[conf.BFDInstance]{
	bfdAddress("neighbor_ip", func(b *conf.BFDInstance) *string { return &b.Neighbor }).
		remark("a link-local one with its interface: fe80::1%eth0"),
	bfdAddress("neighbor_ip", func(b *conf.BFDInstance) *string { return &b.Neighbor }).alias("neighbour_ip"),
	bfdAddress("source_ip", func(b *conf.BFDInstance) *string { return &b.Source }),
	milliseconds("min_rx", 1, 4294967, "10", func(b *conf.BFDInstance) *time.Duration { return &b.MinRx }),
	milliseconds("min_tx", 1, 4294967, "10", func(b *conf.BFDInstance) *time.Duration { return &b.MinTx }),
	milliseconds("idle_tx", 1000, 4294967, "1000", func(b *conf.BFDInstance) *time.Duration { return &b.IdleTx }),
	number("multiplier", 1, 255, "5", func(b *conf.BFDInstance) *int { return &b.Multiplier }),
	bare("passive", func(b *conf.BFDInstance) *bool { return &b.Passive }),
	number("ttl", 1, 255, "255", func(b *conf.BFDInstance) *int { return &b.TTL }),
	number("ttl", 1, 255, "255", func(b *conf.BFDInstance) *int { return &b.TTL }).alias("hoplimit"),
	number("max_hops", -1, 255, "0", func(b *conf.BFDInstance) *int { return &b.MaxHops }),
	bare("multihop", func(b *conf.BFDInstance) *bool { return &b.Multihop }),
	weightKeyword(253, "0", func(b *conf.BFDInstance) *int { return &b.Weight }, func(b *conf.BFDInstance) *bool {
		return &b.Reverse
	}),
	bare("vrrp", func(b *conf.BFDInstance) *bool { return &b.VRRP }),
	bare("checker", func(b *conf.BFDInstance) *bool { return &b.Checker }),
	{name: "meticulous_sha1", value: "0..255 file:PATH|hex:DIGITS|TEXT", deflt: "no authentication", need: 2, hush: true,
		secret: allSecret, own: true, set: setBFDAuth,
		get: func(b *conf.BFDInstance) []string {
			switch a := b.Auth; {
			case a == nil:
				return nil
			case a.KeyFile != "":
				return []string{strconv.Itoa(int(a.KeyID)), "file:" + a.KeyFile}
			default:
				return []string{strconv.Itoa(int(a.KeyID)), a.Key.String()}
			}
		},
		raw: func(b *conf.BFDInstance) string {
			if b.Auth == nil {
				return ""
			}
			return string(b.Auth.Key)
		},
		why: "the number and the key, 1 to 20 bytes, that both ends have"},
})

// bfdAddress is an address of a session's ends.
func bfdAddress(name string, field func(*conf.BFDInstance) *string) keyword[conf.BFDInstance] {
	k := word(name, "IP", "", field)
	k.set = func(l *Loader, n *syntax.Node, b *conf.BFDInstance) {
		a, err := netip.ParseAddr(n.Arg(0))
		if err != nil || a.Zone() != "" && !a.IsLinkLocalUnicast() || len(a.Zone()) > value.MaxInterfaceName {
			l.WarnArg(n, 0, "invalid-address", "%q is not an IP address for %s: the line is ignored", value.Clip(n.Arg(0)),
				l.Word)
			return
		}
		*field(b) = a.String()
	}
	return k
}

// maxBFDKey is the longest key of SHA1 authentication in bytes (RFC 5880 section 6.7.4).
const maxBFDKey = 20

// setBFDAuth reads a number and a key. What is wrong is an error: without its key a session would
// believe anybody.
func setBFDAuth(l *Loader, n *syntax.Node, b *conf.BFDInstance) {
	id, ok := value.Decimal(n.Arg(0))
	a := &conf.BFDAuth{KeyID: uint8(id), Key: conf.Secret(n.Arg(1))}
	file, isFile := strings.CutPrefix(n.Arg(1), "file:")
	digits, isHex := strings.CutPrefix(n.Arg(1), "hex:")
	if isHex {
		raw, err := hex.DecodeString(digits)
		if err != nil {
			l.Err(n, "invalid-key", "meticulous_sha1: what is behind hex: is not hexadecimal")
			return
		}
		a.Key = conf.Secret(raw)
	}
	if isFile {
		a.KeyFile, a.Key = file, ""
	}
	switch {
	case !ok || id < 0 || id > 255:
		l.Err(n, "invalid-key", "meticulous_sha1 needs the number of the key first, 0 to 255").Hint = "write: " +
			"meticulous_sha1 1 file:/etc/director/bfd.key"
	case isFile && !strings.HasPrefix(file, "/"):
		l.Err(n, "invalid-key", "the file of a key must be named from the root of the file system")
	case !isFile && (a.Key == "" || len(a.Key) > maxBFDKey):
		l.Err(n, "invalid-key", "the key of meticulous_sha1 has %d bytes, and must have 1 to %d", len(a.Key), maxBFDKey)
	default:
		b.Auth = a
	}
}

// milliseconds is a decimal number of milliseconds.
func milliseconds[T any](name string, lo, hi int64, deflt string, field func(*T) *time.Duration) keyword[T] {
	return keyword[T]{
		name: name, value: fmt.Sprintf("%d..%d", lo, hi), deflt: deflt, unit: "ms", need: 1,
		set: func(l *Loader, n *syntax.Node, t *T) {
			if v, ok := l.Milliseconds(n, 0, lo, hi); ok {
				*field(t) = v
			}
		},
		get: func(t *T) []string {
			return one(strconv.FormatFloat(float64(*field(t))/float64(time.Millisecond), 'f', -1, 64))
		},
	}
}

// Group is the vrrp_sync_group block.
var Group = newTable("vrrp_sync_group", []keyword[conf.SyncGroup]{
	group("group", "{ INSTANCE }", 0, func(l *Loader, n *syntax.Node, g *conf.SyncGroup) {
		for _, c := range l.Entries(n) {
			// Members may share a line: every word is a name.
			for _, name := range append(one(c.Keyword.Text), value.Vector(c)...) {
				l.Members[g] = append(l.Members[g], Member{name, c})
				l.Entry(g, "group", name, c)
			}
		}
	}).shown(func(g *conf.SyncGroup) []entryLine { return nameLines(g.Members) }),
	group("track_interface", "{ IF [weight N [reverse]] }", 0, func(l *Loader, n *syntax.Node, g *conf.SyncGroup) {
		g.TrackInterfaces = l.trackInterfaces(n, g, g.Name, g.TrackInterfaces)
	}).shown(func(g *conf.SyncGroup) []entryLine { return interfaceLines(g.TrackInterfaces) }),
	group("track_script", "{ NAME [weight N [reverse]] }", 0, func(l *Loader, n *syntax.Node, g *conf.SyncGroup) {
		g.TrackScripts = l.track(n, g, g.Name, KindScript, g.TrackScripts)
	}).shown(func(g *conf.SyncGroup) []entryLine { return trackLines(g.TrackScripts) }),
	group("track_file", "{ NAME [weight N [reverse]] }", 0, func(l *Loader, n *syntax.Node, g *conf.SyncGroup) {
		g.TrackFiles = l.track(n, g, g.Name, KindFile, g.TrackFiles)
	}).shown(func(g *conf.SyncGroup) []entryLine { return trackLines(g.TrackFiles) }),
	group("track_process", "{ NAME [weight N [reverse]] }", 0, func(l *Loader, n *syntax.Node, g *conf.SyncGroup) {
		g.TrackProcesses = l.track(n, g, g.Name, KindProcess, g.TrackProcesses)
	}).shown(func(g *conf.SyncGroup) []entryLine { return trackLines(g.TrackProcesses) }),
	group("track_bfd", "{ NAME [weight N [reverse]] }", 0, func(l *Loader, n *syntax.Node, g *conf.SyncGroup) {
		g.TrackBFDs = l.track(n, g, g.Name, KindBFD, g.TrackBFDs)
	}).shown(func(g *conf.SyncGroup) []entryLine { return trackLines(g.TrackBFDs) }),
	group("track_virtual_server", "{ IP PORT|fwmark N|group NAME [weight N] }", 0,
		func(l *Loader, n *syntax.Node, g *conf.SyncGroup) {
			g.TrackVirtualServers = l.trackServers(n, g, g.TrackVirtualServers)
		}).ours().shown(func(g *conf.SyncGroup) []entryLine { return trackLines(g.TrackVirtualServers) }),
	bare("sync_group_tracking_weight", func(g *conf.SyncGroup) *bool { return &g.TrackingWeight }),
	ignored[conf.SyncGroup]("global_tracking", "", 0, "deprecated; see sync_group_tracking_weight"),
	program("notify_master", func(g *conf.SyncGroup) *conf.Script { return &g.Notify.Master }).firstCounts(),
	program("notify_backup", func(g *conf.SyncGroup) *conf.Script { return &g.Notify.Backup }).firstCounts(),
	program("notify_fault", func(g *conf.SyncGroup) *conf.Script { return &g.Notify.Fault }).firstCounts(),
	program("notify_stop", func(g *conf.SyncGroup) *conf.Script { return &g.Notify.Stop }).firstCounts(),
	program("notify", func(g *conf.SyncGroup) *conf.Script { return &g.Notify.Any }).firstCounts(),
	program("notify_release", func(g *conf.SyncGroup) *conf.Script { return &g.Notify.Release }).firstCounts().ours(),
	duration("notify_release_timeout", 100*time.Millisecond, time.Minute, "5", func(g *conf.SyncGroup) *time.Duration {
		return &g.Notify.Release.Timeout
	}).ours(),
	flag("notify_master_again", func(g *conf.SyncGroup) *bool { return &g.Notify.MasterAgain }).ours(),
	choice("smtp_alert", "smtp_alert_vrrp, smtp_alert, else false", func(g *conf.SyncGroup) *conf.Choice {
		return &g.SMTPAlert
	}),
	flag("notify_priority_changes", func(g *conf.SyncGroup) *bool { return &g.NotifyPriorityChanges }),
})

// Member is a member of a sync group as a line names it.
type Member struct {
	Name string
	Node *syntax.Node
}
