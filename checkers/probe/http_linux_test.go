package probe_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
)

func httpCheck(to netip.AddrPort, path string) *conf.Checker {
	c := tcpCheck(to)
	c.Kind = conf.HTTPGet
	c.HTTP = &conf.HTTPCheck{Protocol: "1.0", URLs: []conf.HTTPURL{{
		Path: path, Statuses: []conf.StatusRange{{From: 200, To: 299}},
	}}}
	return c
}

// talk lets a checker talk to a server that reads the request, sends answer and closes.
func talk(t *testing.T, c *conf.Checker, answer string) (probe.Result, string) {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	asked := make(chan string, 1)
	go func() {
		var b []byte
		for buf := make([]byte, 1); !strings.HasSuffix(string(b), "\r\n\r\n"); b = append(b, buf...) {
			if _, err := theirs.Read(buf); err != nil {
				break
			}
		}
		io.WriteString(theirs, answer)
		theirs.Close()
		asked <- string(b)
	}()
	r := probe.Exchange(t.Context(), ours, probe.Target{Checker: c})
	ours.Close()
	return r, <-asked
}

// TestRequests are the requests of keepalived, byte for byte.
func TestRequests(t *testing.T) {
	to4, to6 := netip.MustParseAddrPort("127.0.0.1:8099"), netip.MustParseAddrPort("[2001:db8::1]:80")
	for _, test := range []struct {
		name, protocol, host string
		to                   netip.AddrPort
		want                 string
	}{
		{"1.0", "1.0", "", to4, "GET /x HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: 127.0.0.1:8099\r\n\r\n"},
		{"1.0 with host", "1.0", "host.example", to4,
			"GET /x HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: host.example\r\n\r\n"},
		{"1.0C", "1.0C", "", to4, "GET /x HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\n" +
			"Host: 127.0.0.1:8099\r\n\r\n"},
		{"1.1", "1.1", "host.example", to4,
			"GET /x HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: host.example\r\n\r\n"},
		{"IPv6", "1.0", "", to6, "GET /x HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: [2001:db8::1]:80\r\n\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := httpCheck(test.to, "/x")
			c.HTTP.Protocol, c.HTTP.URLs[0].VirtualHost = test.protocol, test.host
			r, asked := talk(t, c, "HTTP/1.0 200 OK\r\n\r\n")
			if diff := cmp.Diff(test.want, asked); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			wantResult(t, r, true, false, "status 200")
		})
	}
}

