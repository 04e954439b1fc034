package mail_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/notify/mail"
)

const letter = "Subject: x\n\nline\n.a dot\n.\nend\n"

var both = []string{"a@example.org", "b@example.org"}

func send(t *testing.T, s mail.Server) mail.Receipt {
	t.Helper()
	return mail.Deliver(t.Context(), s, "lb@example.org", both, []byte(letter))
}

// TestDeliver: a server gets envelope and text, lines that begin with a dot included.
func TestDeliver(t *testing.T) {
	s := (&smtpd{}).start(t)
	r := send(t, s.server())
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	got := s.got()
	if len(got) != 1 || got[0].from != "lb@example.org" || strings.Join(got[0].to, " ") != strings.Join(both, " ") ||
		got[0].text != letter {
		t.Errorf("the server got %+v", got)
	}
	if !strings.Contains(s.heard(), "EHLO lb1.example.org") || !strings.HasSuffix(s.heard(), "QUIT") {
		t.Errorf("the server heard %q", s.heard())
	}
}

// TestExtensions: those of the server that the mail does not need are not asked for, since a relay may not hand
// such a mail to a server without them.
func TestExtensions(t *testing.T) {
	for _, c := range []struct {
		from, to string
		offered  []string
		want     string
	}{
		{"lb@example.org", "a@example.org", []string{"8BITMIME", "SMTPUTF8"}, "MAIL FROM:<lb@example.org>"},
		{"lb@example.org", "jürgen@example.org", []string{"8BITMIME", "SMTPUTF8"}, "MAIL FROM:<lb@example.org> SMTPUTF8"},
		{"lb@größe.example", "a@example.org", []string{"SMTPUTF8"}, "MAIL FROM:<lb@größe.example> SMTPUTF8"},
		{"lb@größe.example", "a@example.org", nil, "MAIL FROM:<lb@größe.example>"},
	} {
		s := (&smtpd{ehlo: c.offered}).start(t)
		r := mail.Deliver(t.Context(), s.server(), c.from, []string{c.to}, []byte(letter))
		if r.Err != nil || !slices.Contains(strings.Split(s.heard(), "\n"), c.want) {
			t.Errorf("%v; want %q, the server heard %q", r.Err, c.want, s.heard())
		}
	}
	s := (&smtpd{}).start(t)
	r := mail.Deliver(t.Context(), s.server(), "lb@example.org>\r\nRCPT TO:<x@y", both, []byte(letter))
	if r.Err == nil || strings.Contains(s.heard(), "x@y") {
		t.Errorf("a sender of two lines: %v; the server heard %q", r.Err, s.heard())
	}
}

// TestOldServer: HELO is said to a server that does not know EHLO.
func TestOldServer(t *testing.T) {
	s := (&smtpd{replies: map[string]string{"EHLO": "502 unknown"}}).start(t)
	if r := send(t, s.server()); r.Err != nil || len(s.got()) != 1 ||
		!strings.Contains(s.heard(), "HELO lb1.example.org") {
		t.Errorf("%v, the server heard %q", r.Err, s.heard())
	}
}

// TestRefusals: what a refusal is for: a mail that will never be taken is told apart from one that
// may be, and recipients that have it from those that have not.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name    string
		replies map[string]string
		want    string // in the error
		never   bool
		again   []string
		mails   int
	}{
		{"greylisting", map[string]string{"RCPT": "451 4.7.1 try again later"}, "answers 451", false, nil, 0},
		{"sender refused", map[string]string{"MAIL": "550 5.1.8 no sender"}, "answers 550 5.1.8 no sender", true, nil, 0},
		{"relay denied", map[string]string{"RCPT": "554 5.7.1 relay access denied"}, "answers 554", true, nil, 0},
		{"one refused", map[string]string{"RCPT TO:<b@": "550 no such user"}, "sent to 1 of 2: RCPT TO:<b@example.org>", true,
			nil, 1},
		{"one later", map[string]string{"RCPT TO:<b@": "452 full"}, "sent to 1 of 2", false, both[1:], 1},
		{"one never, one later", map[string]string{"RCPT TO:<a@": "550 no", "RCPT TO:<b@": "452 full"}, "452", false, nil, 0},
		{"content refused", map[string]string{"after DATA": "554 5.6.0 spam"}, "554 5.6.0 spam", true, nil, 0},
		{"disk full", map[string]string{"after DATA": "452 4.3.1 full"}, "452", false, nil, 0},
		{"leaves", map[string]string{"RCPT TO:<b@": ""}, "has closed the connection", false, nil, 0},
		{"overloaded", map[string]string{"RCPT TO:<b@": "421 bye"}, "421", false, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := (&smtpd{replies: c.replies}).start(t)
			r := send(t, s.server())
			if r.Err == nil || !strings.Contains(r.Err.Error(), c.want) || r.Never != c.never ||
				strings.Join(r.Again, " ") != strings.Join(c.again, " ") || len(s.got()) != c.mails {
				t.Errorf("got %+v and %d mails, want %q, never %v, again %v, %d mails", r.Outcome, len(s.got()), c.want,
					c.never, c.again, c.mails)
			}
		})
	}
}

