package mail

import (
	"bytes"
	"fmt"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"time"
	"unicode"

	"github.com/lvs-director/director/conf"
)

const (
	maxText    = 500     // characters of a line about one thing
	maxSubject = 400     // characters
	maxBody    = 3 << 20 // bytes, before its encoding: servers take 10 MB
	manyNews   = 200     // changes from which on keepalived's line about each is left out
	timeForm   = "2006-01-02 15:04:05.000 -0700"
)

// Sender is who sends, as the receiver sees it.
type Sender struct {
	Router string // router_id
	From   string // an address, also with a name: "Director <lb@example.org>"
	Host   string // of this host, for Message-ID
}

// Envelope is the address of a sender without its name.
func Envelope(from string) (string, error) {
	from = strings.TrimSpace(from)
	if a, err := netmail.ParseAddress(from); err == nil {
		return a.Address, nil
	}
	return from, conf.CheckMailAddress(from) // "root" is one, for a server on this host
}

// Compose is the message of a mail: its headers and its body, with LF at the ends of lines.
func Compose(m *Mail, from Sender, to []string) []byte {
	subject, body := text(m)
	if from.Router != "" {
		subject = "[" + from.Router + "] " + subject
	}
	var b bytes.Buffer
	header := func(name, value string) { fmt.Fprintf(&b, "%s: %s\n", name, value) }
	header("Date", m.At.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	header("From", address(from.From))
	header("Subject", encoded(line(subject, maxSubject)))
	header("To", strings.Join(mapped(to, address), ",\n "))
	header("Message-ID", "<"+word(m.ID)+"@"+word(from.Host)+">")
	header("X-Mailer", "director")
	header("Auto-Submitted", "auto-generated") // RFC 3834: nobody is to answer it by a machine
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	if plain(body) {
		header("Content-Transfer-Encoding", "7bit")
		b.WriteByte('\n')
		b.WriteString(body)
		return b.Bytes()
	}
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteByte('\n')
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(body)) // into memory
	_ = w.Close()
	return bytes.ReplaceAll(b.Bytes(), []byte("\r\n"), []byte("\n"))
}

// text is the subject, without the router, and the body of a mail.
func text(m *Mail) (subject, body string) {
	var b strings.Builder
	if len(m.News) == 0 {
		return "nothing", ""
	}
	if len(m.News) == 1 && m.Left == 0 {
		n := m.News[0]
		b.WriteString(line(n.Body, maxText) + "\n\n")
		b.WriteString("Time: " + n.At.Format(timeForm) + "\n")
		if n.Detail != "" {
			b.WriteString("Reason: " + line(n.Detail, maxText) + "\n")
		}
		return n.Subject, b.String()
	}
	chief := m.News[0]
	for _, n := range m.News {
		if n.Urgent && !chief.Urgent {
			chief = n
		}
	}
	subject = line(chief.Subject, maxSubject-60)
	if more := len(m.News) - 1 + m.Left; more == 1 {
		subject += " (and 1 more)"
	} else {
		subject += fmt.Sprintf(" (and %d more)", more)
	}
	fmt.Fprintf(&b, "%d changes, in the order in which they were noticed:\n\n", len(m.News))
	if m.Left > 0 {
		fmt.Fprintf(&b, "%d older changes are not listed: too many waited. director status shows the present state.\n\n",
			m.Left)
	}
	for i, n := range m.News {
		if b.Len() > maxBody {
			fmt.Fprintf(&b, "%d more are not listed: the mail would be too long.\n", len(m.News)-i)
			break
		}
		fmt.Fprintf(&b, "%s %s\n", n.At.Format(timeForm), line(n.Subject, maxText))
		if len(m.News) <= manyNews {
			fmt.Fprintf(&b, "    %s\n", line(n.Body, maxText))
		}
		if n.Detail != "" {
			fmt.Fprintf(&b, "    %s\n", line(n.Detail, maxText))
		}
	}
	return subject, b.String()
}

// line is a text as one line without anything that could begin another one.
func line(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "?"))
	return clip(strings.TrimSpace(s), limit)
}

// clip shortens a text to so many characters.
func clip(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "..."
	}
	return s
}

// encoded is a header's value: RFC 2047 when it is not ASCII, with no line above 998 octets.
func encoded(s string) string {
	return strings.ReplaceAll(mime.QEncoding.Encode("utf-8", s), "?= =?", "?=\n =?")
}

// address is one for a header.
func address(s string) string {
	if a, err := netmail.ParseAddress(s); err == nil {
		if a.Name == "" {
			return word(a.Address)
		}
		return a.String()
	}
	return word(s)
}

// word is a text in which nothing ends a header or an address.
func word(s string) string {
	return clip(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.IsSpace(r) || r == '<' || r == '>' {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(s, "?")), 240)
}

func mapped(list []string, f func(string) string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = f(s)
	}
	return out
}

// plain says whether a body needs no encoding: ASCII, and lines that every server takes.
func plain(body string) bool {
	length := 0
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '\n':
			length = 0
			continue
		case c < ' ' || c > '~':
			return false
		}
		if length++; length > 900 {
			return false
		}
	}
	return true
}

// TestMail is the mail by which somebody tries whether mail arrives.
func TestMail(id string, now time.Time) *Mail {
	return &Mail{ID: id, At: now, News: []News{{
		At: now, Subject: "Test of notifications",
		Body: "=> Nothing has happened: somebody has typed director notify test <=",
	}}}
}
