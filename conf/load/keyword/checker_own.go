package keyword

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// What keepalived does not know of HTTP_GET and SSL_GET: requests of another kind, one
// limit for all of a check, and certificates that are verified.

var urlOwn = []keyword[conf.HTTPURL]{
	{name: "method", value: "WORD", deflt: "GET; POST with a body", need: 1, own: true,
		set: func(l *Loader, n *syntax.Node, u *conf.HTTPURL) {
			if w := n.Arg(0); isToken(w) {
				u.Method = w
			} else {
				l.WarnArg(n, 0, "unknown-value", "method cannot be %q: %s", value.Clip(w), l.Instead()).Hint =
					"a word such as GET, HEAD, POST or OPTIONS"
			}
		},
		get: func(u *conf.HTTPURL) []string { return some(u.Method) }},
	group("headers", "{ NAME VALUE }", 0, setHeaders).ours().shown(func(u *conf.HTTPURL) []entryLine {
		lines := make([]entryLine, 0, len(u.Headers))
		for _, h := range u.Headers {
			lines = append(lines, entryLine{h.Name, []string{h.Name, h.Value}})
		}
		return lines
	}).hides("the values", 1),
	word("body", "TEXT", "none", func(u *conf.HTTPURL) *string { return &u.Body }).ours().hides(allSecret, 0),
	flag("dechunk", func(u *conf.HTTPURL) *bool { return &u.Dechunk }).ours().
		remark("puts the chunks of a page together before digest and regex; keepalived's digests are made without"),
}

// setHeaders reads the lines of a headers block.
func setHeaders(l *Loader, n *syntax.Node, u *conf.HTTPURL) {
	for _, c := range l.Entries(n) {
		h := conf.HTTPHeader{Name: strings.TrimSuffix(c.Keyword.Text, ":")}
		words := make([]string, len(c.Args))
		for i := range c.Args {
			words[i] = c.Arg(i)
		}
		h.Value = strings.Join(words, " ")
		switch {
		case !isToken(h.Name):
			l.Warn(c, "unknown-value", "%q is not the name of a header: the line is ignored", value.Clip(h.Name))
		case !isFieldValue(h.Value):
			l.Warn(c, "unknown-value", "header %s has a line break or another control character: the line is ignored", h.Name)
		case slices.ContainsFunc(madeHeaders, func(s string) bool { return strings.EqualFold(s, h.Name) }):
			l.Warn(c, "unknown-value", "header %s is made by the check: the line is ignored", h.Name).Hint =
				"use virtualhost for Host, http_protocol for Connection"
		case slices.ContainsFunc(u.Headers, func(o conf.HTTPHeader) bool { return strings.EqualFold(o.Name, h.Name) }):
			l.Warn(c, "repeated", "header %s is there twice: the first line is used", h.Name)
		default:
			u.Headers = append(u.Headers, h)
			l.Entry(u, "headers", h.Name, c)
		}
	}
}

// madeHeaders are those that the check makes itself.
var madeHeaders = []string{"Host", "Connection", "Content-Length", "Transfer-Encoding"}

// finishPages removes what HTTP/2 has no place for.
func (l *Loader) finishPages(n *syntax.Node, h *conf.HTTPCheck) {
	if h.Protocol != "2" {
		return
	}
	for i := range h.URLs {
		u := &h.URLs[i]
		u.Headers = slices.DeleteFunc(u.Headers, func(h conf.HTTPHeader) bool {
			if !slices.ContainsFunc(connectionHeaders, func(s string) bool { return strings.EqualFold(s, h.Name) }) {
				return false
			}
			l.Warn(n, "unknown-value", "header %s is for HTTP/1.1: HTTP/2 is asked without it", h.Name)
			return true
		})
		if u.Dechunk {
			l.Note(n, "dechunk", "dechunk is for HTTP/1.1: a page has no chunks in HTTP/2")
			u.Dechunk = false
		}
	}
}

