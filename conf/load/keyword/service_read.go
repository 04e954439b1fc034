package keyword

import (
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// readServer reads a virtual_server block.
func readServer(l *Loader, n *syntax.Node, c *conf.Config) {
	v := &conf.VirtualServer{Weight: 1, Quorum: 1, Timing: unsetTiming}
	if !l.serviceKey(n, v) {
		return // keepalived skips the block: what is in it is not looked at
	}
	l.Begin(v, n)
	if count := countChildren(n, "real_server"); count > 0 {
		v.RealServers = make([]*conf.RealServer, 0, count)
	}
	Server.Read(l, n.Children(), v)
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

// serviceKey reads IP [PORT], fwmark N, group NAME or match NAME.
func (l *Loader) serviceKey(n *syntax.Node, v *conf.VirtualServer) bool {
	l.Word, l.Fallback = "virtual_server", ""
	used := 2
	switch n.Arg(0) {
	case "fwmark":
		if len(n.Args) < 2 {
			l.Err(n, "missing-parameter", "virtual_server fwmark needs a number, and there is none")
			return false
		}
		mark, ok := l.Integer(n, 1, 1, 1<<32-1)
		if !ok {
			return false
		}
		v.Key.FWMark = uint32(mark)
	case "group":
		if len(n.Args) < 2 {
			l.Err(n, "missing-parameter", "virtual_server group needs a name, and there is none")
			return false
		}
		v.Group = n.Arg(1)
	case "match":
		if len(n.Args) < 2 {
			l.Warn(n, "missing-parameter", "virtual_server match needs a name: it is ignored with all its real servers")
			return false
		}
		if l.Compat {
			l.WarnArg(n, 0, "own-keyword", "virtual_server match is director's own: keepalived would ignore the block")
		}
		v.Match = &conf.Match{Name: n.Arg(1)}
	default:
		a, err := value.ParseAddr(n.Arg(0))
		port, ok := uint16(0), true
		if len(n.Args) > 1 {
			port, ok = portNumber(n.Arg(1))
		}
		if err != nil || !ok {
			l.Warn(n, "invalid-service",
				"%q is not an address and port of a virtual server: it is ignored with all its real servers",
				value.Clip(strings.TrimSpace(n.Arg(0)+" "+n.Arg(1)))).Hint = "virtual_server IP [PORT], virtual_server fwmark " +
				"N, virtual_server group NAME, or virtual_server match NAME"
			return false
		}
		v.Key.Address, v.Key.Port, v.Key.IPv6 = a, port, a.Is6()
	}
	if len(n.Args) > used {
		l.NoteArg(n, used, "extra-words", "%q and what follows it are ignored", value.Clip(n.Arg(used)))
	}
	return true
}

// setRealServer reads a real_server block.
func setRealServer(l *Loader, n *syntax.Node, v *conf.VirtualServer) {
	key, ok := l.serverKey(n, "real_server")
	if !ok {
		return
	}
	r := &conf.RealServer{Key: key, Timing: unsetTiming}
	l.Begin(r, n)
	checkers := 0
	for _, c := range n.Children() {
		if Checkers[conf.CheckKind(c.Keyword.Text)] != nil {
			checkers++
		}
	}
	if checkers > 0 {
		// Never grown: the addresses of checkers are kept until the end.
		r.Checkers = make([]conf.Checker, 0, checkers)
	}
	Real.Read(l, n.Children(), r)
	v.RealServers = append(v.RealServers, r)
}

// checker reads the block of one checker and appends it to the real server's.
func (l *Loader) checker(n *syntax.Node, kind conf.CheckKind, r *conf.RealServer) {
	r.Checkers = append(r.Checkers, conf.Checker{Kind: kind, Interval: -1, Retries: -1, RetryDelay: -1, Timeout: -1,
		Warmup: -1})
	c := &r.Checkers[len(r.Checkers)-1]
	switch kind {
	case conf.HTTPGet, conf.SSLGet:
		c.HTTP = &conf.HTTPCheck{Protocol: "1.0"}
	case conf.SMTPCheck:
		c.SMTP = &conf.SMTPCheckParams{Hello: "smtpchecker.keepalived.org"}
	case conf.DNSCheck:
		c.DNS = &conf.DNSCheckParams{Type: "SOA", Name: "."}
	case conf.MiscCheck:
		c.Misc = &conf.MiscCheckParams{}
	case conf.UDPCheck:
		c.UDP = &conf.UDPCheckParams{MaxReply: 255}
	case conf.FileCheck:
		c.File = &conf.FileCheckParams{}
	case conf.AgentCheck:
		c.Agent = &conf.AgentCheckParams{}
	case conf.QueryCheck:
		c.Query = &conf.QueryCheckParams{}
	case conf.GRPCCheck:
		c.GRPC = &conf.GRPCCheckParams{}
	}
	l.Begin(c, n)
	Checkers[kind].Read(l, n.Children(), c)
	if u, ok := l.CheckerUsers[c]; ok && c.Misc != nil {
		c.Misc.Script.User, c.Misc.Script.Group = u[0], u[1]
		delete(l.CheckerUsers, c)
	}
	if l.usable(n, c) {
		return
	}
	delete(l.Sources, c)
	*c = conf.Checker{}
	r.Checkers = r.Checkers[:len(r.Checkers)-1]
}

// usable tells whether a checker has what it cannot do without.
func (l *Loader) usable(n *syntax.Node, c *conf.Checker) bool {
	switch c.Kind {
	case conf.QueryCheck:
		l.finishQuery(n, c.Query)
	case conf.HTTPGet, conf.SSLGet:
		if len(c.HTTP.URLs) == 0 {
			l.AtEnd(n, "missing-url", "%s has no url: it is removed", c.Kind)
			return false
		}
		l.finishPages(n, c.HTTP)
	case conf.UDPCheck:
		if c.UDP.MinReply > c.UDP.MaxReply {
			l.AtEnd(n, "reply-length", "UDP_CHECK always fails: min_reply_length %d is above max_reply_length %d",
				c.UDP.MinReply, c.UDP.MaxReply)
		}
		if !c.UDP.RequireReply {
			l.Note(n, "weak-check", "UDP_CHECK without require_reply passes while nothing says that the server cannot be "+
				"reached: one that is cut off counts as up").Hint = "set require_reply if the server answers"
		}
	case conf.DNSCheck:
		if !domainName(c.DNS.Name) {
			l.Warn(n, "invalid-name", "%q is no domain name: DNS_CHECK cannot be made", value.Clip(c.DNS.Name)).Unserved = true
		}
	case conf.MiscCheck:
		if c.Misc.Script.IsZero() {
			l.AtEnd(n, "missing-script", "MISC_CHECK has no misc_path: it is removed")
			return false
		}
	case conf.FileCheck:
		if c.File.Name == "" {
			l.AtEnd(n, "missing-file", "FILE_CHECK names no track_file: it is removed")
			return false
		}
	case conf.BFDCheck:
		if c.BFD == "" {
			l.AtEnd(n, "missing-name", "BFD_CHECK names no bfd_instance: it is removed")
			return false
		}
	}
	return true
}

// finishURL fills in what a url block did not say.
func (l *Loader) finishURL(n *syntax.Node, u *conf.HTTPURL) bool {
	if u.Path == "" {
		l.AtEnd(n, "missing-path", "url has no path: it is removed")
		return false
	}
	if !strings.HasPrefix(u.Path, "/") || strings.ContainsFunc(u.Path, func(r rune) bool { return r <= ' ' }) {
		l.Note(n, "odd-path", "path %q is sent as it is: most servers refuse a path that does not begin with / or has blanks",
			value.Clip(conf.MaskURL(u.Path)))
	}
	if strings.ContainsFunc(u.VirtualHost, func(r rune) bool { return r <= ' ' }) {
		l.Note(n, "odd-host", "virtualhost %q is sent as it is: most servers refuse a name with blanks",
			value.Clip(u.VirtualHost))
	}
	if len(u.Statuses) == 0 {
		u.Statuses = []conf.StatusRange{{From: 200, To: 299}}
	}
	if u.Regex != nil && u.Regex.Pattern == "" {
		l.Note(n, "missing-regex", "url has words about a regex, and no regex: they are ignored")
		u.Regex = nil
	}
	if u.Regex != nil {
		l.finishRegex(n, u.Regex)
	}
	return true
}

// finishRegex says what of a pattern cannot be had.
func (l *Loader) finishRegex(n *syntax.Node, r *conf.Regex) {
	if _, err := r.Compile(); err != nil {
		for _, c := range n.Children() {
			if name := c.Keyword.Text; name == "regex" || name == "regex_no_match" {
				n = c
			}
		}
		f := l.Warn(n, "unsupported-regex", "%s: %s: the check cannot be made, and the real server counts as up",
			n.Keyword.Text, value.Clip(err.Error()))
		f.Hint, f.Unserved = "director's expressions are those of RE2 (https://github.com/google/re2/wiki/Syntax)", true
		return
	}
	if r.MaxOffset > 0 && r.MaxOffset <= r.MinOffset {
		l.Warn(n, "invalid-regex", "regex_max_offset %d is not above regex_min_offset %d: nothing ever matches",
			r.MaxOffset, r.MinOffset)
	}
}

// Defaults of checkers (keepalived check/check_api.c).
const (
	DefaultInterval   = 60 * time.Second
	DefaultTimeout    = 5 * time.Second
	DefaultRetryDelay = time.Second
	HTTPRetryDelay    = 3 * time.Second
	DefaultRetries    = 1
	DNSRetries        = 3
)

// unsetTiming is the timing of a block that has said nothing.
var unsetTiming = conf.CheckTiming{Interval: -1, Retries: -1, RetryDelay: -1, Timeout: -1, Warmup: -1}

// domainName says whether a name can be asked for: labels of 1 to 63 bytes and 255 bytes in all
// (RFC 1035 section 2.3.4).
func domainName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if len(name) > 253 {
		return false
	}
	if name == "" {
		return true
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > 63 || strings.ContainsAny(label, " \t\r\n") {
			return false
		}
	}
	return true
}
