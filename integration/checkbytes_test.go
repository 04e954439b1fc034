//go:build linux

package integration_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// recorder is a server that remembers what it was sent first on each port.
type recorder struct {
	t     *testing.T
	mu    sync.Mutex
	first map[int]string
	open  []io.Closer
	all   sync.WaitGroup
}

func (r *recorder) said(port int, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.first[port]; !ok {
		r.first[port] = text
	}
}

func (r *recorder) take() map[int]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.first
	r.first = map[int]string{}
	return taken
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.first)
}

func (r *recorder) close() {
	for _, c := range r.open {
		c.Close()
	}
	r.all.Wait()
}

// stream serves a port: serve answers, and everything that the other side sends is recorded up to the
// end of its connection.
func (r *recorder) stream(h *lab.Host, port int, serve func(c net.Conn, in *bufio.Reader) error, config *tls.Config) {
	var l net.Listener
	if err := h.Do(func() (err error) {
		l, err = net.Listen("tcp4", fmt.Sprintf(":%d", port))
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	r.open = append(r.open, l)
	r.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(5 * time.Second))
			var name string
			if config != nil {
				secure := tls.Server(c, config)
				if secure.Handshake() == nil {
					name = fmt.Sprintf("SNI %q ", secure.ConnectionState().ServerName)
				}
				c = secure
			}
			var all bytes.Buffer
			in := bufio.NewReader(io.TeeReader(c, &all))
			end := "closes"
			err = serve(c, in)
			if err == nil {
				_, err = io.Copy(io.Discard, in)
			}
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded):
				end = "stays"
			case err != nil && config == nil:
				end = err.Error()[strings.LastIndex(err.Error(), ": ")+1:]
			}
			c.Close()
			r.said(port, fmt.Sprintf("%s%q %s", name, all.String(), end))
		}
	})
}

// datagrams serves a port over UDP.
func (r *recorder) datagrams(h *lab.Host, port int, serve func(b []byte) (said string, answer []byte)) {
	var l net.PacketConn
	if err := h.Do(func() (err error) {
		l, err = net.ListenPacket("udp4", fmt.Sprintf(":%d", port))
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	r.open = append(r.open, l)
	r.all.Go(func() {
		for b := make([]byte, 2048); ; {
			n, from, err := l.ReadFrom(b)
			if err != nil {
				return
			}
			said, answer := serve(b[:n])
			if answer != nil {
				l.WriteTo(answer, from)
			}
			r.said(port, said)
		}
	})
}

// selfSigned is a certificate that no authority has signed.
func selfSigned(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestChecksSendWhatKeepalivedSends: one configuration and one server, checked by keepalived and
// then by director. Every request is the same to the byte, but for the numbers of questions of DNS.
func TestChecksSendWhatKeepalivedSends(t *testing.T) {
	stage.Require(t)
	l := lab.New(t)
	front := l.Network("front")
	director, server := l.Host("director"), l.Host("server")
	director.Attach(front, "eth0", "192.0.2.2/24")
	server.Attach(front, "eth0", "192.0.2.11/24")

	r := &recorder{t: t, first: map[int]string{}}
	defer r.close()
	page := func(c net.Conn, in *bufio.Reader) error {
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return err
			}
			if line == "\r\n" {
				break
			}
		}
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"); err != nil {
			return err
		}
		// keepalived goes on reading to the end of the connection; director ends with the page.
		return c.(interface{ CloseWrite() error }).CloseWrite()
	}
	mail := func(c net.Conn, in *bufio.Reader) error {
		for _, text := range []string{"220 mx ready\r\n", "250 mx\r\n", "221 bye\r\n"} {
			_, err := io.WriteString(c, text)
			if err == nil {
				_, err = in.ReadString('\n')
			}
			// Nobody reads the answer to QUIT: whether it meets an open connection is chance.
			if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
				return io.EOF
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	nothing := func(net.Conn, *bufio.Reader) error { return nil }
	var config strings.Builder
	names := map[int]string{}
	port := 1000
	check := func(protocol, text string) int {
		port++
		names[port] = text
		fmt.Fprintf(&config, "virtual_server 192.0.2.100 %d {\nlb_algo rr\nlb_kind DR\nprotocol %s\ndelay_loop 1\n"+
			"real_server 192.0.2.11 %d {\n%s\n}\n}\n", port, protocol, port, text)
		return port
	}
	stream := func(text string, serve func(net.Conn, *bufio.Reader) error) {
		r.stream(server, check("TCP", text), serve, nil)
	}
	const timing = "connect_timeout 3\nwarmup 0\n"
	stream("TCP_CHECK {\n"+timing+"}", nothing)
	for _, protocol := range []string{"1.0", "1.0C", "1.1"} {
		for _, host := range []string{"", "virtualhost www.example\n", "virtualhost www.example:8080\n"} {
			stream("HTTP_GET {\n"+timing+"http_protocol "+protocol+"\nurl {\npath /a\n"+host+"status_code 200\n}\n}", page)
		}
	}
	stream("HTTP_GET {\n"+timing+"virtualhost outer.example\nurl {\npath /a?b=c&d=%20\nstatus_code 200\n}\n}", page)
	stream("HTTP_GET {\n"+timing+"virtualhost outer.example\nurl {\npath /\nvirtualhost inner.example\n"+
		"digest 5d41402abc4b2a76b9719d911017c592\n}\n}", page)
	stream("SMTP_CHECK {\n"+timing+"}", mail)
	stream("SMTP_CHECK {\n"+timing+"helo_name lb.example\n}", mail)
	secret := &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
	for _, text := range []string{"url {\npath /s\n}", "enable_sni\nurl {\npath /s\nvirtualhost www.example\n}",
		"url {\npath /s\nvirtualhost www.example\n}", "http_protocol 1.1\nurl {\npath /s\n}"} {
		r.stream(server, check("TCP", "SSL_GET {\n"+timing+text+"\n}"), page, secret)
	}
	question := func(b []byte) (string, []byte) {
		if len(b) < 12 {
			return fmt.Sprintf("%q", b), nil
		}
		answer := bytes.Clone(b)
		answer[2] |= 0x80 // an answer
		return fmt.Sprintf("id %q", b[2:]), answer
	}
	for _, text := range []string{"", "type A\nname www.example.com\n", "type AAAA\nname www.example.com.\n",
		"type MX\nname a-b.example\n", "type TXT\nname example\n", "type DNSKEY\nname example\n"} {
		r.datagrams(server, check("UDP", "DNS_CHECK {\n"+timing+text+"}"), question)
	}
	silent := func(b []byte) (string, []byte) { return fmt.Sprintf("%q", b), nil }
	for _, text := range []string{"payload 0123456789abcdef\n", "payload 00 ff 0a\nrequire_reply 00\n", ""} {
		r.datagrams(server, check("UDP", "UDP_CHECK {\n"+timing+text+"}"), silent)
	}

	asked := func(kind pair.Kind) map[int]string {
		r.take()
		d := pair.Start(t, kind, director, "global_defs {\nrouter_id a\n}\n"+config.String())
		l.Until(40*time.Second, kind.Name()+" has made every check", func() bool { return r.count() == len(names) })
		d.Terminate()
		d.WaitEnd(10 * time.Second)
		return r.take()
	}
	theirs := asked(stage.Keepalived())
	ours := asked(stage.Director())
	for port, text := range names {
		if theirs[port] != ours[port] {
			t.Errorf("%s\nkeepalived: %s\ndirector:   %s", text, theirs[port], ours[port])
		}
	}
	t.Logf("%d checks compared", len(names))
}
