//go:build linux

package native_test

import (
	"fmt"
	"io"
	netmail "net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// eximConf takes mail for example.org over TLS only and puts all of it into one mailbox.
const eximConf = `primary_hostname = mail.example
local_interfaces = %v
daemon_smtp_ports = %d
spool_directory = /run/spool
log_file_path = /run/spool/%%slog
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
tls_advertise_hosts = *
tls_certificate = /etc/mail.example.pem
tls_privatekey = /etc/mail.example.key
acl_smtp_rcpt = recipients
begin acl
recipients:
  require message = TLS first
          encrypted = *
  require message = not here
          domains = example.org
          local_parts = ops : boss
  accept
begin routers
all:
  driver = accept
  transport = mailbox
begin transports
mailbox:
  driver = appendfile
  file = /etc/mail/box
  envelope_to_add
  batch_max = 10
  user = mail
  group = mail
`

// letter is a mail as it lies in the mailbox.
type letter struct {
	From, To, Subject, Line string
	Encrypted               bool // on its way to the server
}

// inBox reads a mailbox in mbox form; a mail that is not whole yet comes later.
func inBox(t *testing.T, path string) (list []letter) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	for _, one := range regexp.MustCompile(`(?m)^From .*\n`).Split(string(text), -1)[1:] {
		m, err := netmail.ReadMessage(strings.NewReader(one))
		if err != nil {
			t.Logf("%v\n%s", err, one)
			break
		}
		body, err := io.ReadAll(m.Body)
		if err != nil {
			t.Fatal(err)
		}
		line, _, whole := strings.Cut(string(body), "\n")
		if !whole {
			break
		}
		list = append(list, letter{m.Header.Get("From"), m.Header.Get("Envelope-To"), m.Header.Get("Subject"), line,
			strings.Contains(m.Header.Get("Received"), "with esmtps ")})
	}
	return list
}

// TestMailThroughExim: director's mails pass a real server, by STARTTLS with its certificate verified, and lie in
// the mailbox with keepalived's words; one recipient that the server does not know keeps none from the others.
func TestMailThroughExim(t *testing.T) {
	site := vrrpOnly(t)
	s := newServer(t, stage.Unpacked(t, "exim4-daemon-light", "usr/sbin/exim4"))
	s.host = site.Dirs[0]
	sign(t, s, "mail.example", newAuthority(t, s, "authority"))
	port := s.port()
	s.file("exim4/exim4.conf", fmt.Sprintf(eximConf, s.addr, port))
	s.file("mail/empty", "")
	if err := os.Chown(filepath.Join(s.dir, "mail"), 8, 8); err != nil {
		t.Fatal(err)
	}
	s.start("install -d -o mail -g mail /run/spool; exec exim4 -bdf")

	director := stage.Director()
	r := site.Run(t, [2]pair.Kind{director, director}, func(i int, c *pair.Config) {
		c.Service, c.Interval = false, 100*time.Millisecond
		if i == 0 {
			c.Global = append(c.Global, "notification_email { ops@example.org nobody@example.org boss@example.org }",
				"notification_email_from \"LB one <lb@example.net>\"", fmt.Sprintf("smtp_server %v %d", s.addr, port),
				"smtp_tls required name mail.example ca "+filepath.Join(s.dir, "authority.pem"), "smtp_alert")
		}
	})
	box := filepath.Join(s.dir, "mail", "box")
	const limit = 40 * time.Second
	r.Lab.Until(limit, "MASTER is in the mailbox", func() bool { return len(inBox(t, box)) >= 1 })
	out, _ := r.Dirs[0].Output(r.Daemons[0].AskCommand("notify", "test")...)
	for _, want := range []string{"sent to 2 of 3: RCPT TO:<nobody@example.org>: the mail server answers 550 not here",
		"STARTTLS, the certificate is verified"} {
		if !strings.Contains(out, want) {
			t.Errorf("director notify test: want %q in\n%s", want, out)
		}
	}
	r.Lab.Until(limit, "the test is in the mailbox", func() bool { return len(inBox(t, box)) >= 2 })
	r.Dirs[0].Unplug("eth1")
	r.Lab.Until(limit, "FAULT is in the mailbox", func() bool { return len(inBox(t, box)) >= 3 })

	name := r.Dirs[0].Name
	mail := func(subject, line string) letter {
		return letter{`"LB one" <lb@example.net>`, "ops@example.org, boss@example.org", "[" + name + "] " + subject, line, true}
	}
	if diff := cmp.Diff([]letter{
		mail("VRRP Instance VI_1 - Entering MASTER state", "=> VRRP Instance is now owning VRRP VIPs <="),
		mail("Test of notifications", "=> Nothing has happened: somebody has typed director notify test <="),
		mail("VRRP Instance VI_1 - Entering FAULT state", "=> VRRP Instance is no longer owning VRRP VIPs <="),
	}, inBox(t, box)); diff != "" {
		t.Errorf("in the mailbox (-want +got):\n%s", diff)
	}
}