// connectionHeaders may not be sent over HTTP/2 (RFC 9113, section 8.2.2).
var connectionHeaders = []string{"Keep-Alive", "Proxy-Connection", "Upgrade", "TE", "HTTP2-Settings"}

// isToken says whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// isFieldValue says whether s may be the value of a header (RFC 9110, section 5.5).
func isFieldValue(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

var httpOwn = []keyword[conf.Checker]{
	duration("total_timeout", time.Millisecond, time.Hour, "4 times connect_timeout",
		func(c *conf.Checker) *time.Duration { return &c.TotalTimeout }).ours(),
}

var sslOwn = []keyword[conf.Checker]{
	flag("verify", func(c *conf.Checker) *bool { return &c.HTTP.Verify }).ours().
		remark("the server's certificate has to be good; without it any will do, as in keepalived"),
	word("verify_ca", "FILE", "the host's", func(c *conf.Checker) *string { return &c.HTTP.VerifyCA }).ours().
		remark("certificates of the authorities that verify believes, in PEM"),
	word("verify_name", "NAME", "sni_name, else virtualhost, else the address", func(c *conf.Checker) *string {
		return &c.HTTP.VerifyName
	}).ours().remark("the name that the certificate has to be for"),
	number("expiry_warning", 1, 3650, "off", func(c *conf.Checker) *int { return &c.HTTP.ExpiryWarning }).ours().
		remark("days before the end of the server's certificate from which on status warns of it"),
}

var clientKeywords = []keyword[conf.Checker]{
	flag("as_client", func(c *conf.Checker) *bool { return &c.AsClient }).ours().
		remark("of DR and TUN: the check goes to the virtual address, through IPVS, as packets of clients do"),
}

// Checks that keepalived lacks: conversations, and gRPC's health service.

var queryKeywords = []keyword[conf.Checker]{
	{name: "query", value: join(conf.ReadyQueries(), "|"), need: 1, own: true,
		set: func(l *Loader, n *syntax.Node, c *conf.Checker) {
			if w := n.Arg(0); slices.Contains(conf.ReadyQueries(), w) {
				c.Query.Query = w
			} else {
				l.WarnArg(n, 0, "unknown-value", "query cannot be %q: %s", value.Clip(w), l.Instead()).Hint =
					"one of " + join(conf.ReadyQueries(), ", ") + ", or write steps"
			}
		},
		get: func(c *conf.Checker) []string { return some(c.Query.Query) }},
	group("steps", `{ send "BYTES" | expect "REGEX" | starttls }`, 0, setSteps).ours().
		shown(func(c *conf.Checker) []entryLine {
			lines := make([]entryLine, 0, len(c.Query.Steps))
			for _, s := range c.Query.Steps {
				words := stepWords(s)
				lines = append(lines, entryLine{strings.Join(words, " "), words})
			}
			return lines
		}).hidesSends(),
	flag("tls", func(c *conf.Checker) *bool { return &c.Query.TLS }).ours().
		remark("the conversation begins with TLS; any certificate will do"),
	word("sni_name", "NAME", "none", func(c *conf.Checker) *string { return &c.Query.SNI }).ours(),
}

// maxSteps bounds a conversation.
const maxSteps = 64

// setSteps reads the lines of a steps block.
func setSteps(l *Loader, n *syntax.Node, c *conf.Checker) {
	for _, line := range l.Entries(n) {
		var s conf.QueryStep
		var err error
		switch word := line.Keyword.Text; {
		case word == "starttls" && len(line.Args) == 0:
			s.StartTLS = true
		case word == "send" && len(line.Args) == 1 && line.Arg(0) != "":
			s.Send, err = conf.Unescape(line.Arg(0))
		case word == "expect" && len(line.Args) == 1 && line.Arg(0) != "":
			s.Expect = line.Arg(0)
			_, err = s.Pattern()
		default:
			l.Warn(line, "unknown-value", "%q is not a step of a conversation: the line is ignored", value.Clip(word)).Hint =
				`send "TEXT", expect "REGEX" or starttls`
			continue
		}
		switch {
		case err != nil && s.Expect == "":
			l.WarnArg(line, 0, "unknown-value", "send: %v: the line is ignored", err)
		case err != nil:
			l.WarnArg(line, 0, "unknown-value", "expect %q: %v: the line is ignored", value.Clip(line.Arg(0)), err)
		case len(c.Query.Steps) == maxSteps:
			l.Warn(line, "unknown-value", "a conversation has at most %d steps: the line is ignored", maxSteps)
		default:
			c.Query.Steps = append(c.Query.Steps, s)
			l.Entry(c, "steps", strings.Join(stepWords(s), " "), line)
		}
	}
}

// hidesSends has a conversation show what is expected, and not what is sent.
func (k keyword[T]) hidesSends() keyword[T] {
	k = k.hides("what is sent", 1)
	hide := k.mask
	k.mask = func(words []string) []string {
		if words[0] != "send" {
			return words
		}
		return hide(words)
	}
	return k
}

// hidesArguments has a keyword show a program without what MaskArguments hides.
func (k keyword[T]) hidesArguments() keyword[T] {
	k.secret, k.mask = argumentsSecret, conf.MaskArguments
	return k
}

// hidesURL has a keyword show its URL without what MaskURL hides.
func (k keyword[T]) hidesURL() keyword[T] {
	k.secret = urlSecret
	k.mask = func(words []string) []string {
		masked := make([]string, len(words))
		for i, w := range words {
			masked[i] = conf.MaskURL(w)
		}
		return masked
	}
	return k
}

func stepWords(s conf.QueryStep) []string {
	switch {
	case s.StartTLS:
		return []string{"starttls"}
	case s.Expect != "":
		return []string{"expect", s.Expect}
	}
	return []string{"send", conf.Escape(s.Send)}
}

// finishQuery says that a conversation has nothing that could fail.
func (l *Loader) finishQuery(n *syntax.Node, q *conf.QueryCheckParams) {
	switch {
	case q.Query != "" && len(q.Steps) > 0:
		l.Warn(n, "query", "QUERY_CHECK has a query and steps: the steps are ignored")
		q.Steps = nil
	case q.Query == "" && len(q.Steps) == 0:
		l.Warn(n, "query", "QUERY_CHECK has neither a query nor steps: it only connects").Hint =
			"query " + join(conf.ReadyQueries(), "|")
	case q.Query == "" && !slices.ContainsFunc(q.Steps, conf.QueryStep.Waits):
		l.Note(n, "query", "QUERY_CHECK expects nothing: every server that accepts the connection is alive")
	}
}

var grpcKeywords = []keyword[conf.Checker]{
	word("service", "NAME", "the server as a whole", func(c *conf.Checker) *string { return &c.GRPC.Service }).ours(),
	flag("tls", func(c *conf.Checker) *bool { return &c.GRPC.TLS }).ours().remark("any certificate will do"),
	{name: "host", value: "NAME[:PORT]", deflt: "address:port", need: 1, own: true,
		why: "the authority, and with tls the SNI",
		set: func(l *Loader, n *syntax.Node, c *conf.Checker) {
			w := n.Arg(0)
			if u, err := url.Parse("http://" + w); err != nil || u.Host != w || u.Hostname() == "" ||
				strings.Contains(u.Hostname(), ":") && !strings.HasPrefix(w, "[") {
				l.WarnArg(n, 0, "unknown-value", "host cannot be %q: %s", value.Clip(w), l.Instead()).Hint =
					"a name, or an address (IPv6 in [ ]), and a port if need be"
				return
			}
			c.GRPC.Host = w
		},
		get: func(c *conf.Checker) []string { return some(c.GRPC.Host) }},
}