// TestHostileServers: none holds up for longer than its time, or is read beyond a limit, and what it
// says appears as one printable line.
func TestHostileServers(t *testing.T) {
	for _, c := range []struct {
		name string
		raw  func(net.Conn)
		want string
	}{
		{"garbage", func(c net.Conn) { c.Write([]byte("\x00\xff\x1b[31mHTTP/1.1 400\r\n\r\n")) }, "does not speak SMTP"},
		{"hangs", func(c net.Conn) { c.Read(make([]byte, 1)) }, "i/o timeout"},
		{"closes", func(net.Conn) {}, "has closed the connection"},
		{"endless line", func(c net.Conn) {
			c.Write([]byte("220 "))
			for chunk := bytes.Repeat([]byte("x"), 1<<16); ; {
				if _, err := c.Write(chunk); err != nil {
					return
				}
			}
		}, "says more than"},
		{"endless lines", func(c net.Conn) {
			for {
				if _, err := c.Write([]byte("220-welcome\r\n")); err != nil {
					return
				}
			}
		}, "says more than"},
		{"not now", func(c net.Conn) { c.Write([]byte("554 5.3.2 go\x07away\x1b[0m\r\n")) }, "answers 554 5.3.2 go away [0m"},
		{"wants TLS", func(c net.Conn) { c.Write([]byte{21, 3, 3, 0, 2, 2, 50}) }, "does not speak SMTP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := (&smtpd{raw: c.raw}).start(t)
			server := s.server()
			server.Timeout = 300 * time.Millisecond
			began := time.Now()
			r := send(t, server)
			if r.Err == nil || r.Never || !strings.Contains(r.Err.Error(), c.want) {
				t.Errorf("%v (never %v), want %q", r.Err, r.Never, c.want)
			}
			if r.Err != nil && (strings.ContainsAny(r.Err.Error(), "\n\r\x1b\x00") || len(r.Err.Error()) > 1500) {
				t.Errorf("the error is no line: %q", r.Err)
			}
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestWholeTimeIsBounded: a server that keeps saying a byte in time does not hold up for ever.
func TestWholeTimeIsBounded(t *testing.T) {
	s := (&smtpd{slow: 20 * time.Millisecond}).start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	r := mail.Deliver(ctx, s.server(), "lb@example.org", both, []byte(letter))
	if r.Err == nil || !strings.Contains(r.Err.Error(), "too slow") {
		t.Error(r.Err)
	}
}

// TestNobodyListens is the plain failure.
func TestNobodyListens(t *testing.T) {
	s := (&smtpd{}).start(t)
	s.listener.Close()
	if r := send(t, s.server()); r.Err == nil || !strings.Contains(r.Err.Error(), "connection refused") {
		t.Error(r.Err)
	}
}

func TestTLS(t *testing.T) {
	settings, ca := certificate(t)
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name                string
		offered, wrapped    bool
		mode, certified, ca string
		want                string // in the error; empty: the mail arrives
		encrypted           bool
	}{
		{"offered", true, false, "", "", "", "", true},
		{"may, offered", true, false, conf.SMTPTLSMay, "", "", "", true},
		{"may, not offered", false, false, conf.SMTPTLSMay, "", "", "", false},
		{"off, offered", true, false, conf.SMTPTLSOff, "", "", "", false},
		{"required", true, false, conf.SMTPTLSRequired, "mx.example.org", ca, "", true},
		{"required, not offered", false, false, conf.SMTPTLSRequired, "mx.example.org", ca, "offers no STARTTLS", false},
		{"required, other name", true, false, conf.SMTPTLSRequired, "other.example.org", ca, "is valid for", false},
		{"required, unknown issuer", true, false, conf.SMTPTLSRequired, "mx.example.org", "", "unknown authority", false},
		{"implicit", true, true, conf.SMTPTLSImplicit, "mx.example.org", ca, "", true},
		{"implicit, plain server", false, false, conf.SMTPTLSImplicit, "mx.example.org", ca, "TLS with the", false},
		{"no file", true, false, conf.SMTPTLSRequired, "mx.example.org", ca + "x", "no such file", false},
		{"a pipe", true, false, conf.SMTPTLSRequired, "mx.example.org", pipe, "not a regular file", false},
		{"no certificates", true, false, conf.SMTPTLSRequired, "mx.example.org", empty, "has none", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &smtpd{wrapped: c.wrapped}
			if c.offered {
				s.tls = settings
			}
			s.start(t)
			server := s.server()
			server.TLS, server.TLSName, server.CA, server.Timeout = c.mode, c.certified, c.ca, time.Second
			r := send(t, server)
			switch got := s.got(); {
			case c.want != "" && (r.Err == nil || !strings.Contains(r.Err.Error(), c.want) || r.Never || len(got) > 0):
				t.Errorf("%v (never %v), %d mails, want %q", r.Err, r.Never, len(got), c.want)
			case c.want == "" && (r.Err != nil || len(got) != 1 || got[0].tls != c.encrypted):
				t.Errorf("%v, the server got %+v", r.Err, got)
			}
		})
	}
}

func TestLogin(t *testing.T) {
	settings, ca := certificate(t)
	const password = "pa ss\"wörd"
	for _, c := range []struct {
		name, offered, method, mode, secret string
		want                                string // in the error; empty: the mail arrives
	}{
		{"plain", "AUTH PLAIN", "", "required", password, ""},
		{"login", "AUTH LOGIN", "", "required", password, ""},
		{"cram-md5", "AUTH CRAM-MD5", "", "required", password, ""},
		{"by word", "AUTH PLAIN LOGIN CRAM-MD5", "LOGIN", "required", password, ""},
		{"wrong", "AUTH PLAIN", "", "required", "nonsense", "answers 535"},
		{"wrong, login", "AUTH LOGIN", "", "required", "nonsense", "answers 535"},
		{"not offered", "AUTH PLAIN", "CRAM-MD5", "required", password, "does not offer CRAM-MD5"},
		{"no AUTH", "8BITMIME", "", "required", password, "does not offer"},
		{"unknown ones", "AUTH GSSAPI", "", "required", password, "does not offer"},
		{"on this host", "AUTH PLAIN", "", "off", password, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := (&smtpd{tls: settings, ehlo: []string{c.offered}, user: "lb", password: password}).start(t)
			server := s.server()
			server.TLS, server.TLSName, server.CA, server.Timeout = c.mode, "mx.example.org", ca, time.Second
			server.User, server.Secret, server.Method = "lb", conf.Secret(c.secret), c.method
			r := send(t, server)
			switch got := s.got(); {
			case c.want != "" && (r.Err == nil || !strings.Contains(r.Err.Error(), c.want) || r.Never || len(got) > 0):
				t.Errorf("%v (never %v), %d mails, want %q", r.Err, r.Never, len(got), c.want)
			case c.want == "" && (r.Err != nil || len(got) != 1 || got[0].user != "lb"):
				t.Errorf("%v, the server got %+v", r.Err, got)
			}
			if r.Err != nil && (strings.Contains(r.Err.Error(), c.secret)) {
				t.Errorf("the error shows the password: %v", r.Err)
			}
		})
	}
}

