package probe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/lvs-director/director/checkers/probe/h2"
	"github.com/lvs-director/director/conf"
)

const (
	// maxHead bounds status line and headers.
	maxHead = 64 << 10
	// usualHead is enough for those of most servers.
	usualHead = 1 << 10
	// maxBody bounds how much of a body is read. There is no digest of a longer
	// one; without a digest the rest does not matter.
	maxBody = 64 << 20
)

// request is the request for a URL. It is keepalived's to the byte, since servers
// are configured to recognise it and answer others differently.
func request(c *conf.Checker, url *conf.HTTPURL) []byte {
	version, closing := "1.0", ""
	switch c.HTTP.Protocol {
	case "1.0C":
		closing = "Connection: close\r\n"
	case "1.1":
		version, closing = "1.1", "Connection: close\r\n"
	}
	method := methodOf(url)
	agent, more := "User-Agent: KeepAliveClient\r\n", ""
	for _, h := range url.Headers {
		if strings.EqualFold(h.Name, "User-Agent") {
			agent = ""
		}
		more += h.Name + ": " + h.Value + "\r\n"
	}
	if url.Body != "" || method == "POST" {
		more += fmt.Sprintf("Content-Length: %d\r\n", len(url.Body))
	}
	return []byte(method + " " + url.Path + " HTTP/" + version + "\r\n" + agent +
		closing + "Host: " + hostOf(c, url) + "\r\n" + more + "\r\n" + url.Body)
}

func hostOf(c *conf.Checker, url *conf.HTTPURL) string {
	if url.VirtualHost != "" {
		return url.VirtualHost
	}
	return netip.AddrPortFrom(c.ConnectIP.Unmap().WithZone(""), c.ConnectPort).String()
}

func methodOf(url *conf.HTTPURL) string {
	switch {
	case url.Method != "":
		return url.Method
	case url.Body != "":
		return "POST"
	}
	return "GET"
}

// request2 is the same request for HTTP/2.
func request2(c *conf.Checker, url *conf.HTTPURL) h2.Request {
	r := h2.Request{Method: methodOf(url), Scheme: "http", Authority: hostOf(c, url), Path: url.Path,
		Body: []byte(url.Body)}
	if c.Kind == conf.SSLGet {
		r.Scheme = "https"
	}
	if !slices.ContainsFunc(url.Headers, func(h conf.HTTPHeader) bool { return strings.EqualFold(h.Name, "User-Agent") }) {
		r.Headers = append(r.Headers, h2.Header{Name: "user-agent", Value: "KeepAliveClient"})
	}
	for _, h := range url.Headers {
		r.Headers = append(r.Headers, h2.Header{Name: strings.ToLower(h.Name), Value: h.Value})
	}
	if url.Body != "" || r.Method == "POST" {
		r.Headers = append(r.Headers, h2.Header{Name: "content-length", Value: strconv.Itoa(len(url.Body))})
	}
	return r
}

// head is the answer up to the empty line.
type head struct {
	status int
	length int64     // Content-Length; -1 without
	chunks bool      // the body comes in chunks
	body   []byte    // what arrived of the body with the head
	text   []byte    // all of it, with the empty line; nil of HTTP/2
	rest   io.Reader // the body, from what is not in body on
}

var endOfHead = []byte("\r\n\r\n")

// readHead reads status line and headers.
func readHead(r io.Reader) (head, error) {
	if s, ok := r.(*stepReader); ok {
		if p, ok := s.conn.(*replay); ok {
			if h, found, err := p.head(); found || err != nil {
				return h, err
			}
		}
	}
	buf := make([]byte, 0, usualHead)
	for {
		if len(buf) == cap(buf) {
			if len(buf) >= maxHead {
				return head{}, fmt.Errorf("its headers do not end within %d bytes", maxHead)
			}
			buf = append(make([]byte, 0, min(4*cap(buf), maxHead)), buf...)
		}
		from := max(len(buf)-3, 0)
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if i := bytes.Index(buf[from:], endOfHead); i >= 0 {
			h, err := parseHead(buf[:from+i+2])
			h.text, h.body = buf[:from+i+4], buf[from+i+4:]
			return h, err
		}
		switch {
		case err == io.EOF && len(buf) == 0:
			return head{}, errors.New("connection closed before any answer")
		case err == io.EOF:
			return head{}, fmt.Errorf("connection closed before the end of the headers, after %s", quote(buf))
		case err != nil:
			return head{}, err
		}
	}
}

// head is what readHead reads, when all of it has arrived: it is read where it is. The error is that
// more may come.
func (r *replay) head() (h head, found bool, err error) {
	there := r.received[r.read:]
	i := bytes.Index(there, endOfHead)
	if i < 0 && r.err == nil && len(there) < maxHead {
		r.more = true
		return head{}, false, errMore
	}
	if i < 0 {
		return head{}, false, nil
	}
	r.read = len(r.received)
	h, err = parseHead(there[:i+2])
	h.text, h.body = there[:i+4], there[i+4:]
	return h, true, err
}

// parseHead reads "HTTP/x NNN ..." and the header lines, each with its CRLF. As with
// keepalived any word does for HTTP/x (a stream says "ICY 200 OK"), a space must follow
// the code, and only Content-Length written exactly so is recognised: digests depend on it.
func parseHead(text []byte) (head, error) {
	h := head{length: -1}
	line, rest, _ := bytes.Cut(text, []byte("\r\n"))
	word, after, ok := bytes.Cut(line, []byte(" "))
	if !ok || len(word) == 0 || len(after) < 4 || after[3] != ' ' {
		return h, fmt.Errorf("%s is not a status line", quote(line))
	}
	for _, digit := range after[:3] {
		if digit < '0' || digit > '9' {
			return h, fmt.Errorf("%s is not a status line", quote(line))
		}
		h.status = h.status*10 + int(digit-'0')
	}
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		if name, coding, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("Transfer-Encoding")) {
			h.chunks = bytes.EqualFold(bytes.TrimSpace(coding), []byte("chunked"))
		}
		value, ok := bytes.CutPrefix(line, []byte("Content-Length:"))
		if !ok || h.length >= 0 {
			continue
		}
		if n, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64); err == nil && n >= 0 {
			h.length = n
		}
	}
	return h, nil
}

func accepted(ranges []conf.StatusRange, status int) bool {
	if len(ranges) == 0 {
		return status >= 200 && status <= 299
	}
	for _, r := range ranges {
		if status >= r.From && status <= r.To {
			return true
		}
	}
	return false
}

// statusText returns the accepted codes in the words of the configuration: "200-299 404".
func statusText(ranges []conf.StatusRange) string {
	if len(ranges) == 0 {
		return "200-299"
	}
	var text []string
	for _, r := range ranges {
		if r.From == r.To {
			text = append(text, strconv.Itoa(r.From))
		} else {
			text = append(text, fmt.Sprintf("%d-%d", r.From, r.To))
		}
	}
	return strings.Join(text, " ")
}

// quote makes text from a server fit for one line of a log.
func quote(b []byte) string {
	const most = 60
	if len(b) > most {
		return strconv.QuoteToASCII(string(b[:most])) + "..."
	}
	return strconv.QuoteToASCII(string(b))
}