// TestRegexOfAPage: the status, then the regex, then the digest decide. The headers are not
// a part of the page.
func TestRegexOfAPage(t *testing.T) {
	const digest = "5d41402abc4b2a76b9719d911017c592" // MD5 of "hello"
	regex := func(pattern string) *conf.Regex { return &conf.Regex{Pattern: pattern} }
	long := strings.Repeat("x", 1<<20)
	for _, test := range []struct {
		name, answer, digest string
		regex                *conf.Regex
		ok, local            bool
		reason               string
	}{
		{"found", "HTTP/1.0 200 OK\r\n\r\nhello", "", regex("h.l"), true, false, "regex as configured"},
		{"not found", "HTTP/1.0 200 OK\r\n\r\nhello", "", regex("world"), false, false, "regex is not in the page (5 bytes)"},
		{"only in a header", "HTTP/1.0 200 OK\r\nX: world\r\n\r\nhello", "", regex("world"), false, false, "not in the page"},
		{"must not be there", "HTTP/1.0 200 OK\r\n\r\nhello", "", &conf.Regex{Pattern: "ell", NoMatch: true}, false, false,
			"regex_no_match is in the page"},
		{"is not there", "HTTP/1.0 200 OK\r\n\r\nhello", "", &conf.Regex{Pattern: "world", NoMatch: true}, true, false,
			"regex as configured"},
		{"and digest", "HTTP/1.0 200 OK\r\n\r\nhello", digest, regex("hel"), true, false, "digest as configured"},
		{"and wrong digest", "HTTP/1.0 200 OK\r\n\r\nhello!", digest, regex("hel"), false, false, "digest "},
		{"status first", "HTTP/1.0 500 No\r\n\r\nhello", "", regex("hel"), false, false, "status 500"},
		{"from an offset", "HTTP/1.0 200 OK\r\n\r\nhello", "", &conf.Regex{Pattern: "h", MinOffset: 1}, false,
			false, "not in"},
		{"up to an offset", "HTTP/1.0 200 OK\r\n\r\nhello", "", &conf.Regex{Pattern: "lo", MaxOffset: 4}, false,
			false, "not in"},
		{"between offsets", "HTTP/1.0 200 OK\r\n\r\nhello", "", &conf.Regex{Pattern: "l+", MinOffset: 1,
			MaxOffset: 4}, true, false,
			"as configured"},
		{"a page shorter than the offset", "HTTP/1.0 200 OK\r\n\r\nhello", "", &conf.Regex{Pattern: ".*",
			MinOffset: 10}, false,
			false, "not in"},
		{"at the end of a long page", "HTTP/1.0 200 OK\r\n\r\n" + long + "ok\n", "", regex("ok$"), true, false,
			"as configured"},
		{"beyond Content-Length", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhello", "", regex("lo"), false, false,
			"not in the page (2 bytes)"},
		{"of PCRE only", "HTTP/1.0 200 OK\r\n\r\nhello", "", regex("h(?=e)"), false, true, "looking ahead"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := httpCheck(netip.MustParseAddrPort("10.0.0.2:80"), "/")
			c.HTTP.URLs[0].Digest, c.HTTP.URLs[0].Regex = test.digest, test.regex
			r, _ := talk(t, c, test.answer)
			wantResult(t, r, test.ok, test.local, test.reason)
		})
	}
}

