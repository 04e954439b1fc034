package conf

import (
	"encoding/hex"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf/syntax"
)

// checkers are the tables of the kinds of checkers.
var checkerTables = map[CheckKind]*table[Checker]{
	TCPCheck:  newTable(string(TCPCheck), checkerTiming, checkerConnect),
	HTTPGet:   newTable(string(HTTPGet), checkerTiming, checkerConnect, httpKeywords, oldRetry),
	SSLGet:    newTable(string(SSLGet), checkerTiming, checkerConnect, httpKeywords, oldRetry, sslKeywords),
	PingCheck: newTable(string(PingCheck), checkerTiming, checkerConnect),
	SMTPCheck: newTable(string(SMTPCheck), checkerTiming, checkerConnect, smtpKeywords),
	DNSCheck:  newTable(string(DNSCheck), checkerTiming, checkerConnect, dnsKeywords),
	MiscCheck: newTable(string(MiscCheck), checkerTiming, miscKeywords),
	UDPCheck:  newTable(string(UDPCheck), checkerTiming, checkerConnect, udpKeywords),
	FileCheck: newTable(string(FileCheck), checkerTiming, fileCheckKeywords),
	BFDCheck:  newTable(string(BFDCheck), checkerTiming, bfdCheckKeywords),
}

// checkKinds is the order of the kinds in texts.
var checkKinds = []CheckKind{TCPCheck, HTTPGet, SSLGet, SMTPCheck, DNSCheck, MiscCheck, PingCheck, UDPCheck, FileCheck, BFDCheck}

// checkerRows makes a row of the real_server block for each kind of checker.
func checkerRows() []keyword[RealServer] {
	var rows []keyword[RealServer]
	for _, kind := range checkKinds {
		rows = append(rows, group(string(kind), "{ ... }", 0, func(l *loader, n *syntax.Node, r *RealServer) {
			l.checker(n, kind, r)
		}))
	}
	return rows
}

var checkerTiming = append(
	timingKeywords(func(c *Checker) timing {
		return timing{&c.Interval, &c.RetryDelay, &c.Timeout, &c.Warmup, &c.Retries, &c.Alpha}
	}),
	flag("log_all_failures", func(c *Checker) *bool { return &c.LogAll }))

var checkerConnect = []keyword[Checker]{
	ip("connect_ip", "the real server's", func(c *Checker) *netip.Addr { return &c.ConnectIP }),
	number("connect_port", 1, 65535, "the real server's", func(c *Checker) *uint16 { return &c.ConnectPort }),
	ip("bindto", "any", func(c *Checker) *netip.Addr { return &c.BindIP }),
	number("bind_port", 1, 65535, "any", func(c *Checker) *uint16 { return &c.BindPort }),
	netInterface("bind_if", "any", func(c *Checker) *string { return &c.BindIf }),
	number("fwmark", 0, math.MaxUint32, "0", func(c *Checker) *uint32 { return &c.FWMark }),
}

var oldRetry = []keyword[Checker]{
	{name: "nb_get_retry", value: "0..2147483647", need: 1, why: "deprecated: the word is retry",
		set: func(l *loader, n *syntax.Node, c *Checker) {
			l.warn(n, "deprecated", "nb_get_retry is the old word for retry")
			if v, ok := l.integer(n, 0, 0, math.MaxUint32/2); ok {
				c.Retries = int(v)
				l.cfg.sources.of(c).add(Source{Keyword: "retry", Pos: n.Pos()})
			}
		}},
}

var httpKeywords = []keyword[Checker]{
	group("url", "{ ... }", 0, func(l *loader, n *syntax.Node, c *Checker) {
		u := HTTPURL{}
		l.begin(&u, n)
		urlKeywords.read(l, n.Children(), &u)
		if l.finishURL(n, &u) {
			c.HTTP.URLs = append(c.HTTP.URLs, u)
			l.cfg.sources.move(&u, urlKey{c, len(c.HTTP.URLs) - 1})
		} else {
			delete(l.cfg.sources, &u)
		}
	}),
	word("virtualhost", "NAME", "that of the real server", func(c *Checker) *string { return &c.HTTP.VirtualHost }),
	oneOf("http_protocol", []string{"1.0", "1.0C", "1.1"}, "1.0", func(c *Checker) *string { return &c.HTTP.Protocol }),
	flag("fast_recovery", func(c *Checker) *bool { return &c.HTTP.FastRecovery }),
}

// urlKey identifies a url block; see sources.
type urlKey struct {
	checker *Checker
	index   int
}