// TestPasswordStaysHere: one that could be read on the way is not sent, whatever is offered.
func TestPasswordStaysHere(t *testing.T) {
	settings, _ := certificate(t)
	for _, c := range []struct{ name, offered, method, mode, want string }{
		{"clear text", "AUTH PLAIN LOGIN", "", "off", "smtp_tls required or implicit is needed"},
		{"any certificate", "AUTH PLAIN", "", "may", "smtp_tls required or implicit is needed"},
		{"by word", "AUTH PLAIN CRAM-MD5", "LOGIN", "may", "does not offer LOGIN"},
		{"by word, offered", "AUTH LOGIN CRAM-MD5", "LOGIN", "may", "would show the password"},
		{"a hash", "AUTH PLAIN CRAM-MD5", "", "off", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := (&smtpd{tls: settings, ehlo: []string{c.offered}, user: "lb", password: "secret"}).start(t)
			server := s.server()
			server.Host = "0.0.0.0" // this host, but not by a name of its loopback
			server.TLS, server.User, server.Secret, server.Method = c.mode, "lb", "secret", c.method
			r := send(t, server)
			if c.want == "" && r.Err != nil || c.want != "" && (r.Err == nil || !strings.Contains(r.Err.Error(), c.want)) {
				t.Errorf("%v, want %q", r.Err, c.want)
			}
			if said := s.heard(); c.want != "" && strings.Contains(said, "AUTH") {
				t.Errorf("the server heard %q", said)
			}
		})
	}
}
