package load

import (
	"slices"

	"github.com/lvs-director/director/conf"
)

// mailNotes says that words about mail have nothing sent, as with keepalived, which is silent.
func (l *loader) mailNotes() {
	g := &l.Config.Global
	note := func(pos conf.Pos, hint, format string, args ...any) {
		l.Report(conf.Note, pos, nil, "no-mail", format, args...).Hint = hint
	}
	to, hasTo := l.Sources.Source(g, "notification_email")
	server, hasServer := l.Sources.Source(g, "smtp_server")
	if !hasTo && len(g.MailTo) > 0 { // one of them was refused, and with it the place of the word
		hasTo, to = true, server
	}
	switch {
	case hasTo && !hasServer:
		note(to.Pos, "write smtp_server HOST in global_defs", "no mail is sent: smtp_server is missing")
	case hasServer && !hasTo:
		note(server.Pos, "write notification_email in global_defs", "no mail is sent: notification_email has no address")
	case !hasServer:
		if word, pos, found := l.mailAsked(); found {
			note(pos, "", "%s has no effect: no mail is sent without smtp_server and notification_email", word)
		}
	case !l.mails():
		text := "no mail is sent: no smtp_alert asks for it"
		if len(l.Config.VirtualServers) == 0 {
			text += ", and there is no real server, of which it is sent without"
		}
		note(to.Pos, "write smtp_alert in global_defs", "%s", text)
	}
}

// mailAsked is the first word that asks for mail.
func (l *loader) mailAsked() (word string, pos conf.Pos, found bool) {
	g := &l.Config.Global
	asks := func(block any, keyword string, alert conf.Choice) bool {
		if alert != conf.Yes {
			return false // and not looked up: there are many
		}
		src, said := l.Sources.Source(block, keyword)
		word, pos, found = keyword, src.Pos, said
		return said
	}
	switch {
	case asks(g, "smtp_alert", g.SMTPAlert), asks(g, "smtp_alert_vrrp", g.SMTPAlertVRRP),
		asks(g, "smtp_alert_checker", g.SMTPAlertChecks):
		return word, pos, found
	}
	for _, i := range l.Config.Instances {
		if asks(i, "smtp_alert", i.SMTPAlert) {
			return word, pos, found
		}
	}
	for _, s := range l.Config.SyncGroups {
		if asks(s, "smtp_alert", s.SMTPAlert) {
			return word, pos, found
		}
	}
	for _, v := range l.Config.VirtualServers {
		if asks(v, "smtp_alert", v.SMTPAlert) {
			return word, pos, found
		}
		for _, r := range v.RealServers {
			if asks(r, "smtp_alert", r.SMTPAlert) {
				return word, pos, found
			}
		}
	}
	return "", conf.Pos{}, false
}

// mails says whether anything is mailed.
func (l *loader) mails() bool {
	c := l.Config
	return slices.ContainsFunc(c.Instances, func(i *conf.Instance) bool { return i.SMTPAlert == conf.Yes }) ||
		slices.ContainsFunc(c.SyncGroups, func(g *conf.SyncGroup) bool { return g.SMTPAlert == conf.Yes }) ||
		slices.ContainsFunc(c.VirtualServers, func(v *conf.VirtualServer) bool {
			return v.SMTPAlert == conf.Yes ||
				slices.ContainsFunc(v.RealServers, func(r *conf.RealServer) bool { return r.SMTPAlert == conf.Yes })
		})
}
