package mail_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lvs-director/director/notify/mail"
)

// smtpd is a scripted SMTP server. What it says differs from an ordinary one where a field says so.
type smtpd struct {
	greeting string            // default 220
	ehlo     []string          // extensions
	replies  map[string]string // by the beginning of a command: "RCPT TO:<b@" -> "550 no"
	tls      *tls.Config       // STARTTLS is offered
	wrapped  bool              // TLS from the first byte
	user     string            // AUTH is offered
	password string
	raw      func(net.Conn) // instead of all that
	slow     time.Duration  // before each byte

	listener net.Listener
	mu       sync.Mutex
	mails    []received
	commands []string
	conns    int
}

// received is a mail that was taken, dots unstuffed, with LF at the ends of lines.
type received struct {
	from string
	to   []string
	text string
	tls  bool
	user string
}

func (s *smtpd) start(t *testing.T) *smtpd {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.listener = l
	var wg sync.WaitGroup
	open := make(map[net.Conn]bool)
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns++
			open[c] = true
			s.mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				s.serve(c)
				s.mu.Lock()
				delete(open, c)
				s.mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for c := range open {
			c.Close()
		}
		s.mu.Unlock()
		wg.Wait()
	})
	return s
}

func (s *smtpd) server() mail.Server {
	a := s.listener.Addr().(*net.TCPAddr)
	return mail.Server{Host: "127.0.0.1", Port: uint16(a.Port), Hello: "lb1.example.org", Timeout: 5 * time.Second}
}

func (s *smtpd) got() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.mails...)
}

func (s *smtpd) heard() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.commands, "\n")
}

func (s *smtpd) serve(c net.Conn) {
	if s.raw != nil {
		s.raw(c)
		return
	}
	if s.wrapped {
		c = tls.Server(c, s.tls)
	}
	r := bufio.NewReader(c)
	say := func(text string) {
		for _, b := range []byte(text + "\r\n") {
			if s.slow > 0 {
				time.Sleep(s.slow)
				c.Write([]byte{b})
			}
		}
		if s.slow == 0 {
			c.Write([]byte(text + "\r\n"))
		}
	}
	line := func() (string, bool) {
		text, err := r.ReadString('\n')
		return strings.TrimSuffix(text, "\r\n"), err == nil
	}
	say(or(s.greeting, "220 mx.example.org ESMTP"))
	m := received{tls: s.wrapped}
	for {
		cmd, ok := line()
		if !ok {
			return
		}
		s.mu.Lock()
		s.commands = append(s.commands, cmd)
		s.mu.Unlock()
		verb := strings.ToUpper(strings.SplitN(cmd, " ", 2)[0])
		reply := "250 ok"
		for begin, text := range s.replies {
			if strings.HasPrefix(cmd, begin) {
				reply = text
			}
		}
		if reply == "" { // hang up
			return
		}
		if reply != "250 ok" && !strings.HasPrefix(reply, "2") {
			say(reply)
			continue
		}
		switch verb {
		case "EHLO":
			list := append([]string{"mx.example.org"}, s.ehlo...)
			if s.tls != nil && !m.tls {
				list = append(list, "STARTTLS")
			}
			for i, e := range list {
				if i < len(list)-1 {
					say("250-" + e)
				} else {
					say("250 " + e)
				}
			}
		case "STARTTLS":
			say("220 go ahead")
			c = tls.Server(c, s.tls)
			r, m.tls = bufio.NewReader(c), true
		case "AUTH":
			if !s.auth(cmd, line, say) {
				say("535 5.7.8 wrong")
				continue
			}
			m.user = s.user
			say("235 welcome")
		case "MAIL":
			m.from = between(cmd)
			say(reply)
		case "RCPT":
			m.to = append(m.to, between(cmd))
			say(reply)
		case "DATA":
			say("354 go ahead")
			var text strings.Builder
			for {
				l, ok := line()
				if !ok {
					return
				}
				if l == "." {
					break
				}
				text.WriteString(strings.TrimPrefix(l, ".") + "\n")
			}
			m.text = text.String()
			if after := s.replies["after DATA"]; after != "" {
				say(after)
				continue
			}
			s.mu.Lock()
			s.mails = append(s.mails, m)
			s.mu.Unlock()
			say("250 2.0.0 queued as 12345")
		case "QUIT":
			say("221 bye")
			return
		default:
			say(reply)
		}
	}
}

func (s *smtpd) auth(cmd string, line func() (string, bool), say func(string)) bool {
	decoded := func(text string) string {
		b, _ := base64.StdEncoding.DecodeString(text)
		return string(b)
	}
	words := strings.Fields(cmd)
	switch words[1] {
	case "PLAIN":
		return decoded(words[2]) == "\x00"+s.user+"\x00"+s.password
	case "LOGIN":
		say("334 " + base64.StdEncoding.EncodeToString([]byte("Username:")))
		user, _ := line()
		say("334 " + base64.StdEncoding.EncodeToString([]byte("Password:")))
		password, _ := line()
		return decoded(user) == s.user && decoded(password) == s.password
	case "CRAM-MD5":
		const challenge = "<1@mx.example.org>"
		say("334 " + base64.StdEncoding.EncodeToString([]byte(challenge)))
		answer, _ := line()
		h := hmac.New(md5.New, []byte(s.password))
		h.Write([]byte(challenge))
		return decoded(answer) == s.user+" "+hex.EncodeToString(h.Sum(nil))
	}
	return false
}

func between(cmd string) string {
	_, text, _ := strings.Cut(cmd, "<")
	text, _, _ = strings.Cut(text, ">")
	return text
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// certificate is one for mx.example.org, and a file with it.
func certificate(t *testing.T) (*tls.Config, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx.example.org"}, DNSNames: []string{"mx.example.org"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, file
}
