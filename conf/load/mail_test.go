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
		{"halves of an address", "notification_email {\n x@y @b a@\n }\n" + server,
			settings{MailTo: []string{"x@y"}, SMTPServer: "192.0.2.1"}, "\"@b\" is not a mail address"},
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

// TestMailThatIsNotSent: director check says of words about mail that nothing comes of them, in one note.
func TestMailThatIsNotSent(t *testing.T) {
	const to, server = "notification_email {\n a@example.org\n}\n", "smtp_server 192.0.2.1\n"
	global := func(words string) string { return "global_defs {\n" + words + "}\n" }
	instance := func(words string) string {
		return "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 192.0.2.9\n }\n" +
			words + "}\n"
	}
	service := func(inVirtual, inReal string) string {
		return "virtual_server 192.0.2.10 80 {\n protocol TCP\n lvs_sched rr\n lvs_method NAT\n" + inVirtual +
			" real_server 10.0.0.1 80 {\n" + inReal + " }\n}\n"
	}
	for _, c := range []struct{ name, text, want string }{
		{"nothing about mail", global("router_id x\n") + instance("") + service("", ""), ""},
		{"all", global(to+server+"smtp_alert\n") + instance(""), ""},
		{"all, of real servers", global(to+server) + service("", ""), ""},
		{"no server", global(to+"smtp_alert\n") + instance(""),
			"mail.conf:2:1: no mail is sent: smtp_server is missing"},
		{"no address", global("smtp_alert\n"+server) + instance(""),
			"mail.conf:3:1: no mail is sent: notification_email has no address"},
		{"no address that can be used", global("notification_email {\n <a@b>\n}\n"+server) + instance(""),
			"mail.conf:5:1: no mail is sent: notification_email has no address"},
		{"neither", global("smtp_alert\n") + instance(""),
			"mail.conf:2:1: smtp_alert has no effect: no mail is sent without smtp_server and notification_email"},
		{"neither, of checks", global("smtp_alert_checker on\n"),
			"mail.conf:2:1: smtp_alert_checker has no effect: no mail is sent without smtp_server and notification_email"},
		{"neither, and no alert", global("smtp_alert off\n") + instance("smtp_alert no\n"), ""},
		{"neither, of an instance", instance("smtp_alert\n"),
			"mail.conf:7:1: smtp_alert has no effect: no mail is sent without smtp_server and notification_email"},
		{"neither, of a group", instance("") + "vrrp_sync_group G {\n group {\n V\n }\n smtp_alert\n}\n",
			"mail.conf:12:2: smtp_alert has no effect: no mail is sent without smtp_server and notification_email"},
		{"neither, of a virtual server", service("smtp_alert\n", ""),
			"mail.conf:5:1: smtp_alert has no effect: no mail is sent without smtp_server and notification_email"},
		{"neither, of a real server", service("", "smtp_alert\n"),
			"mail.conf:6:1: smtp_alert has no effect: no mail is sent without smtp_server and notification_email"},
		{"nothing that is mailed", global(to+server) + instance(""),
			"mail.conf:2:1: no mail is sent: no smtp_alert asks for it, and there is no real server, of which it is sent " +
				"without"},
		{"nothing that is mailed, on purpose", global(to+server) + service("", "smtp_alert no\n"),
			"mail.conf:2:1: no mail is sent: no smtp_alert asks for it"},
		{"one of many", global(to+server) + instance("smtp_alert\n"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, findings := load.LoadText("mail.conf", c.text, load.Options{})
			var said []string
			for _, f := range findings {
				if f.Code == "no-mail" {
					said = append(said, fmt.Sprintf("%s: %s", f.Pos, f.Message))
					if f.Severity != conf.Note {
						t.Errorf("%s is a %s", f, f.Severity)
					}
				}
			}
			if got := strings.Join(said, "\n"); got != c.want {
				t.Errorf("said %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestMailIsSentToTheRest: an odd address among others does not leave notification_email without an address.
func TestMailIsSentToTheRest(t *testing.T) {
	const odd = "notification_email {\n \"a b@c\"\n x@y\n }\n"
	for text, want := range map[string]string{
		odd + "smtp_server 192.0.2.1\n": "no smtp_alert", odd: "smtp_server is missing",
	} {
		_, findings := load.LoadText("mail.conf", "global_defs {\n"+text+"}\n", load.Options{})
		said := fmt.Sprint(findings)
		if strings.Contains(said, "has no address") || !strings.Contains(said, want) {
			t.Errorf("%s:\nsaid %s, want %q", text, said, want)
		}
	}
}
