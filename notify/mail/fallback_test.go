package mail_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/notify/mail"
)

// TestAnotherServerHasNoFault: what the server before has refused for good is no problem of the one that a
// reload names, and a test mail that arrives ends the problem.
func TestAnotherServerHasNoFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuses := true
		m := mail.NewWith(slog.New(slog.DiscardHandler),
			func(context.Context, mail.Server, string, []string, []byte) (r mail.Receipt) {
				if refuses {
					r.Err, r.Never = errors.New("the mail server answers 554 relay access denied"), true
				}
				return r
			})
		cfg := site(t, "", "", "", "")
		m.Apply(cfg)
		m.Told(down(1))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		refuses = false
		moved := *cfg
		moved.Global.SMTPServer = "192.0.2.99"
		m.Apply(&moved)
		synctest.Wait()
		if s, _ := m.Status(); s.Problem() != "" {
			t.Errorf("after the reload: %s", s.Problem())
		}
		if _, _, _, err := m.Test(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(24 * time.Hour)
		if s, _ := m.Status(); s.Problem() != "" {
			t.Errorf("a day after a test mail was taken: %s", s.Problem())
		}
		stop(m)
	})
}

// TestTLSThatFailsIsNotNeeded: with smtp_tls may a server whose STARTTLS does not work gets the mail in clear.
func TestTLSThatFailsIsNotNeeded(t *testing.T) {
	old, _ := certificate(t)
	old.MaxVersion = tls.VersionTLS11
	for name, s := range map[string]*smtpd{
		"refused": {ehlo: []string{"STARTTLS"},
			replies: map[string]string{"STARTTLS": "454 4.7.0 TLS not available due to local problem"}},
		"too old": {tls: old},
	} {
		t.Run(name, func(t *testing.T) {
			s.start(t)
			if r := send(t, s.server()); r.Err != nil || len(s.got()) != 1 {
				t.Errorf("%v; %d mails; heard %s", r.Err, len(s.got()), strings.ReplaceAll(s.heard(), "\n", ", "))
			}
		})
	}
}

// TestNameOfTheHost: mail servers refuse a name without a domain, so the greeting, the sender and the subject
// have the full one. It is asked for again until it has a domain.
func TestNameOfTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := ""
		var from, hello string
		m := mail.NewOn(slog.New(slog.DiscardHandler),
			func(_ context.Context, s mail.Server, f string, _ []string, _ []byte) (r mail.Receipt) {
				from, hello = f, s.Hello
				return r
			}, func(name string) string { return name + full })
		for _, full = range []string{"", ".example.org"} {
			m.Apply(site(t, "", "", "", ""))
			if _, _, _, err := m.Test(t.Context()); err != nil {
				t.Error(err)
			}
			if !strings.HasSuffix(from, full) || !strings.HasSuffix(hello, full) {
				t.Errorf("the sender is %q, the greeting %q, want the name with %q", from, hello, full)
			}
		}
		stop(m)
	})
	for name, want := range map[string]string{"": "localhost", "lb1.example.org": "lb1.example.org"} {
		if got := mail.HostName(name); got != want {
			t.Errorf("%q is completed to %q, want %q", name, got, want)
		}
	}
}
