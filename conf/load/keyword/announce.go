package keyword

import (
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// Announce is the announce block.
var Announce = newTable("announce", []keyword[conf.Announce]{
	group("virtual_ipaddress", "{ IP }", 0, readAnnounced).ours().
		remark("announced as /32 and /128: a mask of another length is an error").
		shown(func(a *conf.Announce) []entryLine {
			lines := make([]entryLine, 0, len(a.Addresses))
			for _, ip := range a.Addresses {
				lines = append(lines, entryLine{ip.String(), one(ip.String())})
			}
			return lines
		}),
	netInterface("interface", conf.AnnounceInterface, func(a *conf.Announce) *string { return &a.Interface }).ours().
		remark("a dummy interface that director makes for it; several blocks may share it"),
	group("track_interface", "{ IF [reverse] }", 0, func(l *Loader, n *syntax.Node, a *conf.Announce) {
		l.uselessWeight(n)
		a.TrackInterfaces = l.trackInterfaces(n, a, a.Name, a.TrackInterfaces)
	}).ours().shown(func(a *conf.Announce) []entryLine {
		tracks := make([]conf.Track, len(a.TrackInterfaces))
		for i, t := range a.TrackInterfaces {
			tracks[i] = conf.Track(t)
		}
		return plainTrackLines(tracks)
	}),
	announceTracker("track_script", KindScript, func(a *conf.Announce) *[]conf.Track { return &a.TrackScripts }),
	announceTracker("track_file", KindFile, func(a *conf.Announce) *[]conf.Track { return &a.TrackFiles }).
		remark("a value other than 0 withdraws"),
	announceTracker("track_process", KindProcess, func(a *conf.Announce) *[]conf.Track { return &a.TrackProcesses }),
	announceTracker("track_bfd", KindBFD, func(a *conf.Announce) *[]conf.Track { return &a.TrackBFDs }),
	group("track_virtual_server", "{ IP PORT|fwmark N|group NAME }", 0,
		func(l *Loader, n *syntax.Node, a *conf.Announce) {
			l.uselessWeight(n)
			a.TrackVirtualServers = l.trackServers(n, a, a.TrackVirtualServers)
		}).ours().shown(func(a *conf.Announce) []entryLine { return plainTrackLines(a.TrackVirtualServers) }).
		remark("one without its quorum withdraws"),
	{name: "on_no_quorum", value: "withdraw|keep", deflt: "withdraw", need: 1, own: true,
		why: "what happens when a virtual server on the addresses, or one that is tracked, has no quorum",
		set: func(l *Loader, n *syntax.Node, a *conf.Announce) {
			switch word := n.Arg(0); word {
			case "keep", "withdraw":
				a.KeepWithoutQuorum = word == "keep"
			default:
				l.Err(n, "unknown-value", "on_no_quorum cannot be %q: it is withdraw or keep", value.Clip(word))
			}
		},
		get: func(a *conf.Announce) []string {
			if a.KeepWithoutQuorum {
				return one("keep")
			}
			return one("withdraw")
		}},
	announceTime(wholeSeconds("min_lifetime", 0, 3600, value.Seconds(conf.AnnounceMinLifetime),
		func(a *conf.Announce) *time.Duration { return &a.MinLifetime })).
		remark("the kernel removes the addresses so long after the last sign of life; 0 is never"),
	announceTime(duration("withdraw_delay", 0, 10*time.Minute, value.Seconds(conf.AnnounceWithdrawDelay),
		func(a *conf.Announce) *time.Duration { return &a.WithdrawDelay })).
		remark("between withdrawing and stopping to serve"),
	announceTime(duration("restart_grace", 0, 10*time.Minute, value.Seconds(conf.AnnounceRestartGrace),
		func(a *conf.Announce) *time.Duration { return &a.RestartGrace })).
		remark("for how long addresses stay while the lvs worker is away and the kernel has the services"),
	flag("allow_onlink", func(a *conf.Announce) *bool { return &a.AllowOnlink }).ours().
		remark("an address may be in a network of an interface, where arp_ignore and arp_announce are set"),
})

// announceTime is a time of an announce block. One that cannot be used is an error: the
// default in its place may be the opposite of what was asked for.
func announceTime(k keyword[conf.Announce]) keyword[conf.Announce] {
	set := k.set
	k.set = func(l *Loader, n *syntax.Node, a *conf.Announce) {
		before := len(l.Findings)
		if set(l, n, a); len(l.Findings) > before {
			l.Findings[len(l.Findings)-1].Severity = conf.Error
		}
	}
	return k.ours()
}

func announceTracker(name string, kind TrackKind, field func(*conf.Announce) *[]conf.Track) keyword[conf.Announce] {
	return group(name, "{ NAME [reverse|noreverse] }", 0, func(l *Loader, n *syntax.Node, a *conf.Announce) {
		l.uselessWeight(n)
		list := field(a)
		*list = l.track(n, a, a.Name, kind, *list)
	}).ours().shown(func(a *conf.Announce) []entryLine { return plainTrackLines(*field(a)) })
}

// plainTrackLines are trackers that nothing is weighed with.
func plainTrackLines(list []conf.Track) []entryLine {
	lines := make([]entryLine, 0, len(list))
	for _, t := range list {
		words := one(t.Name)
		if t.Reverse {
			words = append(words, "reverse")
		}
		lines = append(lines, entryLine{t.Name, words})
	}
	return lines
}

// uselessWeight notes the weights of a block of trackers, which nothing is weighed with here.
func (l *Loader) uselessWeight(n *syntax.Node) {
	for _, c := range n.Children() {
		for i := range c.Args {
			if c.Arg(i) == "weight" {
				l.NoteArg(c, i, "announce-weight", "a weight has no effect in announce: what is down withdraws")
				break
			}
		}
	}
}

// maxAnnounced is how many addresses all announce blocks have at most: each of them is refreshed
// in the kernel every few seconds.
const maxAnnounced = 4096

// readAnnounced reads addresses: each stands alone, with the mask of a host or none.
func readAnnounced(l *Loader, n *syntax.Node, a *conf.Announce) {
	l.Word = n.Keyword.Text
	for _, c := range l.Entries(n) {
		for i := -1; i < len(c.Args); i++ {
			l.announced(c, i, a)
		}
	}
}

// announced takes in word i of a line; -1 is its first one.
func (l *Loader) announced(c *syntax.Node, i int, a *conf.Announce) {
	word := c.Keyword.Text
	if i >= 0 {
		word = c.Arg(i)
	}
	bad := func(format string, args ...any) {
		l.Report(conf.Error, value.ArgPos(c, i), c.Origin, "invalid-address", "(%s) "+format,
			append([]any{value.Clip(a.Name)}, args...)...)
	}
	text, mask, masked := strings.Cut(word, "/")
	ip, err := value.ParseAddr(text)
	switch {
	case err != nil:
		bad("%q is no address that can be announced: write addresses alone, without a device or options", value.Clip(word))
		return
	case masked:
		if bits, ok := value.MaskBits(mask, ip); !ok || bits != ip.BitLen() {
			bad("%s is announced as a host route: leave out /%s, or write /%d", ip, value.Clip(mask), ip.BitLen())
			return
		}
	}
	switch why := value.Unusable(ip); {
	case why != "":
		bad("%s cannot be announced: %s", ip, why)
	case ip.IsLinkLocalUnicast():
		bad("%s cannot be announced: it is an address of one link", ip)
	case slices.Contains(a.Addresses, ip):
		l.WarnAt(value.ArgPos(c, i), c.Origin, "repeated", "(%s) %s is there already", value.Clip(a.Name), ip)
	case len(a.Addresses)+l.announcedBefore() >= maxAnnounced:
		bad("%s is one too many: %d addresses can be announced", ip, maxAnnounced)
	default:
		a.Addresses = append(a.Addresses, ip)
		l.Entry(a, "virtual_ipaddress", ip.String(), c)
	}
}

// announcedBefore is how many addresses the blocks before have.
func (l *Loader) announcedBefore() (n int) {
	for _, a := range l.Config.Announces {
		n += len(a.Addresses)
	}
	return n
}

// readAnnounce reads an announce block. Of an address that two have the later one is the error.
func readAnnounce(l *Loader, n *syntax.Node, c *conf.Config) {
	name := n.Arg(0)
	if i := slices.IndexFunc(c.Announces, func(a *conf.Announce) bool { return a.Name == name }); i >= 0 {
		l.Report(conf.Error, value.ArgPos(n, 0), n.Origin, "repeated", "announce %s is defined already, at %s",
			value.Clip(name), l.Node(c.Announces[i]).Pos())
		return
	}
	a := &conf.Announce{
		Name: name, Interface: conf.AnnounceInterface, MinLifetime: conf.AnnounceMinLifetime,
		WithdrawDelay: conf.AnnounceWithdrawDelay, RestartGrace: conf.AnnounceRestartGrace,
	}
	l.Begin(a, n)
	before := l.Complaints
	Announce.Read(l, n.Children(), a)
	if len(a.Addresses) == 0 && l.Complaints == before { // of addresses that are wrong something is said
		l.Report(conf.Error, value.EndPos(n), n.Origin, "no-address", "announce %s has no address to announce",
			value.Clip(name)).Hint = "write: virtual_ipaddress { 203.0.113.100 }"
	}
	c.Announces = append(c.Announces, a)
}
