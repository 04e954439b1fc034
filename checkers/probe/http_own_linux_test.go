package probe_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
)

// TestOwnRequests: what keepalived cannot ask.
func TestOwnRequests(t *testing.T) {
	const usual = "User-Agent: KeepAliveClient\r\nHost: 127.0.0.1:8099\r\n"
	for _, test := range []struct {
		name string
		url  conf.HTTPURL
		want string
	}{
		{"method", conf.HTTPURL{Method: "OPTIONS"}, "OPTIONS /x HTTP/1.0\r\n" + usual + "\r\n"},
		{"body", conf.HTTPURL{Body: `{"ping":1}`}, "POST /x HTTP/1.0\r\n" + usual + "Content-Length: 10\r\n\r\n" + `{"ping":1}`},
		{"another method with a body", conf.HTTPURL{Method: "PUT", Body: "a"},
			"PUT /x HTTP/1.0\r\n" + usual + "Content-Length: 1\r\n\r\na"},
		{"POST without a body", conf.HTTPURL{Method: "POST"}, "POST /x HTTP/1.0\r\n" + usual + "Content-Length: 0\r\n\r\n"},
		{"headers", conf.HTTPURL{Headers: []conf.HTTPHeader{{Name: "Accept", Value: "text/plain, */*"}, {Name: "X-Key"}}},
			"GET /x HTTP/1.0\r\n" + usual + "Accept: text/plain, */*\r\nX-Key: \r\n\r\n"},
		{"another agent", conf.HTTPURL{Headers: []conf.HTTPHeader{{Name: "user-agent", Value: "probe"}}},
			"GET /x HTTP/1.0\r\nHost: 127.0.0.1:8099\r\nuser-agent: probe\r\n\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := make(chan string, 1)
			web := listen(t, "127.0.0.1:0", func(c net.Conn) {
				text := make([]byte, len(test.want))
				n, _ := io.ReadFull(c, text)
				asked <- string(text[:n])
				io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n")
			})
			c := httpCheck(web, "/x")
			test.url.Path, test.url.Statuses, test.url.VirtualHost = "/x", c.HTTP.URLs[0].Statuses, "127.0.0.1:8099"
			c.HTTP.URLs[0] = test.url
			wantResult(t, run(t, newProber(t), c), true, false, "status 200")
			if diff := cmp.Diff(test.want, <-asked); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDechunk: digest and regex are of the page, whatever pieces it came in.
func TestDechunk(t *testing.T) {
	const (
		hello = "5d41402abc4b2a76b9719d911017c592"
		whole = "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n"
	)
	for _, test := range []struct {
		name, answer string
		ok           bool
		reason       string
	}{
		{"chunks", whole + "2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", true, "digest as configured"},
		{"a length beside them", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n" + whole[len("HTTP/1.1 200 OK\r\n"):] +
			"5\r\nhello\r\n0\r\n\r\n", true, "digest as configured"},
		{"no chunks", "HTTP/1.1 200 OK\r\n\r\nhello", true, "digest as configured"},
		{"no end", whole + "5\r\nhello\r\n", false, "body after 5 bytes"},
		{"no chunk", whole + "hello", false, "body after 0 bytes"},
		{"a chunk without end", whole + "ffffffffffffffffff\r\nhello", false, "body after 0 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := httpCheck(netip.MustParseAddrPort("10.0.0.2:80"), "/")
			c.HTTP.URLs[0].Digest, c.HTTP.URLs[0].Dechunk = hello, true
			r, _ := talk(t, c, test.answer)
			wantResult(t, r, test.ok, false, test.reason)
		})
	}
}

// TestHead: an answer to HEAD has no body, whatever its headers say of one.
func TestHead(t *testing.T) {
	for _, headers := range []string{"Content-Length: 1000\r\n", "", "Transfer-Encoding: chunked\r\n"} {
		web := listen(t, "127.0.0.1:0", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\n"+headers+"\r\n")
			io.Copy(io.Discard, c) // it stays open
		})
		c := httpCheck(web, "/")
		c.HTTP.URLs[0].Method, c.HTTP.URLs[0].Dechunk = "HEAD", true
		wantResult(t, run(t, newProber(t), c), true, false, "status 200")
	}
}

// TestTotalTimeout: a server that always sends a little more has so much time and no more.
func TestTotalTimeout(t *testing.T) {
	web := listen(t, "127.0.0.1:0", func(c net.Conn) {
		io.WriteString(c, "HTTP/1.0 200 OK\r\n")
		for {
			if _, err := io.WriteString(c, "X: y\r\n"); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	c := httpCheck(web, "/")
	c.Timeout, c.TotalTimeout = 10*time.Second, 300*time.Millisecond
	r := run(t, newProber(t), c)
	wantResult(t, r, false, false, "the answer is not complete within 300ms")
}

// authority signs certificates of a test.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.key, a.cert, _ = a.sign(&x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) sign(c *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate, []byte) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent, with := a.cert, a.key
	if parent == nil {
		parent, with = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, with)
	if err != nil {
		a.t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, signed, der
}

// file is the authority's certificate in PEM.
func (a *authority) file() string {
	name := filepath.Join(a.t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
	if err := os.WriteFile(name, text, 0o600); err != nil {
		a.t.Fatal(err)
	}
	return name
}

// TestVerify: the authority, the name and the time of a certificate.
func TestVerify(t *testing.T) {
	ours, other := newAuthority(t), newAuthority(t)
	serve := func(ends time.Time, names ...string) netip.AddrPort {
		c := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: ends, DNSNames: names,
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
		key, _, der := ours.sign(c)
		config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
		return listen(t, "127.0.0.1:0", func(c net.Conn) {
			s := tls.Server(c, config)
			if s.HandshakeContext(context.Background()) != nil {
				return
			}
			s.Read(make([]byte, 4096))
			io.WriteString(s, "HTTP/1.0 200 OK\r\n\r\n")
			s.Close()
		})
	}
	good, expired := serve(time.Now().Add(time.Hour), "www.example"), serve(time.Now().Add(-time.Hour), "www.example")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, bytes.Repeat([]byte("x\n"), 3), 0o600); err != nil {
		t.Fatal(err)
	}
	p := newProber(t)
	for _, test := range []struct {
		name      string
		to        netip.AddrPort
		ca, host  string
		as        string // verify_name
		noSNI     bool
		ok, local bool
		reason    string
	}{
		{"good", good, ours.file(), "www.example", "", false, true, false, "status 200"},
		{"good, with a port", good, ours.file(), "www.example:8443", "", false, true, false, "status 200"},
		{"good, without SNI", good, ours.file(), "www.example:8443", "", true, true, false, "status 200"},
		{"by its address", good, ours.file(), "", "", false, true, false, "status 200"},
		{"another name", good, ours.file(), "web.example", "", false, false, false, "not web.example"},
		{"verify_name", good, ours.file(), "web.example", "www.example", false, true, false, "status 200"},
		{"another authority", good, other.file(), "www.example", "", false, false, false, "unknown authority"},
		{"the host's authorities", good, "", "www.example", "", false, false, false, "unknown authority"},
		{"expired", expired, ours.file(), "www.example", "", false, false, false, "expired"},
		{"no file", good, empty + ".not", "www.example", "", false, false, true, "no such file"},
		{"a file without a certificate", good, empty, "www.example", "", false, false, true, "has none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := httpCheck(test.to, "/")
			c.Kind, c.HTTP.EnableSNI, c.HTTP.URLs[0].VirtualHost = conf.SSLGet, !test.noSNI, test.host
			c.HTTP.Verify, c.HTTP.VerifyCA, c.HTTP.VerifyName = true, test.ca, test.as
			wantResult(t, p.Probe(t.Context(), probe.Target{Checker: c}), test.ok, test.local, test.reason)
		})
	}
}
