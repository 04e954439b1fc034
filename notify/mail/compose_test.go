package mail_test

import (
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/notify/mail"
)

var (
	noon   = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	sender = mail.Sender{Router: "R1", From: "lb@example.org", Host: "lb1"}
)

func news(subject string) mail.News {
	return mail.News{At: noon, Subject: subject, Body: "=> body <=", Detail: "why"}
}

// read is a message as a mail reader sees it.
func read(t *testing.T, text []byte) (h netmail.Header, subject, body string) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(string(text)))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for n, l := range strings.Split(string(text), "\n") {
		if len(l) > 998 || strings.Contains(l, "\r") {
			t.Errorf("line %d has %d bytes, or a CR", n, len(l))
		}
	}
	if subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Error(err)
	}
	in := io.Reader(m.Body)
	if m.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		in = quotedprintable.NewReader(in)
	}
	b, err := io.ReadAll(in)
	if err != nil {
		t.Error(err)
	}
	return m.Header, subject, string(b)
}

// TestOneChange: the mail has keepalived's subject and line, and the headers of RFC 5322.
func TestOneChange(t *testing.T) {
	m := &mail.Mail{ID: "0123abcd", At: noon, News: []mail.News{news("VRRP Instance VI_1 - Entering MASTER state")}}
	h, subject, body := read(t, mail.Compose(m, sender, []string{"a@example.org", "b@example.org"}))
	if subject != "[R1] VRRP Instance VI_1 - Entering MASTER state" || !strings.HasPrefix(body, "=> body <=\n\n") ||
		!strings.Contains(body, "Reason: why\n") {
		t.Errorf("%q\n%s", subject, body)
	}
	for name, want := range map[string]string{
		"From": "lb@example.org", "To": "a@example.org, b@example.org", "Message-Id": "<0123abcd@lb1>",
		"Date": "Sat, 28 Nov 2026 12:00:00 +0000", "Auto-Submitted": "auto-generated", "Mime-Version": "1.0",
	} {
		if h.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, h.Get(name), want)
		}
	}
	if _, err := h.AddressList("To"); err != nil {
		t.Error(err)
	}
}

// TestManyChanges are one mail that lists them, named after what is worst.
func TestManyChanges(t *testing.T) {
	m := &mail.Mail{ID: "1", At: noon, Left: 7}
	for n := range 200 {
		m.News = append(m.News, news(fmt.Sprintf("Realserver %d - DOWN", n)))
	}
	m.News[150].Subject, m.News[150].Urgent = "VRRP Instance VI_1 - Entering FAULT state", true
	_, subject, body := read(t, mail.Compose(m, sender, []string{"a@example.org"}))
	if subject != "[R1] VRRP Instance VI_1 - Entering FAULT state (and 206 more)" {
		t.Error(subject)
	}
	if strings.Count(body, "=> body <=") != 200 || !strings.Contains(body, "7 older changes are not listed") ||
		strings.Index(body, "Realserver 3 ") > strings.Index(body, "Realserver 4 ") {
		t.Error(body)
	}
}

// TestNothingBreaksOut: no name, reason or address makes a header, a recipient or another mail.
func TestNothingBreaksOut(t *testing.T) {
	const evil = "x\r\nBcc: thief@example.net\r\n\r\n.\r\nMAIL FROM:<thief>\u2028\x00\x1b[31m\"'%s%n\xff"
	for _, long := range []string{"", strings.Repeat("y", 5000), strings.Repeat("ü", 5000)} {
		text := evil + long
		m := &mail.Mail{ID: text, At: noon, News: []mail.News{
			{At: noon, Subject: text, Body: text, Detail: text}, {At: noon, Subject: text, Body: text, Detail: text},
		}}
		for _, m := range []*mail.Mail{m, {ID: text, At: noon, News: m.News[:1]}} {
			from := mail.Sender{Router: evil, From: evil, Host: evil}
			h, subject, body := read(t, mail.Compose(m, from, []string{"a@example.org", evil}))
			if len(h) != 10 || h.Get("Bcc") != "" || strings.ContainsAny(subject, "\r\n\x00\x1b") {
				t.Errorf("headers %q", h)
			}
			if strings.ContainsAny(body, "\r\x00\x1b") || strings.Contains(body, "\n.\n") {
				t.Errorf("the body is %q", body)
			}
		}
	}
}

// TestSizeIsBounded whatever is told.
func TestSizeIsBounded(t *testing.T) {
	m := &mail.Mail{ID: "1", At: noon}
	for range 5000 {
		n := news(strings.Repeat("x", 1000))
		n.Detail = strings.Repeat("ü", 1000)
		m.News = append(m.News, n)
	}
	text := mail.Compose(m, sender, []string{"a@example.org"})
	if len(text) > 8<<20 {
		t.Errorf("the mail has %d bytes", len(text))
	}
	if _, _, body := read(t, text); !strings.Contains(body, "more are not listed") {
		t.Error("the mail does not say that it lists not all")
	}
}

// TestSenders: with a name or without, and what is none.
func TestSenders(t *testing.T) {
	for from, want := range map[string]string{
		"lb@example.org": "lb@example.org", "Director <lb@example.org>": "lb@example.org", "root": "root",
		"a b": "", "a\r\nb@c": "", "<a@b": "", "": "",
	} {
		got, err := mail.Envelope(from)
		if (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%q: %q, %v, want %q", from, got, err, want)
		}
	}
}
