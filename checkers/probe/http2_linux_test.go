package probe_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
)

// serveHTTP2 serves pages in plain text and over TLS, with HTTP/2 and nothing else when only is set.
func serveHTTP2(t *testing.T, pages http.Handler, only bool) (plain, secure netip.AddrPort) {
	t.Helper()
	server := &http.Server{Handler: pages, Protocols: new(http.Protocols), ErrorLog: log.New(io.Discard, "", 0)}
	server.Protocols.SetUnencryptedHTTP2(only)
	server.Protocols.SetHTTP2(only)
	server.Protocols.SetHTTP1(!only)
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}, NextProtos: []string{"h2"}}
	if !only {
		config.NextProtos = []string{"http/1.1"}
	}
	ended := make(chan struct{}, 2)
	var at [2]netip.AddrPort
	for i := range at {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at[i] = l.Addr().(*net.TCPAddr).AddrPort()
		if i == 1 {
			l = tls.NewListener(l, config)
		}
		go func() { server.Serve(l); ended <- struct{}{} }()
	}
	t.Cleanup(func() { server.Close(); <-ended; <-ended })
	return at[0], at[1]
}

// http2Check is a check of one page in plain text, or over TLS.
func http2Check(plain, secure netip.AddrPort, tls bool, url conf.HTTPURL) *conf.Checker {
	c := httpCheck(plain, url.Path)
	if tls {
		c = httpCheck(secure, url.Path)
		c.Kind = conf.SSLGet
	}
	url.Statuses = c.HTTP.URLs[0].Statuses
	c.HTTP.Protocol, c.HTTP.URLs[0] = "2", url
	return c
}

// TestHTTP2: pages over HTTP/2 have the words and the limits of all pages.
func TestHTTP2(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789abcdef"), 200<<10) // more than a window
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s %q %q %d", r.Proto, r.Method, r.Host, r.URL.Path, r.Header["User-Agent"],
			r.Header["X-Key"], len(body))
	})
	mux.HandleFunc("/busy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { w.Write(long) })
	mux.HandleFunc("/early", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(413) })
	mux.HandleFunc("/hints", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		io.WriteString(w, "hello")
	})
	mux.HandleFunc("/headers", func(w http.ResponseWriter, _ *http.Request) {
		for i := range 3000 {
			w.Header().Set(fmt.Sprintf("X-%d", i), "value")
		}
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(long); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	plain, secure := serveHTTP2(t, mux, true)
	p := newProber(t)
	regex := func(s string) *conf.Regex { return &conf.Regex{Pattern: s} }
	for _, test := range []struct {
		url    conf.HTTPURL
		ok     bool
		reason string
	}{
		{conf.HTTPURL{Path: "/a?b", VirtualHost: "www.example", Regex: regex(
			`^HTTP/2.0 GET www.example /a \["KeepAliveClient"\] \[\] 0$`)}, true, "status 200, regex as configured"},
		{conf.HTTPURL{Path: "/", Regex: regex("HTTP/2.0 GET 127.0.0.1:[0-9]+ /")}, true, "status 200"},
		{conf.HTTPURL{Path: "/", Body: "hello", Headers: []conf.HTTPHeader{{Name: "X-Key", Value: "a"},
			{Name: "User-Agent", Value: "b"}}, Regex: regex(`POST .* \["b"\] \["a"\] 5$`)}, true, "status 200"},
		{conf.HTTPURL{Path: "/", Body: string(long), Regex: regex(" 3276800$")}, true, "status 200"},
		{conf.HTTPURL{Path: "/early", Body: string(long)}, false, "status 413, want 200-299"},
		{conf.HTTPURL{Path: "/", Headers: []conf.HTTPHeader{{Name: "X-Key", Value: strings.Repeat("a", 40<<10)}},
			Regex: regex(`"a+"`)}, true, "status 200"},
		{conf.HTTPURL{Path: "/", Method: "HEAD"}, true, "status 200"},
		{conf.HTTPURL{Path: "/busy"}, false, "status 503, want 200-299"},
		{conf.HTTPURL{Path: "/hints", Digest: "5d41402abc4b2a76b9719d911017c592"}, true, "digest as configured"},
		{conf.HTTPURL{Path: "/hints", Digest: "0d41402abc4b2a76b9719d911017c592"}, false,
			"digest 5d41402abc4b2a76b9719d911017c592, want"},
		{conf.HTTPURL{Path: "/long", Digest: "2b2a0ee97e6c4bd1e8cbe4e5e6cb6b07"}, false, "digest "},
		{conf.HTTPURL{Path: "/headers"}, false, "its headers are too long or not valid"},
		{conf.HTTPURL{Path: "/endless", Digest: "2b2a0ee97e6c4bd1e8cbe4e5e6cb6b07"}, false, "longer than 64 MiB"},
		{conf.HTTPURL{Path: "/slow"}, false, "no answer in 1s"},
	} {
		for _, tls := range []bool{false, true} {
			c := http2Check(plain, secure, tls, test.url)
			c.Timeout, c.TotalTimeout = time.Second, 20*time.Second
			r := p.Probe(t.Context(), probe.Target{Checker: c})
			if r.OK != test.ok || r.Local || !strings.Contains(r.Reason, test.reason) {
				t.Errorf("%s, TLS %v: %+v, want %v and %q", test.url.Path, tls, r, test.ok, test.reason)
			}
		}
	}
}

// TestNoHTTP2: a server that speaks only HTTP/1.1 has not the page that is asked for.
func TestNoHTTP2(t *testing.T) {
	plain, secure := serveHTTP2(t, http.NotFoundHandler(), false)
	p := newProber(t)
	wantResult(t, run(t, p, http2Check(plain, secure, false, conf.HTTPURL{Path: "/"})), false, false,
		`answer: "HTTP/1.1 404 Not Found" is not HTTP/2`)
	wantResult(t, run(t, p, http2Check(plain, secure, true, conf.HTTPURL{Path: "/"})), false, false,
		"TLS handshake: remote error: tls: no application protocol")
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	without := listen(t, "127.0.0.1:0", func(c net.Conn) { tls.Server(c, config).Handshake() })
	wantResult(t, run(t, p, http2Check(plain, without, true, conf.HTTPURL{Path: "/"})), false, false,
		"TLS handshake: the server does not choose HTTP/2 (ALPN)")
}