var sslKeywords = []keyword[Checker]{
	flag("enable_sni", func(c *Checker) *bool { return &c.HTTP.EnableSNI }),
	word("sni_name", "NAME", "virtualhost", func(c *Checker) *string { return &c.HTTP.SNI }),
	bare("tls_compliant", func(c *Checker) *bool { return &c.HTTP.TLSCompliant }),
}

// urlKeywords is the url block of HTTP_GET and SSL_GET.
var urlKeywords = newTable("url", []keyword[HTTPURL]{
	word("path", "PATH", "", func(u *HTTPURL) *string { return &u.Path }),
	custom("status_code", "N[-N] ...", "200-299", 1, setStatuses, func(u *HTTPURL) []string {
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
		get: func(u *HTTPURL) []string { return some(u.Digest) }},
	word("virtualhost", "NAME", "that of the checker", func(u *HTTPURL) *string { return &u.VirtualHost }),
	regexKeyword("regex", false),
	regexKeyword("regex_no_match", true),
	custom("regex_options", "OPTION ...", "none", 1, func(_ *loader, n *syntax.Node, u *HTTPURL) {
		u.regex().Options = vector(n)
	}, func(u *HTTPURL) []string {
		if u.Regex == nil {
			return nil
		}
		return u.Regex.Options
	}),
	number("regex_min_offset", 0, math.MaxInt32, "0", func(u *HTTPURL) *int { return &u.regex().MinOffset }).hidden(),
	number("regex_max_offset", 0, math.MaxInt32, "no limit", func(u *HTTPURL) *int { return &u.regex().MaxOffset }).hidden(),
	ignored[HTTPURL]("regex_stack", "START MAX", 2, "director's regular expressions need no stack"),
	ignored[HTTPURL]("tls_compliant", "", 0, "TLS is always read to its end"),
})

func regexKeyword(name string, noMatch bool) keyword[HTTPURL] {
	return keyword[HTTPURL]{
		name: name, value: `"PATTERN"`, need: 1, max: -1,
		set: func(l *loader, n *syntax.Node, u *HTTPURL) {
			if noMatch {
				u.regex().NoMatch = true
				if len(n.Args) == 0 {
					return
				}
			}
			words, err := syntax.ShellWords(n.Raw, n.RawPos())
			if err != nil || len(words) != 1 {
				l.warn(n, "invalid-regex", "%s needs one pattern in double quotes: the line is ignored", name)
				return
			}
			u.regex().Pattern = words[0].Text
		},
		get: func(u *HTTPURL) []string {
			if u.Regex == nil || u.Regex.NoMatch != noMatch {
				return nil
			}
			return some(u.Regex.Pattern)
		},
	}
}

func (u *HTTPURL) regex() *Regex {
	if u.Regex == nil {
		u.Regex = &Regex{}
	}
	return u.Regex
}

func setStatuses(l *loader, n *syntax.Node, u *HTTPURL) {
	l.fallback = ""
	for i := range n.Args {
		s := n.Arg(i)
		from, to, isRange := strings.Cut(s, "-")
		if !isRange {
			to = from
		}
		a, ok1 := decimal(from)
		b, ok2 := decimal(to)
		switch {
		case strings.Contains(s, ","):
			l.warnArg(n, i, "invalid-status", "%q is no status code: it is ignored", clip(s)).Hint = "put blanks between the codes"
		case !ok1 || !ok2 || a < 100 || b > 599 || a > b:
			l.warnArg(n, i, "invalid-status", "%q is no status code or range of 100 to 599: it is ignored", clip(s))
		default:
			u.Statuses = append(u.Statuses, StatusRange{int(a), int(b)})
		}
	}
}

func setDigest(l *loader, n *syntax.Node, u *HTTPURL) {
	s := n.Arg(0)
	if _, err := hex.DecodeString(s); err != nil || len(s) != 32 {
		// keepalived takes it as it is, and no page ever matches.
		l.noteArg(n, 0, "invalid-digest", "the digest has %d characters and must have 32 hexadecimal digits: no page will match it", len(s)).Hint = "director genhash prints the digest of a page"
	}
	u.Digest = strings.ToLower(s)
}

var smtpKeywords = []keyword[Checker]{
	word("helo_name", "NAME", "smtpchecker.keepalived.org", func(c *Checker) *string { return &c.SMTP.Hello }).optional().check(func(l *loader, n *syntax.Node) bool {
		if n.Arg(0) == "" {
			l.warn(n, "missing-value", "helo_name has no name: it is ignored")
			return false
		}
		return true
	}),
	group("host", "{ ... }", 0, func(l *loader, n *syntax.Node, c *Checker) {
		l.note(n, "deprecated", "host blocks are deprecated: write their lines in SMTP_CHECK itself")
		hostKeywords.read(l, n.Children(), c)
	}),
}

var hostKeywords = newTable("host", checkerConnect)

// check asks before the value is taken.
func (k keyword[T]) check(ok func(*loader, *syntax.Node) bool) keyword[T] {
	set := k.set
	k.set = func(l *loader, n *syntax.Node, t *T) {
		if ok(l, n) {
			set(l, n, t)
		}
	}
	return k
}

var dnsTypes = []string{"A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY"}

var dnsKeywords = []keyword[Checker]{
	{name: "type", value: join(dnsTypes, "|"), deflt: "SOA", need: 1,
		set: func(l *loader, n *syntax.Node, c *Checker) {
			s := strings.ToUpper(n.Arg(0))
			if !slices.Contains(dnsTypes, s) {
				l.warnArg(n, 0, "unknown-value", "type cannot be %q: SOA is used", clip(n.Arg(0))).Hint = "one of " + join(dnsTypes, " ")
				return
			}
			c.DNS.Type = s
		},
		get: func(c *Checker) []string { return one(c.DNS.Type) }},
	word("name", "NAME", ".", func(c *Checker) *string { return &c.DNS.Name }).firstCounts(),
}

var miscKeywords = []keyword[Checker]{
	program("misc_path", func(c *Checker) *Script { return &c.Misc.Script }),
	duration("misc_timeout", 0, maxTimer, "0, which is delay_loop", func(c *Checker) *time.Duration { return &c.Misc.Timeout }),
	bare("misc_dynamic", func(c *Checker) *bool { return &c.Misc.Dynamic }),
	{name: "user", value: "USER [GROUP]", deflt: "script_user", need: 1, max: 2,
		set: func(l *loader, n *syntax.Node, c *Checker) {
			if user, group, ok := l.user(n); ok {
				l.checkerUsers[c] = [2]string{user, group}
			}
		}},
}

var udpKeywords = []keyword[Checker]{
	{name: "payload", value: "HEX", deflt: "the checker's own", need: 1, max: -1,
		set: func(l *loader, n *syntax.Node, c *Checker) {
			if b, _, ok := l.hexBytes(n, false); ok {
				c.UDP.Payload = b
			}
		},
		get: func(c *Checker) []string { return some(hex.EncodeToString(c.UDP.Payload)) }},
	{name: "require_reply", value: "[HEX]", deflt: "off", max: -1,
		set: func(l *loader, n *syntax.Node, c *Checker) {
			c.UDP.RequireReply = true
			if len(n.Args) == 0 {
				return
			}
			if b, mask, ok := l.hexBytes(n, true); ok {
				c.UDP.Reply, c.UDP.ReplyMask = b, mask
			}
		},
		get: func(c *Checker) []string {
			if !c.UDP.RequireReply {
				return nil
			}
			return append([]string{}, some(c.UDP.replyText())...)
		}},
	number("min_reply_length", 0, math.MaxUint16, "0", func(c *Checker) *int { return &c.UDP.MinReply }),
	number("max_reply_length", 0, math.MaxUint16, "255", func(c *Checker) *int { return &c.UDP.MaxReply }),
}

// replyText is the wanted reply as hexadecimal digits, x where any will do.
func (u *UDPCheckParams) replyText() string {
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
func (l *loader) hexBytes(n *syntax.Node, wild bool) (b, mask []byte, ok bool) {
	digits := strings.Join(vector(n), "")
	if len(digits)%2 != 0 {
		l.warnArg(n, 0, "invalid-hex", "%s has an odd number of digits: the line is ignored", l.word)
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
			l.warnArg(n, 0, "invalid-hex", "%s is not hexadecimal: the line is ignored", l.word)
			return nil, nil, false
		}
		b[i/2] = b[i/2]<<4 | byte(v)
		mask[i/2] = mask[i/2]<<4 | byte(m)
	}
	return b, mask, true
}

var fileCheckKeywords = []keyword[Checker]{
	word("track_file", "NAME", "", func(c *Checker) *string { return &c.File.Name }),
	weightKeyword(math.MaxInt32, "that of the file", func(c *Checker) *int { return &c.File.Weight }, func(c *Checker) *bool { return &c.File.Reverse }),
}

var bfdCheckKeywords = []keyword[Checker]{
	word("name", "NAME", "", func(c *Checker) *string { return &c.BFD }),
}