func TestAnswers(t *testing.T) {
	const (
		hello   = "5d41402abc4b2a76b9719d911017c592" // MD5 of "hello"
		double  = "23b431acfeb41e15d466d75de822307c" // of "hellohello"
		chunked = "79e9489e3bd3f0cb0158215341de046d" // of "5\r\nhello\r\n0\r\n\r\n"
		nothing = "d41d8cd98f00b204e9800998ecf8427e"
	)
	for _, test := range []struct {
		name, answer, digest string
		ok                   bool
		reason               string
	}{
		{"no body", "HTTP/1.1 204 No Content\r\n\r\n", "", true, "status 204"},
		{"status", "HTTP/1.1 503 Service Unavailable\r\n\r\n", "", false, "status 503, want 200-299"},
		{"no reason phrase", "HTTP/1.1 200 \r\n\r\n", "", true, "status 200"},
		{"a stream's own word", "ICY 200 OK\r\n\r\n", "", true, "status 200"},
		{"no word before the code", " 200 OK\r\n\r\n", "", false, "is not a status line"},
		{"no space after the code", "HTTP/1.1 200\r\n\r\n", "", false, `"HTTP/1.1 200" is not a status line`},
		{"digest to the end", "HTTP/1.0 200 OK\r\n\r\nhello", hello, true, "digest as configured"},
		{"digest in capitals", "HTTP/1.0 200 OK\r\n\r\nhello", strings.ToUpper(hello), true, "digest as configured"},
		{"digest up to Content-Length", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhellohello", hello, true,
			"digest as configured"},
		{"content-length is not Content-Length", "HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhellohello", double, true,
			"digest as configured"},
		{"chunks are not put together", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
			chunked, true, "digest as configured"},
		{"empty body", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", nothing, true, "digest as configured"},
		{"wrong digest", "HTTP/1.0 200 OK\r\n\r\nhello", double, false, "digest " + hello + ", want " + double},
		{"short body", "HTTP/1.0 200 OK\r\nContent-Length: 20\r\n\r\nhello", double, false, "(5 of 20 bytes received)"},
		{"short body, right digest", "HTTP/1.0 200 OK\r\nContent-Length: 20\r\n\r\nhello", hello, true,
			"digest as configured"},
		{"body starts with an empty line", "HTTP/1.0 200 OK\r\n\r\n\r\n\r\nx", "", true, "status 200"},
		{"bad Content-Length", "HTTP/1.0 200 OK\r\nContent-Length: -3\r\n\r\nhello", hello, true, "digest as configured"},
		{"status wins over digest", "HTTP/1.0 404 Not Found\r\n\r\nhello", hello, false, "status 404, want 200-299"},
		{"nothing", "", "", false, "connection closed before any answer"},
		{"half a head", "HTTP/1.0 200 OK\r\nServ", "", false, "connection closed before the end of the headers"},
		{"not HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "", false, `"SSH-2.0-OpenSSH_9.2" is not a status line`},
		{"control bytes", "HTTP/1.0 \x1b[31m\nx\r\n\r\n", "", false, `\x1b`},
		{"endless headers", "HTTP/1.0 200 OK\r\n" + strings.Repeat("X: y\r\n", 20000), "", false,
			"its headers do not end within 65536 bytes"},
		{"long body", "HTTP/1.0 200 OK\r\n\r\n" + strings.Repeat("x", 1<<20), "", true, "status 200"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := httpCheck(netip.MustParseAddrPort("10.0.0.2:80"), "/")
			c.HTTP.URLs[0].Digest = test.digest
			r, _ := talk(t, c, test.answer)
			wantResult(t, r, test.ok, false, test.reason)
			if len(r.Reason) > 300 {
				t.Errorf("reason of %d bytes", len(r.Reason))
			}
		})
	}
}

func TestStatuses(t *testing.T) {
	c := httpCheck(netip.MustParseAddrPort("10.0.0.2:80"), "/a")
	c.HTTP.URLs[0].Statuses = []conf.StatusRange{{From: 301, To: 302}, {From: 404, To: 404}}
	c.HTTP.URLs = append(c.HTTP.URLs, conf.HTTPURL{Path: "/b"})
	for status, ok := range map[string]bool{"301": true, "302": true, "303": false, "404": true, "200": false} {
		r, _ := talk(t, c, "HTTP/1.0 "+status+" X\r\n\r\n")
		want := "/a: status " + status
		if !ok {
			want += ", want 301-302 404"
		}
		wantResult(t, r, ok, false, want)
	}
}

// TestSlowServers: each step has connect_timeout, all together four times as much.
func TestSlowServers(t *testing.T) {
	for _, test := range []struct {
		name   string
		serve  func(c net.Conn)
		took   time.Duration
		reason string
	}{
		{"silent", func(c net.Conn) {}, 5 * time.Second, "answer: no answer in 5s"},
		{"stops in the body", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\nhello")
		}, 5 * time.Second, "status 200, body after 5 bytes: no answer in 5s"},
		{"dribbles the head", func(c net.Conn) {
			for _, err := io.WriteString(c, "H"); err == nil; _, err = io.WriteString(c, "T") {
				time.Sleep(time.Second)
			}
		}, 20 * time.Second, "answer: the answer is not complete within"},
		{"dribbles the body", func(c net.Conn) {
			for _, err := io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n"); err == nil; _, err = io.WriteString(c, "x") {
				time.Sleep(4 * time.Second)
			}
		}, 20 * time.Second, "the answer is not complete within"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				served := make(chan struct{})
				go func() {
					defer close(served)
					theirs.Read(make([]byte, 4096))
					test.serve(theirs)
				}()
				began := time.Now()
				r := probe.Exchange(t.Context(), ours,
					probe.Target{Checker: httpCheck(netip.MustParseAddrPort("10.0.0.2:80"), "/")})
				if took := time.Since(began); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				wantResult(t, r, false, false, test.reason)
				ours.Close()
				<-served
			})
		})
	}
}

