package conf

import (
	"strings"
	"time"

	"github.com/lvs-director/director/conf/syntax"
)

// readServer reads a virtual_server block.
func readServer(l *loader, n *syntax.Node, c *Config) {
	v := &VirtualServer{Weight: 1, Quorum: 1, Timing: unsetTiming}
	if !l.serviceKey(n, v) {
		return // keepalived skips the block: what is in it is not looked at
	}
	l.begin(v, n)
	if count := countChildren(n, "real_server"); count > 0 {
		v.RealServers = make([]*RealServer, 0, count)
	}
	serverKeywords.read(l, n.Children(), v)
	c.VirtualServers = append(c.VirtualServers, v)
}

func countChildren(n *syntax.Node, keyword string) int {
	count := 0
	for _, c := range n.Children() {
		if c.Keyword.Text == keyword {
			count++
		}
	}
	return count
}

// serviceKey reads IP [PORT], fwmark N or group NAME.
func (l *loader) serviceKey(n *syntax.Node, v *VirtualServer) bool {
	l.word, l.fallback = "virtual_server", ""
	used := 2
	switch n.Arg(0) {
	case "fwmark":
		if len(n.Args) < 2 {
			l.err(n, "missing-parameter", "virtual_server fwmark needs a number, and there is none")
			return false
		}
		mark, ok := l.integer(n, 1, 1, 1<<32-1)
		if !ok {
			return false
		}
		v.Key.FWMark = uint32(mark)
	case "group":
		if len(n.Args) < 2 {
			l.err(n, "missing-parameter", "virtual_server group needs a name, and there is none")
			return false
		}
		v.Group = n.Arg(1)
	default:
		a, err := parseAddr(n.Arg(0))
		port, ok := uint16(0), true
		if len(n.Args) > 1 {
			port, ok = portNumber(n.Arg(1))
		}
		if err != nil || !ok {
			l.warn(n, "invalid-service", "%q is no address and port of a virtual server: it is ignored with all its real servers", clip(strings.TrimSpace(n.Arg(0)+" "+n.Arg(1)))).Hint = "virtual_server IP [PORT], virtual_server fwmark N, or virtual_server group NAME"
			return false
		}
		v.Key.Address, v.Key.Port, v.Key.IPv6 = a, port, a.Is6()
	}
	if len(n.Args) > used {
		l.noteArg(n, used, "extra-words", "%q and what follows it are ignored", clip(n.Arg(used)))
	}
	return true
}

// setRealServer reads a real_server block.
func setRealServer(l *loader, n *syntax.Node, v *VirtualServer) {
	key, ok := l.serverKey(n, "real_server")
	if !ok {
		return
	}
	r := &RealServer{Key: key, Timing: unsetTiming}
	l.begin(r, n)
	checkers := 0
	for _, c := range n.Children() {
		if checkerTables[CheckKind(c.Keyword.Text)] != nil {
			checkers++
		}
	}
	if checkers > 0 {
		// Never grown: the addresses of checkers are kept until the end.
		r.Checkers = make([]Checker, 0, checkers)
	}
	realKeywords.read(l, n.Children(), r)
	v.RealServers = append(v.RealServers, r)
}

// checker reads the block of one checker and appends it to the real server's.
func (l *loader) checker(n *syntax.Node, kind CheckKind, r *RealServer) {
	r.Checkers = append(r.Checkers, Checker{Kind: kind, Interval: -1, Retries: -1, RetryDelay: -1, Timeout: -1, Warmup: -1})
	c := &r.Checkers[len(r.Checkers)-1]
	switch kind {
	case HTTPGet, SSLGet:
		c.HTTP = &HTTPCheck{Protocol: "1.0"}
	case SMTPCheck:
		c.SMTP = &SMTPCheckParams{Hello: "smtpchecker.keepalived.org"}
	case DNSCheck:
		c.DNS = &DNSCheckParams{Type: "SOA", Name: "."}
	case MiscCheck:
		c.Misc = &MiscCheckParams{}
	case UDPCheck:
		c.UDP = &UDPCheckParams{MaxReply: 255}
	case FileCheck:
		c.File = &FileCheckParams{}
	}
	l.begin(c, n)
	checkerTables[kind].read(l, n.Children(), c)
	if u, ok := l.checkerUsers[c]; ok && c.Misc != nil {
		c.Misc.Script.User, c.Misc.Script.Group = u[0], u[1]
		delete(l.checkerUsers, c)
	}
	if l.usable(n, c) {
		return
	}
	delete(l.cfg.sources, c)
	*c = Checker{}
	r.Checkers = r.Checkers[:len(r.Checkers)-1]
}

// usable tells whether a checker has what it cannot do without.
func (l *loader) usable(n *syntax.Node, c *Checker) bool {
	switch c.Kind {
	case HTTPGet, SSLGet:
		if len(c.HTTP.URLs) == 0 {
			l.atEnd(n, "missing-url", "%s has no url: it is removed", c.Kind)
			return false
		}
	case MiscCheck:
		if c.Misc.Script.IsZero() {
			l.atEnd(n, "missing-script", "MISC_CHECK has no misc_path: it is removed")
			return false
		}
	case FileCheck:
		if c.File.Name == "" {
			l.atEnd(n, "missing-file", "FILE_CHECK names no track_file: it is removed")
			return false
		}
	case BFDCheck:
		if c.BFD == "" {
			l.atEnd(n, "missing-name", "BFD_CHECK names no bfd_instance: it is removed")
			return false
		}
	}
	return true
}

// finishURL fills in what a url block did not say.
func (l *loader) finishURL(n *syntax.Node, u *HTTPURL) bool {
	if u.Path == "" {
		l.atEnd(n, "missing-path", "url has no path: it is removed")
		return false
	}
	if len(u.Statuses) == 0 {
		u.Statuses = []StatusRange{{200, 299}}
	}
	if u.Regex != nil && u.Regex.Pattern == "" {
		l.note(n, "missing-regex", "url has words about a regex, and no regex: they are ignored")
		u.Regex = nil
	}
	return true
}

// Defaults of checkers (keepalived check/check_api.c).
const (
	defaultInterval   = 60 * time.Second
	defaultTimeout    = 5 * time.Second
	defaultRetryDelay = time.Second
	httpRetryDelay    = 3 * time.Second
	defaultRetries    = 1
	dnsRetries        = 3
)
