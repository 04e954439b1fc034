package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/smtp"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lvs-director/director/conf"
)

const (
	// longest is how long one conversation may take: a server that answers one byte a second
	// is slow, not dead.
	longest = 5 * time.Minute
	// maxReplies bounds what is read of a server in one conversation, in bytes.
	maxReplies = 256 << 10
	// maxCA bounds a file of certificates, in bytes.
	maxCA = 4 << 20
)

// Server is whom mail is given to, and how.
type Server struct {
	Host    string // name or address
	Port    uint16
	Hello   string        // for EHLO and HELO
	Timeout time.Duration // for the connection and for each answer
	TLS     string        // conf.SMTPTLSOff and its like; "" is conf.SMTPTLSMay
	TLSName string        // in its certificate; empty is Host
	CA      string        // a file of certificates to trust; empty is the system's
	User    string        // empty: nobody logs in
	Secret  conf.Secret
	Method  string // PLAIN, LOGIN or CRAM-MD5; empty is the best that is offered
	// NoSecret says why the secret could not be read; empty when it was.
	NoSecret string
}

// String is the address to connect to.
func (s Server) String() string { return net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port))) }

// Receipt is how a conversation went.
type Receipt struct {
	Outcome
	Words []string // what is worth knowing: TLS, login, the server's last answer
}

// Deliver gives a message to a server. It returns when the server has answered, time is over or
// ctx ends.
func Deliver(ctx context.Context, s Server, from string, to []string, message []byte) (r Receipt) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	r.Err = s.deliver(ctx, from, to, message, &r)
	if broken := (*tlsError)(nil); errors.As(r.Err, &broken) && s.mayBeClear() && ctx.Err() == nil {
		s.TLS = conf.SMTPTLSOff
		r = Receipt{Words: []string{broken.Error() + ": sent in clear text, which smtp_tls may allows"}}
		r.Err = s.deliver(ctx, from, to, message, &r)
	}
	// The connection may see the end of the time sooner than ctx does.
	if end, _ := ctx.Deadline(); r.Err != nil && !time.Now().Before(end) {
		r.Err = fmt.Errorf("the server was too slow: not done within %v: %w", longest, r.Err)
	}
	return r
}

// mayBeClear says that mail goes in clear text where it cannot be encrypted, as it goes from keepalived.
func (s Server) mayBeClear() bool {
	return s.User == "" && (s.TLS == "" || s.TLS == conf.SMTPTLSMay)
}

// tlsError is that STARTTLS was offered, and did not work.
type tlsError struct{ error }

func (e *tlsError) Unwrap() error { return e.error }

func (s Server) deliver(ctx context.Context, from string, to []string, message []byte, r *Receipt) error {
	if s.User != "" && s.NoSecret != "" {
		return fmt.Errorf("no password for %s: %s", s.User, s.NoSecret)
	}
	dialer := net.Dialer{Timeout: s.Timeout}
	raw, err := dialer.DialContext(ctx, "tcp", s.String())
	if err != nil {
		return fmt.Errorf("connecting to the mail server: %w", err)
	}
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	end, _ := ctx.Deadline()
	var conn net.Conn = &patient{Conn: raw, end: end, each: s.Timeout, left: maxReplies}
	if s.TLS == conf.SMTPTLSImplicit {
		settings, err := s.tls()
		if err != nil {
			return err
		}
		encrypted := tls.Client(conn, settings)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return fmt.Errorf("TLS with the mail server: %w", err)
		}
		r.Words = append(r.Words, "TLS, the certificate is verified")
		conn = encrypted
	}
	c, err := smtp.NewClient(conn, s.Host)
	if err != nil {
		return said("greeting of the mail server", err)
	}
	defer c.Close()
	return s.talk(c, from, to, message, r)
}

