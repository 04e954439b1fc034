package load_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
)

// settings are those of mail.
type settings struct {
	MailTo               []string
	MailFrom, SMTPServer string
	SMTPTLS              conf.SMTPTLS
	SMTPAuth             conf.SMTPAuth
}

// TestMail: what the words of mail mean, and what is said of those that mean nothing.
func TestMail(t *testing.T) {
	const to, server = "notification_email {\n a@example.org\n root b@example.org\n }\n", "smtp_server 192.0.2.1 2525\n"
	for _, c := range []struct {
		name, text string
		want       settings
		said       string // in the findings
	}{
		{"all", to + server + "smtp_tls required name mx.example.org ca /etc/ca.pem\nsmtp_auth lb /etc/pw plain\n",
			settings{MailTo: []string{"a@example.org", "root", "b@example.org"}, SMTPServer: "192.0.2.1",
				SMTPTLS:  conf.SMTPTLS{Mode: conf.SMTPTLSRequired, Name: "mx.example.org", CA: "/etc/ca.pem"},
				SMTPAuth: conf.SMTPAuth{User: "lb", File: "/etc/pw", Method: "PLAIN"}}, ""},
		{"no server", to, settings{MailTo: []string{"a@example.org", "root", "b@example.org"}},
			""},
		{"no address", server, settings{SMTPServer: "192.0.2.1"}, ""},
		{"odd addresses", "notification_email {\n \"a b@c\"\n <a@b>\n x@y\n \"a@b\\nRCPT\" }\n" + server,
			settings{MailTo: []string{"x@y"}, SMTPServer: "192.0.2.1"}, "is not a mail address"},
		{"odd sender", "notification_email_from \"a b@c\"\n", settings{}, "is not a mail address"},
		{"sender with a name", "notification_email_from \"LB one <lb@c>\"\n", settings{MailFrom: "LB one <lb@c>"}, ""},
		{"odd mode", "smtp_tls maybe\n", settings{}, "smtp_tls cannot be \"maybe\""},
		{"odd option", "smtp_tls may key /x\n", settings{}, "does not understand \"key /x\""},
		{"half an option", "smtp_tls may ca\n", settings{}, "does not understand \"ca\""},
		{"a password in the file", "smtp_auth lb hush\n", settings{}, "no file with the password"},
		{"odd method", "smtp_auth lb /etc/pw hush\n", settings{}, "does not know this method"},
		{"clear text", to + server + "smtp_auth lb /etc/pw\nsmtp_tls off\n",
			settings{MailTo: []string{"a@example.org", "root", "b@example.org"}, SMTPServer: "192.0.2.1",
				SMTPTLS: conf.SMTPTLS{Mode: "off"}, SMTPAuth: conf.SMTPAuth{User: "lb", File: "/etc/pw"}},
			""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, findings := load.LoadText("mail.conf", "global_defs {\n"+c.text+"}\n", load.Options{})
			g := cfg.Global
			got := settings{g.MailTo, g.MailFrom, g.SMTPServer, g.SMTPTLS, g.SMTPAuth}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
			said := fmt.Sprint(findings)
			if !strings.Contains(said, c.said) || strings.Contains(said, "hush") {
				t.Errorf("said %s, want %q", said, c.said)
			}
		})
	}
}
