package mail

import (
	"context"
	"net"
	"os/user"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
)

// asksForMail says whether a configuration has mail sent at all.
func asksForMail(g *conf.Global) bool { return g.SMTPServer != "" && len(g.MailTo) > 0 }

// Settings are those of a configuration.
type Settings struct {
	Server Server
	Sender Sender
	To     []string
	// Unusable says why no mail can be sent although some is asked for; empty when it can.
	Unusable string
}

// hostNamePatience is how long a resolver may take to complete the name of this host.
const hostNamePatience = 2 * time.Second

// hostName is the name of this host as keepalived says it: the canonical one, with its domain. Many mail
// servers refuse a name without. Without an answer in time it is the short one.
func hostName(name string) string {
	if name == "" {
		return "localhost"
	}
	if strings.Contains(name, ".") {
		return name
	}
	ctx, cancel := context.WithTimeout(context.Background(), hostNamePatience)
	defer cancel()
	full, err := net.DefaultResolver.LookupCNAME(ctx, name)
	if full = strings.TrimSuffix(full, "."); err != nil || full == "" || conf.CheckMailAddress("root@"+full) != nil {
		return name
	}
	return full
}

// SettingsOf are those of a configuration on a host of that name; on is false when it asks for no mail.
// secret is the one of smtp_auth.
func SettingsOf(g *conf.Global, host string, secret conf.Secret) (s Settings, on bool) {
	if !asksForMail(g) {
		return s, false // keepalived sends none either
	}
	s.Server = Server{
		Host: g.SMTPServer, Port: g.SMTPPort, Hello: orElse(g.SMTPHello, host), Timeout: g.SMTPTimeout,
		TLS: g.SMTPTLS.Mode, TLSName: g.SMTPTLS.Name, CA: g.SMTPTLS.CA,
		User: g.SMTPAuth.User, Method: g.SMTPAuth.Method, Secret: secret,
	}
	if s.Server.TLS == "" && s.Server.User != "" {
		s.Server.TLS = conf.SMTPTLSRequired // a password is not for everybody
		if isLoopback(s.Server.Host) {
			s.Server.TLS = conf.SMTPTLSMay
		}
	}
	if s.Server.User != "" && secret == "" {
		s.Server.NoSecret = g.SMTPAuth.File + " could not be read when the configuration was"
	}
	s.Sender = Sender{Router: line(orElse(g.RouterID, host), 200), From: g.MailFrom, Host: host}
	if s.Sender.From == "" {
		name := "root"
		if u, err := user.Current(); err == nil && u.Username != "" {
			name = u.Username
		}
		s.Sender.From = name + "@" + host
	}
	if _, err := Envelope(s.Sender.From); err != nil {
		s.Unusable = "notification_email_from: " + err.Error()
	}
	for _, a := range g.MailTo {
		if err := conf.CheckMailAddress(a); err != nil {
			continue // the configuration was told
		}
		s.To = append(s.To, a)
	}
	if len(s.To) == 0 {
		s.Unusable = "notification_email has no address that can be used"
	}
	return s, true
}