// talk is the conversation after the greeting.
func (s Server) talk(c *smtp.Client, from string, to []string, message []byte, r *Receipt) error {
	if err := c.Hello(s.Hello); err != nil {
		return said("EHLO and HELO", err)
	}
	verified := s.TLS == conf.SMTPTLSImplicit
	if err := s.startTLS(c, r, &verified); err != nil {
		return err
	}
	if s.User != "" {
		if err := s.login(c, r, verified); err != nil {
			return err
		}
	}
	if err := mailFrom(c, from, to); err != nil {
		r.Never = final(err)
		return said("MAIL FROM:<"+from+">", err)
	}
	var o Outcome
	var answers []string
	for _, a := range to {
		err := c.Rcpt(a)
		if err == nil {
			o.Taken = append(o.Taken, a)
			continue
		}
		said := said("RCPT TO:<"+a+">", err)
		if !isReply(err) {
			return said
		}
		answers = append(answers, said.Error())
		if final(err) {
			o.Refused = append(o.Refused, Refusal{a, said.Error()})
		} else {
			o.Again = append(o.Again, a)
		}
	}
	if len(o.Taken) == 0 {
		r.Never = len(o.Again) == 0
		return errors.New(strings.Join(answers, "; "))
	}
	if err := s.data(c, message, r); err != nil {
		return err
	}
	_ = c.Quit() // the mail is theirs
	if len(answers) > 0 {
		r.Outcome = o
		r.Never = len(o.Again) == 0
		return fmt.Errorf("sent to %d of %d: %s", len(o.Taken), len(to), strings.Join(answers, "; "))
	}
	r.Words = append(r.Words, fmt.Sprintf("accepted for %s", strings.Join(to, ", ")))
	return nil
}

func (s Server) data(c *smtp.Client, message []byte, r *Receipt) error {
	w, err := c.Data()
	if err != nil {
		r.Never = final(err)
		return said("DATA", err)
	}
	if _, err = w.Write(message); err == nil {
		err = w.Close()
	}
	if err != nil {
		r.Never = final(err)
		return said("the mail", err)
	}
	return nil
}

// startTLS encrypts the conversation if that is wanted and can be had.
func (s Server) startTLS(c *smtp.Client, r *Receipt, verified *bool) error {
	if s.TLS == conf.SMTPTLSOff || s.TLS == conf.SMTPTLSImplicit {
		return nil
	}
	offered, _ := c.Extension("STARTTLS")
	if !offered {
		if s.TLS == conf.SMTPTLSRequired {
			return errors.New("the mail server offers no STARTTLS, and smtp_tls demands it")
		}
		return nil
	}
	settings, err := s.tls()
	if err != nil {
		return err
	}
	if err := c.StartTLS(settings); err != nil {
		return &tlsError{said("STARTTLS", err)}
	}
	*verified = s.TLS == conf.SMTPTLSRequired
	if *verified {
		r.Words = append(r.Words, "STARTTLS, the certificate is verified")
	} else {
		r.Words = append(r.Words, "STARTTLS, the certificate is not looked at")
	}
	return nil
}

// tls are the settings for the server. Without a demand the certificate is not looked at: the
// alternative is to send the mail in clear text.
func (s Server) tls() (*tls.Config, error) {
	t := &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12}
	if s.TLSName != "" {
		t.ServerName = s.TLSName
	}
	if s.TLS != conf.SMTPTLSRequired && s.TLS != conf.SMTPTLSImplicit {
		t.InsecureSkipVerify = true
		return t, nil
	}
	if s.CA == "" {
		return t, nil
	}
	pem, err := readBounded(s.CA, maxCA)
	if err != nil {
		return nil, fmt.Errorf("certificates for the mail server: %w", err)
	}
	t.RootCAs = x509.NewCertPool()
	if !t.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("certificates for the mail server: %s has none", s.CA)
	}
	return t, nil
}

func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not be waited for
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fmt.Errorf("%s is not a regular file", name))
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	return text, err
}