// TestHTTPOverSockets is a whole run, from connect to verdict.
func TestHTTPOverSockets(t *testing.T) {
	web := listen(t, "127.0.0.1:0", func(c net.Conn) {
		buf := make([]byte, 4096)
		n, _ := c.Read(buf)
		if strings.HasPrefix(string(buf[:n]), "GET /big ") {
			io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n")
			io.WriteString(c, strings.Repeat("0123456789abcdef", 1<<16))
			return
		}
		io.WriteString(c, "HTTP/1.0 500 Oops\r\n\r\n")
	})
	for name, p := range map[string]*probe.Prober{"epoll": newProber(t), "portable": probe.NewDialer(probe.Options{})} {
		t.Run(name, func(t *testing.T) {
			defer p.Close()
			c := httpCheck(web, "/big")
			c.HTTP.URLs[0].Digest = strings.Repeat("0", 32)
			wantResult(t, run(t, p, c), false, false, ", want 0000")
			c.HTTP.URLs[0].Digest = "14d785daab3823736c981ca82a750c98"
			wantResult(t, run(t, p, c), true, false, "digest as configured")
			wantResult(t, run(t, p, httpCheck(web, "/")), false, false, "status 500, want 200-299")
			closed := closedPort(t)
			wantResult(t, run(t, p, httpCheck(closed, "/")), false, false, "connect to "+closed.String()+": connection refused")
			none := httpCheck(web, "/")
			none.HTTP.URLs = nil
			wantResult(t, run(t, p, none), false, true, "no url")
		})
	}
}

func TestSSL(t *testing.T) {
	names := make(chan string, 10)
	config := &tls.Config{
		Certificates: []tls.Certificate{certificate(t)},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			names <- hello.ServerName
			return nil, nil
		},
	}
	var rude atomic.Bool // ends the connection without close_notify
	web := listen(t, "127.0.0.1:0", func(c net.Conn) {
		s := tls.Server(c, config)
		if s.HandshakeContext(context.Background()) != nil {
			return
		}
		buf := make([]byte, 4096)
		s.Read(buf)
		io.WriteString(s, "HTTP/1.0 200 OK\r\n\r\nhello")
		if !rude.Load() {
			s.Close()
		}
	})
	p := newProber(t)
	c := httpCheck(web, "/")
	c.Kind = conf.SSLGet
	c.HTTP.URLs[0].VirtualHost = "virtual.example"
	c.HTTP.URLs[0].Digest = "5d41402abc4b2a76b9719d911017c592"
	c.HTTP.URLs = append(c.HTTP.URLs, conf.HTTPURL{Path: "/", VirtualHost: "second.example"})
	for _, test := range []struct {
		enable bool
		sni    string
		want   string
	}{{false, "", ""}, {true, "", "virtual.example"}, {true, "sni.example", "sni.example"}} {
		c.HTTP.EnableSNI, c.HTTP.SNI = test.enable, test.sni
		wantResult(t, run(t, p, c), true, false, "status 200")
		if got := <-names; got != test.want {
			t.Errorf("SNI %q, want %q", got, test.want)
		}
		rude.Store(true)
	}
	c.HTTP.EnableSNI, c.HTTP.SNI = true, ""
	p.Probe(t.Context(), probe.Target{Checker: c, URL: 1})
	if got := <-names; got != "second.example" {
		t.Errorf("SNI of the second url %q", got)
	}
	plain := listen(t, "127.0.0.1:0", func(c net.Conn) {
		c.Read(make([]byte, 4096))
		io.WriteString(c, "HTTP/1.0 400 Bad Request\r\n\r\n")
	})
	c.ConnectPort = plain.Port()
	wantResult(t, run(t, p, c), false, false, "TLS handshake: ")
}

