package keyword

import (
	"encoding/hex"
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

// Checkers are the tables of the kinds of checkers.
var Checkers = map[conf.CheckKind]*table[conf.Checker]{
	conf.TCPCheck: newTable(string(conf.TCPCheck), checkerTiming, checkerClient),
	conf.HTTPGet:  newTable(string(conf.HTTPGet), checkerTiming, checkerClient, httpKeywords, httpOwn, oldRetry),
	conf.SSLGet: newTable(string(conf.SSLGet), checkerTiming, checkerClient, httpKeywords, httpOwn, oldRetry, sslKeywords,
		sslOwn),
	conf.PingCheck: newTable(string(conf.PingCheck), checkerTiming, checkerConnect),
	conf.SMTPCheck: newTable(string(conf.SMTPCheck), checkerTiming, checkerClient, smtpKeywords),
	conf.DNSCheck:  newTable(string(conf.DNSCheck), checkerTiming, checkerClient, dnsKeywords),
	conf.MiscCheck: newTable(string(conf.MiscCheck), without(checkerTiming, "connect_timeout"), miscKeywords),
	conf.UDPCheck:  newTable(string(conf.UDPCheck), checkerTiming, checkerClient, udpKeywords),
	conf.FileCheck: newTable(string(conf.FileCheck), fileCheckKeywords),
	conf.BFDCheck:  newTable(string(conf.BFDCheck), bfdCheckKeywords),

	conf.AgentCheck: newTable(string(conf.AgentCheck), checkerTiming, checkerClient, agentKeywords),
	conf.QueryCheck: newTable(string(conf.QueryCheck), checkerTiming, checkerClient, httpOwn, queryKeywords),
	conf.GRPCCheck:  newTable(string(conf.GRPCCheck), checkerTiming, checkerClient, httpOwn, grpcKeywords),
}

// checkKinds is the order of the kinds in texts.
var checkKinds = []conf.CheckKind{conf.TCPCheck, conf.HTTPGet, conf.SSLGet, conf.SMTPCheck, conf.DNSCheck,
	conf.MiscCheck, conf.PingCheck, conf.UDPCheck, conf.FileCheck, conf.BFDCheck, conf.AgentCheck,
	conf.QueryCheck, conf.GRPCCheck}

// ownKinds are those that keepalived does not know.
var ownKinds = []conf.CheckKind{conf.AgentCheck, conf.QueryCheck, conf.GRPCCheck}

// checkerRows makes a row of the real_server block for each kind of checker.
func checkerRows() []keyword[conf.RealServer] {
	var rows []keyword[conf.RealServer]
	for _, kind := range checkKinds {
		row := group(string(kind), "{ ... }", 0, func(l *Loader, n *syntax.Node, r *conf.RealServer) {
			l.checker(n, kind, r)
		})
		row.own = slices.Contains(ownKinds, kind)
		rows = append(rows, row)
	}
	return rows
}

// without is the rows but for one.
func without(rows []keyword[conf.Checker], name string) []keyword[conf.Checker] {
	return slices.DeleteFunc(slices.Clone(rows), func(k keyword[conf.Checker]) bool { return k.name == name })
}

var checkerTiming = append(
	timingKeywords(0, func(c *conf.Checker) timing {
		return timing{&c.Interval, &c.RetryDelay, &c.Timeout, &c.Warmup, &c.Retries, &c.Rise, &c.Alpha}
	}),
	flag("log_all_failures", func(c *conf.Checker) *bool { return &c.LogAll }),
	keyword[conf.Checker]{name: "unknown_counts", value: "up|down", deflt: "up", need: 1, own: true,
		why: "what a check counts as that this host cannot make; up is the state before",
		set: func(l *Loader, n *syntax.Node, c *conf.Checker) {
			switch w := n.Arg(0); w {
			case "up", "down":
				c.UnknownDown = w == "down"
			default:
				l.WarnArg(n, 0, "unknown-value", "unknown_counts cannot be %q: %s", value.Clip(w),
					l.Instead()).Hint = "one of up, down"
			}
		},
		get: func(c *conf.Checker) []string {
			if c.UnknownDown {
				return one("down")
			}
			return nil
		}})

var checkerConnect = []keyword[conf.Checker]{
	ip("connect_ip", "the real server's", func(c *conf.Checker) *netip.Addr { return &c.ConnectIP }),
	number("connect_port", 1, 65535, "the real server's", func(c *conf.Checker) *uint16 { return &c.ConnectPort }),
	ip("bindto", "any", func(c *conf.Checker) *netip.Addr { return &c.BindIP }),
	number("bind_port", 1, 65535, "any", func(c *conf.Checker) *uint16 { return &c.BindPort }),
	netInterface("bind_if", "any", func(c *conf.Checker) *string { return &c.BindIf }),
	number("fwmark", 0, math.MaxUint32, "0", func(c *conf.Checker) *uint32 { return &c.FWMark }),
}

// checkerClient is where a check goes that may go a client's way.
var checkerClient = slices.Concat(checkerConnect, clientKeywords)

var oldRetry = []keyword[conf.Checker]{
	{name: "nb_get_retry", value: "0..4294967295", need: 1, why: "deprecated: write retry",
		set: func(l *Loader, n *syntax.Node, c *conf.Checker) {
			l.Warn(n, "deprecated", "nb_get_retry is the old word for retry")
			if v, ok := l.Integer(n, 0, 0, math.MaxUint32); ok {
				c.Retries = int(v)
				l.Sources.Of(c).Add(conf.Source{Keyword: "retry", Pos: n.Pos()})
			}
		}},
}

var httpKeywords = []keyword[conf.Checker]{
	group("url", "{ ... }", 0, func(l *Loader, n *syntax.Node, c *conf.Checker) {
		u := conf.HTTPURL{}
		l.Begin(&u, n)
		URL.Read(l, n.Children(), &u)
		if l.finishURL(n, &u) {
			c.HTTP.URLs = append(c.HTTP.URLs, u)
			l.Sources.Move(&u, URLKey{c, len(c.HTTP.URLs) - 1})
		} else {
			delete(l.Sources, &u)
		}
	}),
	word("virtualhost", "NAME", "that of the real server", func(c *conf.Checker) *string { return &c.HTTP.VirtualHost }),
	oneOf("http_protocol", []string{"1.0", "1.0C", "1.1", "2"}, "1.0", func(c *conf.Checker) *string {
		return &c.HTTP.Protocol
	}).remark("2 is director's own: HTTP/2, in plain text or by TLS (ALPN)"),
	flag("fast_recovery", func(c *conf.Checker) *bool { return &c.HTTP.FastRecovery }),
}

// URLKey identifies a url block; see sources.
type URLKey struct {
	Checker *conf.Checker
	Index   int
}

var sslKeywords = []keyword[conf.Checker]{
	flag("enable_sni", func(c *conf.Checker) *bool { return &c.HTTP.EnableSNI }),
	word("sni_name", "NAME", "virtualhost", func(c *conf.Checker) *string { return &c.HTTP.SNI }),
	bare("tls_compliant", func(c *conf.Checker) *bool { return &c.HTTP.TLSCompliant }),
}

// URL is the url block of HTTP_GET and SSL_GET.
var URL = newTable("url", []keyword[conf.HTTPURL]{
	word("path", "PATH", "", func(u *conf.HTTPURL) *string { return &u.Path }).hidesURL(),
	custom("status_code", "N[-N] ...", "200-299", 1, setStatuses, func(u *conf.HTTPURL) []string {
		var words []string
		for _, s := range u.Statuses {
			if s.From == s.To {
				words = append(words, strconv.Itoa(s.From))
			} else {
				words = append(words, strconv.Itoa(s.From)+"-"+strconv.Itoa(s.To))
			}
		}
		return words
	}),
	{name: "digest", value: "MD5HEX", deflt: "not checked", need: 1, once: true, set: setDigest,
		get: func(u *conf.HTTPURL) []string { return some(u.Digest) }},
	word("virtualhost", "NAME", "that of the checker", func(u *conf.HTTPURL) *string { return &u.VirtualHost }),
	regexKeyword("regex", false),
	regexKeyword("regex_no_match", true),
	custom("regex_options", "OPTION ...", "none", 1, func(_ *Loader, n *syntax.Node, u *conf.HTTPURL) {
		regexOf(u).Options = value.Vector(n)
	}, func(u *conf.HTTPURL) []string {
		if u.Regex == nil {
			return nil
		}
		return u.Regex.Options
	}),
	number("regex_min_offset", 0, math.MaxInt32, "0",
		func(u *conf.HTTPURL) *int { return &regexOf(u).MinOffset }).hidden(),
	number("regex_max_offset", 0, math.MaxInt32, "no limit",
		func(u *conf.HTTPURL) *int { return &regexOf(u).MaxOffset }).hidden(),
	ignored[conf.HTTPURL]("regex_stack", "START MAX", 2, "director's regular expressions need no stack"),
	ignored[conf.HTTPURL]("tls_compliant", "", 0, "TLS is always read to its end"),
}, urlOwn)

func regexKeyword(name string, noMatch bool) keyword[conf.HTTPURL] {
	return keyword[conf.HTTPURL]{
		name: name, value: `"PATTERN"`, need: 1, max: -1,
		set: func(l *Loader, n *syntax.Node, u *conf.HTTPURL) {
			if noMatch {
				regexOf(u).NoMatch = true
				if len(n.Args) == 0 {
					return
				}
			}
			words, err := syntax.ShellWords(n.Raw, n.RawPos())
			if err != nil || len(words) != 1 {
				l.Warn(n, "invalid-regex", "%s needs one pattern in double quotes: the line is ignored", name)
				return
			}
			regexOf(u).Pattern = words[0].Text
		},
		get: func(u *conf.HTTPURL) []string {
			if u.Regex == nil || u.Regex.NoMatch != noMatch {
				return nil
			}
			return some(u.Regex.Pattern)
		},
	}
}

func regexOf(u *conf.HTTPURL) *conf.Regex {
	if u.Regex == nil {
		u.Regex = &conf.Regex{}
	}
	return u.Regex
}

func setStatuses(l *Loader, n *syntax.Node, u *conf.HTTPURL) {
	l.Fallback = ""
	for i := range n.Args {
		s := n.Arg(i)
		from, to, isRange := strings.Cut(s, "-")
		if !isRange {
			to = from
		}
		a, ok1 := value.Decimal(from)
		b, ok2 := value.Decimal(to)
		switch {
		case strings.Contains(s, ","):
			l.WarnArg(n, i, "invalid-status", "%q is not a status code: it is ignored",
				value.Clip(s)).Hint = "put blanks between the codes"
		case !ok1 || !ok2 || a < 100 || b > 599 || a > b:
			l.WarnArg(n, i, "invalid-status", "%q is not a status code or range of 100 to 599: it is ignored", value.Clip(s))
		default:
			u.Statuses = append(u.Statuses, conf.StatusRange{From: int(a), To: int(b)})
		}
	}
}

func setDigest(l *Loader, n *syntax.Node, u *conf.HTTPURL) {
	s := n.Arg(0)
	if _, err := hex.DecodeString(s); err != nil || len(s) != 32 {
		// As with keepalived 2.2: it says so, and checks the status alone.
		f := l.WarnArg(n, 0, "invalid-digest", "the digest has %d characters and must have 32 hexadecimal digits: it is "+
			"ignored, and pages are not compared with it", len(s))
		f.Hint, f.Unserved = "director genhash prints the digest of a page", true
		return
	}
	u.Digest = strings.ToLower(s)
}

var smtpKeywords = []keyword[conf.Checker]{
	word("helo_name", "NAME", "smtpchecker.keepalived.org",
		func(c *conf.Checker) *string { return &c.SMTP.Hello }).optional().check(func(l *Loader, n *syntax.Node) bool {
		if n.Arg(0) == "" {
			l.Warn(n, "missing-value", "helo_name has no name: it is ignored")
			return false
		}
		return true
	}),
	group("host", "{ ... }", 0, func(l *Loader, n *syntax.Node, c *conf.Checker) {
		l.Note(n, "deprecated", "host blocks are deprecated: write their lines in SMTP_CHECK itself")
		hostKeywords.Read(l, n.Children(), c)
	}),
}

var hostKeywords = newTable("host", checkerConnect)

// check asks before the value is taken.
func (k keyword[T]) check(ok func(*Loader, *syntax.Node) bool) keyword[T] {
	set := k.set
	k.set = func(l *Loader, n *syntax.Node, t *T) {
		if ok(l, n) {
			set(l, n, t)
		}
	}
	return k
}

var dnsTypes = []string{"A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY"}

var dnsKeywords = []keyword[conf.Checker]{
	{name: "type", value: join(dnsTypes, "|"), deflt: "SOA", need: 1,
		set: func(l *Loader, n *syntax.Node, c *conf.Checker) {
			s := strings.ToUpper(n.Arg(0))
			if !slices.Contains(dnsTypes, s) {
				l.WarnArg(n, 0, "unknown-value", "type cannot be %q: SOA is used", value.Clip(n.Arg(0))).Hint = "one of " +
					join(dnsTypes, " ")
				return
			}
			c.DNS.Type = s
		},
		get: func(c *conf.Checker) []string { return one(c.DNS.Type) }},
	word("name", "NAME", ".", func(c *conf.Checker) *string { return &c.DNS.Name }).firstCounts(),
}

var miscKeywords = []keyword[conf.Checker]{
	program("misc_path", func(c *conf.Checker) *conf.Script { return &c.Misc.Script }),
	duration("misc_timeout", 0, value.MaxTimer, "0, which is delay_loop", func(c *conf.Checker) *time.Duration {
		return &c.Misc.Timeout
	}),
	bare("misc_dynamic", func(c *conf.Checker) *bool { return &c.Misc.Dynamic }),
	{name: "user", value: "USER [GROUP]", deflt: "script_user", need: 1, max: 2,
		set: func(l *Loader, n *syntax.Node, c *conf.Checker) {
			if user, group, ok := l.User(n); ok {
				l.CheckerUsers[c] = [2]string{user, group}
			}
		}},
}

var agentKeywords = []keyword[conf.Checker]{
	word("send", `"TEXT"`, "nothing", func(c *conf.Checker) *string { return &c.Agent.Send }).hides(allSecret, 0),
}

var udpKeywords = []keyword[conf.Checker]{
	keyword[conf.Checker]{name: "payload", value: "HEX", deflt: "the checker's own", need: 1, max: -1,
		set: func(l *Loader, n *syntax.Node, c *conf.Checker) {
			if b, _, ok := l.hexBytes(n, false); ok {
				c.UDP.Payload = b
			}
		},
		get: func(c *conf.Checker) []string { return some(hex.EncodeToString(c.UDP.Payload)) }}.hides(allSecret, 0),
	{name: "require_reply", value: "[HEX]", deflt: "off", max: -1,
		set: func(l *Loader, n *syntax.Node, c *conf.Checker) {
			c.UDP.RequireReply = true
			if len(n.Args) == 0 {
				return
			}
			if b, mask, ok := l.hexBytes(n, true); ok {
				c.UDP.Reply, c.UDP.ReplyMask = b, mask
			}
		},
		get: func(c *conf.Checker) []string {
			if !c.UDP.RequireReply {
				return nil
			}
			return append([]string{}, some(replyText(c.UDP))...)
		}},
	number("min_reply_length", 0, math.MaxUint16, "0", func(c *conf.Checker) *int { return &c.UDP.MinReply }),
	number("max_reply_length", 0, math.MaxUint16, "255", func(c *conf.Checker) *int { return &c.UDP.MaxReply }),
}

// replyText is the wanted reply as hexadecimal digits, x where any will do.
func replyText(u *conf.UDPCheckParams) string {
	text := []byte(hex.EncodeToString(u.Reply))
	for i := range text {
		if mask := u.ReplyMask[i/2]; i%2 == 0 && mask>>4 == 0 || i%2 == 1 && mask&15 == 0 {
			text[i] = 'x'
		}
	}
	return string(text)
}

// hexBytes reads all words of a line as hexadecimal digits; with wild, x is
// a digit that may be anything.
func (l *Loader) hexBytes(n *syntax.Node, wild bool) (b, mask []byte, ok bool) {
	digits := strings.Join(value.Vector(n), "")
	if len(digits)%2 != 0 {
		l.WarnArg(n, 0, "invalid-hex", "%s has an odd number of digits: the line is ignored", l.Word)
		return nil, nil, false
	}
	b, mask = make([]byte, len(digits)/2), make([]byte, len(digits)/2)
	for i := 0; i < len(digits); i++ {
		v, m := strings.IndexByte("0123456789abcdef", digits[i]|0x20), 15
		if digits[i] >= '0' && digits[i] <= '9' {
			v = int(digits[i] - '0')
		}
		if wild && (digits[i] == 'x' || digits[i] == 'X') {
			v, m = 0, 0
		}
		if v < 0 {
			l.WarnArg(n, 0, "invalid-hex", "%s is not hexadecimal: the line is ignored", l.Word)
			return nil, nil, false
		}
		b[i/2] = b[i/2]<<4 | byte(v)
		mask[i/2] = mask[i/2]<<4 | byte(m)
	}
	return b, mask, true
}

var fileCheckKeywords = []keyword[conf.Checker]{
	word("track_file", "NAME", "", func(c *conf.Checker) *string { return &c.File.Name }),
	weightKeyword(math.MaxInt32, "that of the file", func(c *conf.Checker) *int { return &c.File.Weight },
		func(c *conf.Checker) *bool {
			return &c.File.Reverse
		}),
}

var bfdCheckKeywords = []keyword[conf.Checker]{
	word("name", "NAME", "", func(c *conf.Checker) *string { return &c.BFD }),
	flag("alpha", func(c *conf.Checker) *bool { return &c.Alpha }),
}