// login authenticates. A password is sent as it is only where nobody else can read it.
func (s Server) login(c *smtp.Client, r *Receipt, verified bool) error {
	_, offered := c.Extension("AUTH")
	methods := strings.Fields(strings.ToUpper(offered))
	safe := verified || isLoopback(s.Host)
	method := s.Method
	if method == "" {
		choice := []string{"CRAM-MD5"}
		if safe {
			choice = []string{"PLAIN", "LOGIN", "CRAM-MD5"}
		}
		for _, m := range choice {
			if slices.Contains(methods, m) {
				method = m
				break
			}
		}
	}
	switch {
	case method == "" && len(methods) > 0 && !safe:
		return fmt.Errorf("logging in to the mail server: it offers %s, and the password could be read on the way: "+
			"smtp_tls required or implicit is needed", line(strings.Join(methods, " "), maxText))
	case !slices.Contains(methods, method) || method == "":
		return fmt.Errorf("logging in to the mail server: it does not offer %s (offered: %q)",
			orElse(method, "PLAIN, LOGIN or CRAM-MD5"), line(strings.Join(methods, " "), maxText))
	case method != "CRAM-MD5" && !safe:
		return fmt.Errorf("logging in to the mail server: %s would show the password on the way: "+
			"smtp_tls required or implicit is needed", method)
	}
	var auth smtp.Auth = &clearLogin{method: method, user: s.User, secret: s.Secret}
	if method == "CRAM-MD5" {
		auth = smtp.CRAMMD5Auth(s.User, string(s.Secret))
	}
	if err := c.Auth(auth); err != nil {
		return said("logging in to the mail server as "+s.User+" with "+method, err)
	}
	r.Words = append(r.Words, "logged in as "+s.User+" with "+method)
	return nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// clearLogin is PLAIN (RFC 4616) and LOGIN, which show the password to the server.
type clearLogin struct {
	method, user string
	secret       conf.Secret
	asked        int
}

// Start begins the exchange.
func (a *clearLogin) Start(*smtp.ServerInfo) (string, []byte, error) {
	if a.method == "PLAIN" {
		return a.method, []byte("\x00" + a.user + "\x00" + string(a.secret)), nil
	}
	return a.method, nil, nil
}

// Next answers the server: of LOGIN the user, then the password.
func (a *clearLogin) Next(_ []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	a.asked++
	switch {
	case a.method == "LOGIN" && a.asked == 1:
		return []byte(a.user), nil
	case a.method == "LOGIN" && a.asked == 2:
		return []byte(a.secret), nil
	}
	return nil, errors.New("the server asks for more than " + a.method + " has")
}

// said puts what a server has answered into an error of one line.
func said(what string, err error) error {
	if reply := (*textproto.Error)(nil); errors.As(err, &reply) {
		return fmt.Errorf("%s: the mail server answers %d %s", line(what, maxText), reply.Code, line(reply.Msg, 200))
	}
	if reply := textproto.ProtocolError(""); errors.As(err, &reply) {
		return fmt.Errorf("%s: the mail server does not speak SMTP: %s", line(what, maxText), line(string(reply), 200))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s: the mail server has closed the connection", line(what, maxText))
	}
	return fmt.Errorf("%s: %w", line(what, maxText), err)
}

// isReply says that the server has answered, and the conversation goes on.
func isReply(err error) bool {
	reply := (*textproto.Error)(nil)
	return errors.As(err, &reply) && reply.Code != 421
}

// final says that a server has refused for good (RFC 5321 section 4.2.1).
func final(err error) bool {
	reply := (*textproto.Error)(nil)
	return errors.As(err, &reply) && reply.Code >= 500 && reply.Code < 600
}

// patient is a connection that waits for each answer, and in all, for so long and reads so
// much.
type patient struct {
	net.Conn
	end  time.Time
	each time.Duration
	left int
}

var errTooMuch = fmt.Errorf("the mail server says more than %d bytes", maxReplies)

func (p *patient) deadline() time.Time {
	if d := time.Now().Add(p.each); d.Before(p.end) {
		return d
	}
	return p.end
}

// Read reads, within the time and the size that are left.
func (p *patient) Read(b []byte) (int, error) {
	if p.left <= 0 {
		return 0, errTooMuch
	}
	if err := p.SetReadDeadline(p.deadline()); err != nil {
		return 0, err
	}
	n, err := p.Conn.Read(b[:min(len(b), p.left)])
	p.left -= n
	return n, err
}

// Write writes within the time that is left.
func (p *patient) Write(b []byte) (int, error) {
	if err := p.SetWriteDeadline(p.deadline()); err != nil {
		return 0, err
	}
	return p.Conn.Write(b)
}