// TestServersThatRefuseOurTLS: who answers the ClientHello with an alert of its own has a page that
// cannot be had. Where nobody wants to compare one the server is alive, with a warning.
func TestServersThatRefuseOurTLS(t *testing.T) {
	var alert atomic.Uint32
	web := listen(t, "127.0.0.1:0", func(c net.Conn) {
		c.Read(make([]byte, 4096))
		if n := byte(alert.Load()); n != 0 {
			c.Write([]byte{21, 3, 3, 0, 2, 2, n})
		}
	})
	const refuses = "TLS handshake: the server refuses all that director offers: "
	p := newProber(t)
	for _, test := range []struct {
		alert     byte
		change    func(c *conf.HTTPCheck)
		ok, local bool
		reason    string
	}{
		{40, func(*conf.HTTPCheck) {}, true, false, refuses + "handshake failure: no page was asked for"},
		{71, func(*conf.HTTPCheck) {}, true, false, refuses + "insufficient security: no page was asked for"},
		{40, func(c *conf.HTTPCheck) { c.URLs[0].Digest = strings.Repeat("0", 32) }, false, true,
			refuses + "handshake failure"},
		{40, func(c *conf.HTTPCheck) { c.URLs[0].Regex = &conf.Regex{Pattern: "."} }, false, true,
			refuses + "handshake failure"},
		// What keepalived has not is not to be had without it.
		{40, func(c *conf.HTTPCheck) { c.Verify = true }, false, false, "TLS handshake: remote error"},
		{40, func(c *conf.HTTPCheck) { c.Protocol = "2" }, false, false, "TLS handshake: remote error"},
		{80, func(*conf.HTTPCheck) {}, false, false, "TLS handshake: remote error: tls: internal error"},
		{112, func(*conf.HTTPCheck) {}, false, false, "TLS handshake: remote error: tls: unrecognized name"},
		{0, func(*conf.HTTPCheck) {}, false, false, "TLS handshake: the server closed the connection"},
	} {
		c := httpCheck(web, "/")
		c.Kind = conf.SSLGet
		test.change(c.HTTP)
		alert.Store(uint32(test.alert))
		r := run(t, p, c)
		wantResult(t, r, test.ok, test.local, test.reason)
		if unagreed := test.ok || test.local; r.Unagreed != unagreed || (r.Warning != "") != test.ok {
			t.Errorf("%+v", r)
		}
	}
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1, 0)} // long expired
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

var statusLine = regexp.MustCompile(`(?s)^[^ ]+ [0-9]{3} `)

func FuzzReadHead(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
	f.Add("HTTP/1.1 200\r\n\r\n")
	f.Add("\r\n\r\n\r\n\r\n")
	f.Fuzz(func(t *testing.T, answer string) {
		r, _ := probe.ReadHead(strings.NewReader(answer))
		_ = r
		c := httpCheck(netip.MustParseAddrPort("10.0.0.2:80"), "/")
		ours, theirs := net.Pipe()
		defer ours.Close()
		go func() {
			theirs.Read(make([]byte, 4096))
			io.WriteString(theirs, answer)
			theirs.Close()
		}()
		got := probe.Exchange(context.Background(), ours, probe.Target{Checker: c})
		if got.Reason == "" || strings.ContainsAny(got.Reason, "\r\n\x1b") {
			t.Errorf("reason %q", got.Reason)
		}
		if got.OK && !statusLine.MatchString(answer) {
			t.Errorf("%q is accepted", answer)
		}
	})
}

func FuzzEchoReply(f *testing.F) {
	f.Add([]byte{0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, false)
	f.Add([]byte{0x45, 0, 0, 84}, true)
	f.Fuzz(func(t *testing.T, b []byte, v6 bool) {
		if inner, ok := probe.StripIPv4(b); ok && len(inner) >= len(b) {
			t.Error("no header was taken off")
		}
		if _, ok := probe.ParseReply(b, v6); ok && len(b) < 16 {
			t.Error("a reply without a token")
		}
	})
}
