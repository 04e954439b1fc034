package keyword

import (
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

var globalMail = []keyword[conf.Global]{
	group("notification_email", "{ ADDRESS ... }", 0, setMailTo).shown(func(g *conf.Global) []entryLine {
		return nameLines(g.MailTo)
	}),
	word("notification_email_from", "ADDRESS", "user@host",
		func(g *conf.Global) *string { return &g.MailFrom }).check(func(l *Loader, n *syntax.Node) bool {
		l.cutByComment(n)
		if _, err := mail.ParseAddress(n.Arg(0)); err == nil {
			return true // also with a name before it
		}
		if err := conf.CheckMailAddress(n.Arg(0)); err != nil {
			l.WarnArg(n, 0, "invalid-address", "%s: the line is ignored", value.Clip(err.Error()))
			return false
		}
		return true
	}),
	custom("smtp_server", "HOST|IP [PORT]", "", 1, setSMTPServer, func(g *conf.Global) []string {
		if g.SMTPServer == "" {
			return nil
		}
		return []string{g.SMTPServer, strconv.Itoa(int(g.SMTPPort))}
	}),
	word("smtp_helo_name", "NAME", "the host's name", func(g *conf.Global) *string { return &g.SMTPHello }),
	smtpTimeout(),
	custom("smtp_tls", "off|may|required|implicit [name NAME] [ca FILE]", "may, required with smtp_auth to another "+
		"host", 1, setSMTPTLS, getSMTPTLS).ours().remark("may uses STARTTLS when the server offers it; required and " +
		"implicit verify the certificate"),
	smtpAuth(),
	choice("smtp_alert", "unset", func(g *conf.Global) *conf.Choice { return &g.SMTPAlert }),
	choice("smtp_alert_vrrp", "unset", func(g *conf.Global) *conf.Choice { return &g.SMTPAlertVRRP }),
	choice("smtp_alert_checker", "unset", func(g *conf.Global) *conf.Choice { return &g.SMTPAlertChecks }),
	flag("no_email_faults", func(g *conf.Global) *bool { return &g.NoMailFaults }),
	flag("no_checker_emails", func(g *conf.Global) *bool { return &g.NoCheckerMails }).noEffect("director mails what " +
		"becomes of a real server, never of one of its checks, as keepalived does with this word"),
	flag("checker_log_all_failures", func(g *conf.Global) *bool { return &g.LogAllFailures }),
	flag("rs_init_notifies", func(g *conf.Global) *bool { return &g.InitNotifies }),
}

func setMailTo(l *Loader, n *syntax.Node, g *conf.Global) {
	for _, c := range n.Children() {
		for _, address := range append([]string{c.Keyword.Text}, value.Vector(c)...) {
			if err := conf.CheckMailAddress(address); err != nil {
				l.Warn(c, "invalid-address", "%s: no mail is sent to it", value.Clip(err.Error()))
				continue
			}
			g.MailTo = append(g.MailTo, address)
		}
		l.Entry(g, n.Keyword.Text, c.Keyword.Text, c)
	}
	if len(n.Children()) == 0 {
		l.AtEnd(n, "empty-block", "notification_email is empty")
	}
}

func setSMTPServer(l *Loader, n *syntax.Node, g *conf.Global) {
	host := n.Arg(0)
	if _, err := value.ParseAddr(host); err != nil {
		if !hostName(host) {
			l.WarnArg(n, 0, "invalid-host", "%q is neither an address nor the name of a host: the line is ignored",
				value.Clip(host))
			return
		}
		l.NoteArg(n, 0, "host-name",
			"%s is looked up whenever mail is sent; keepalived looks it up once at start and sends no mail when that fails",
			value.Clip(host))
	}
	g.SMTPServer = host
	if len(n.Args) > 1 {
		if p, ok := l.Port(n, 1); ok {
			g.SMTPPort = p
		}
	}
}

// smtpTimeout is smtp_connect_timeout, of which 0 is 1.
func smtpTimeout() keyword[conf.Global] {
	k := wholeSeconds("smtp_connect_timeout", 1, 4294, "30", func(g *conf.Global) *time.Duration { return &g.SMTPTimeout })
	set := k.set
	k.set = func(l *Loader, n *syntax.Node, g *conf.Global) {
		if n.Arg(0) == "0" {
			l.WarnArg(n, 0, "out-of-range", "smtp_connect_timeout must be above 0: 1 is used")
			l.Taken = true
			g.SMTPTimeout = time.Second
			return
		}
		set(l, n, g)
	}
	return k
}

func setSMTPTLS(l *Loader, n *syntax.Node, g *conf.Global) {
	modes := []string{conf.SMTPTLSOff, conf.SMTPTLSMay, conf.SMTPTLSRequired, conf.SMTPTLSImplicit}
	t := conf.SMTPTLS{Mode: n.Arg(0)}
	if !slices.Contains(modes, t.Mode) {
		l.WarnArg(n, 0, "unknown-value", "smtp_tls cannot be %q: the line is ignored", value.Clip(t.Mode)).Hint = "one of " +
			strings.Join(modes, ", ")
		return
	}
	for i := 1; i < len(n.Args); i += 2 {
		v := n.Arg(i + 1)
		switch {
		case n.Arg(i) == "name" && hostName(v):
			t.Name = v
		case n.Arg(i) == "ca" && strings.HasPrefix(v, "/"):
			t.CA = v
		default:
			l.WarnArg(n, i, "unknown-value", "smtp_tls does not understand %q: the line is ignored",
				value.Clip(strings.TrimSpace(n.Arg(i)+" "+v))).Hint = "after the mode: name NAME, ca /PATH"
			return
		}
	}
	g.SMTPTLS = t
}

func getSMTPTLS(g *conf.Global) []string {
	t := g.SMTPTLS
	words := some(t.Mode)
	if t.Name != "" {
		words = append(words, "name", t.Name)
	}
	if t.CA != "" {
		words = append(words, "ca", t.CA)
	}
	return words
}

// smtpAuth is a user and the file with his password, which never stands in the configuration.
// Nothing of the line is shown when it is wrong: it may be the password itself.
func smtpAuth() keyword[conf.Global] {
	k := keyword[conf.Global]{
		name: "smtp_auth", value: "USER FILE [PLAIN|LOGIN|CRAM-MD5]", deflt: "nobody logs in", need: 2, max: 3, hush: true,
		set: func(l *Loader, n *syntax.Node, g *conf.Global) {
			a := conf.SMTPAuth{User: n.Arg(0), File: n.Arg(1), Method: strings.ToUpper(n.Arg(2))}
			switch {
			case !strings.HasPrefix(a.File, "/"):
				l.WarnArg(n, 1, "no-file", "smtp_auth has no file with the password: the line is ignored").Hint = "write the " +
					"password into a file that only root can read, and the path of that file, from / on, here"
			case a.Method != "" && !slices.Contains(conf.SMTPAuthMethods, a.Method):
				l.WarnArg(n, 2, "unknown-value", "smtp_auth does not know this method: the line is ignored").Hint = "one of " +
					strings.Join(conf.SMTPAuthMethods, ", ")
			default:
				g.SMTPAuth = a
			}
		},
		get: func(g *conf.Global) []string {
			if g.SMTPAuth.User == "" {
				return nil
			}
			return append([]string{g.SMTPAuth.User, g.SMTPAuth.File}, some(g.SMTPAuth.Method)...)
		},
	}
	return k.ours().remark("the password is the first line of the file; it is sent only where nobody can " +
		"read it on the way")
}
