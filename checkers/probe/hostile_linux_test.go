package probe_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
)

// hostile is a server that does not answer as servers do. It is asked by every kind of check that
// speaks over a stream.
type hostile struct {
	name  string
	serve func(c net.Conn)
	// alive has the kinds of checks to which it is well; all others find it dead. slow are kinds of
	// which the verdict depends on how much fits into the time of the check.
	alive, slow string
}

// forever writes the same again and again, until the other side has gone.
func forever(b []byte) func(net.Conn) {
	b = bytes.Repeat(b, 1+1<<14/len(b))
	return func(c net.Conn) {
		for {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}
}

// once writes a text and waits for the other side to go.
func once(text string) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, text)
		io.Copy(io.Discard, c)
	}
}

// ends writes a text and closes.
func ends(text string) func(net.Conn) {
	return func(c net.Conn) {
		c.Read(make([]byte, 1<<10))
		io.WriteString(c, text)
	}
}

// frames are what a server of HTTP/2 sends.
func frames(write func(f *http2.Framer)) []byte {
	var b bytes.Buffer
	write(http2.NewFramer(&b, nil))
	return b.Bytes()
}

// headers is a block of headers.
func headers(list ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(list); i += 2 {
		e.WriteField(hpack.HeaderField{Name: list[i], Value: list[i+1]})
	}
	return b.Bytes()
}

// then begins with one list of frames and repeats the other.
func then(first, again []byte) func(net.Conn) {
	goOn := once("")
	if len(again) > 0 {
		goOn = forever(again)
	}
	return func(c net.Conn) {
		c.Write(first)
		goOn(c)
	}
}

func hostileServers() []hostile {
	big := strings.Repeat("x", 1<<16)
	list := []hostile{
		{name: "says nothing", serve: once("")},
		{name: "closes", serve: func(net.Conn) {}},
		{name: "resets", serve: func(c net.Conn) {
			if tcp, ok := c.(*net.TCPConn); ok {
				tcp.SetLinger(0)
			}
		}},
		{name: "a byte now and then", serve: func(c net.Conn) {
			for _, err := c.Write([]byte("2")); err == nil; _, err = c.Write([]byte("2")) {
				time.Sleep(50 * time.Millisecond)
			}
		}},
		{name: "headers without end", serve: func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			forever([]byte("X-Header: value\r\n"))(c)
		}},
		{name: "a header without end", serve: func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX: ")
			forever([]byte(big))(c)
		}},
		{name: "a body without end", serve: func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			forever([]byte(big))(c)
		}, slow: "page, secret page"},
		{name: "a body of 1 GB", serve: func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
			forever([]byte(big))(c)
		}, slow: "page, secret page"},
		{name: "a chunk without end", serve: func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			forever([]byte("f"))(c)
		}, slow: "page, secret page"},
		{name: "zeros", serve: forever(make([]byte, 1<<14))},
		{name: "lines", serve: forever([]byte("\r\n"))},
		{name: "garbage", serve: forever([]byte("\x16\x03\x01\xff\x80\x00\n\x1b[2J220 250\r+OK"))},
		{name: "one line", serve: forever([]byte("220-"))},
		{name: "lines of a greeting", serve: forever([]byte("220-hello\r\n"))},
		{name: "HTTP/0.9", serve: ends("<html>hello</html>")},
		{name: "100 and the answer", serve: ends("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" +
			"hello"), alive: "page, digest, chunks, secret page"},
		{name: "100 and no more", serve: ends("HTTP/1.1 100 Continue\r\n\r\n")},
		{name: "100 without end", serve: forever([]byte("HTTP/1.1 100 Continue\r\n\r\n"))},
		{name: "alerts of TLS", serve: forever([]byte("\x15\x03\x03\x00\x02\x01\x00"))},
		{name: "a handshake without end", serve: forever([]byte("\x16\x03\x03\x40\x00" + big[:1<<14]))},
	}
	settings := frames(func(f *http2.Framer) { f.WriteSettings() })
	answered := append(bytes.Clone(settings), frames(func(f *http2.Framer) {
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: headers(":status", "200")})
	})...)
	open := append(bytes.Clone(settings), frames(func(f *http2.Framer) {
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headers(":status", "200")})
	})...)
	for _, one := range []struct {
		name         string
		first, again []byte
		slow         string
	}{
		{"h2: settings", settings, nil, ""},
		{"h2: settings without end", nil, settings, ""},
		{"h2: pings without end", settings, frames(func(f *http2.Framer) { f.WritePing(false, [8]byte{}) }), ""},
		{"h2: no settings", nil, answered[len(settings):], ""},
		{"h2: empty continuations without end", open, frames(func(f *http2.Framer) {
			f.WriteRawFrame(http2.FrameContinuation, 0, 1, nil)
		}), ""},
		{"h2: continuations without end", open, frames(func(f *http2.Framer) {
			f.WriteRawFrame(http2.FrameContinuation, 0, 1, headers("x", big[:1000]))
		}), ""},
		{"h2: headers that grow", open, frames(func(f *http2.Framer) { // one byte is a long header
			f.WriteRawFrame(http2.FrameContinuation, 0, 1, append(headers("x", big[:4000]), bytes.Repeat([]byte{0xbe}, 8000)...))
		}), ""},
		{"h2: headers within headers", open, answered[len(settings):], ""},
		{"h2: 103 without end", settings, frames(func(f *http2.Framer) {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: headers(":status", "103")})
		}), ""},
		{"h2: empty data without end", answered, frames(func(f *http2.Framer) { f.WriteData(1, false, nil) }), ""},
		{"h2: padding without end", answered, frames(func(f *http2.Framer) {
			f.WriteDataPadded(1, false, nil, make([]byte, 255))
		}), ""},
		{"h2: data without end", answered, frames(func(f *http2.Framer) { f.WriteData(1, false, []byte(big[:1<<14])) }),
			"page 2, secret page 2"},
		{"h2: data before headers", settings, frames(func(f *http2.Framer) { f.WriteData(1, false, []byte("x")) }), ""},
		{"h2: another stream", settings, frames(func(f *http2.Framer) {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, EndHeaders: true, BlockFragment: headers(":status", "200")})
		}), ""},
		{"h2: a push", settings, frames(func(f *http2.Framer) {
			f.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true,
				BlockFragment: headers(":method", "GET")})
		}), ""},
		{"h2: goes away", settings, frames(func(f *http2.Framer) { f.WriteGoAway(0, 11, []byte("\x1b[2Jcalm")) }), ""},
		{"h2: resets", settings, frames(func(f *http2.Framer) { f.WriteRSTStream(1, 7) }), ""},
		{"h2: a long frame", settings, frames(func(f *http2.Framer) { f.WriteData(1, false, []byte(big)) }), ""},
		{"h2: windows without end", settings, frames(func(f *http2.Framer) { f.WriteWindowUpdate(1, 1<<31-1) }), ""},
		{"h2: unknown frames without end", settings, frames(func(f *http2.Framer) { f.WriteRawFrame(99, 0, 0, nil) }), ""},
		{"h2: no status", settings, frames(func(f *http2.Framer) {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: headers("x", "y")})
		}), ""},
		{"h2: a bad status", settings, frames(func(f *http2.Framer) {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: headers(":status", "\n200")})
		}), ""},
		{"h2: bad compression", settings, frames(func(f *http2.Framer) {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: []byte{0xff, 0xff, 0xff}})
		}), ""},
	} {
		list = append(list, hostile{name: one.name, serve: then(one.first, one.again), slow: one.slow})
	}
	return list
}

// streamChecks are the checks that speak over a stream. Those of which the name begins with "secret"
// speak TLS.
func streamChecks() map[string]*conf.Checker {
	page := func(kind conf.CheckKind, protocol string, url conf.HTTPURL) *conf.Checker {
		c := httpCheck(netip.AddrPort{}, "/")
		url.Path, url.Statuses = "/", c.HTTP.URLs[0].Statuses
		c.Kind, c.HTTP.Protocol, c.HTTP.URLs[0] = kind, protocol, url
		return c
	}
	other := func(c conf.Checker) *conf.Checker { return &c }
	query := func(q conf.QueryCheckParams) *conf.Checker { return &conf.Checker{Kind: conf.QueryCheck, Query: &q} }
	steps := []conf.QueryStep{{Expect: "^(a*)*[^x]*please$"}, {StartTLS: true}}
	const hello = "5d41402abc4b2a76b9719d911017c592"
	return map[string]*conf.Checker{
		"page":              page(conf.HTTPGet, "1.0", conf.HTTPURL{}),
		"digest":            page(conf.HTTPGet, "1.1", conf.HTTPURL{Digest: hello}),
		"chunks":            page(conf.HTTPGet, "1.1", conf.HTTPURL{Dechunk: true, Regex: &conf.Regex{Pattern: "hell?o"}}),
		"page 2":            page(conf.HTTPGet, "2", conf.HTTPURL{}),
		"digest 2":          page(conf.HTTPGet, "2", conf.HTTPURL{Digest: hello, Body: strings.Repeat("x", 1<<20)}),
		"secret page":       page(conf.SSLGet, "1.0", conf.HTTPURL{}),
		"secret page 2":     page(conf.SSLGet, "2", conf.HTTPURL{}),
		"mail":              other(conf.Checker{Kind: conf.SMTPCheck, SMTP: &conf.SMTPCheckParams{}}),
		"agent":             other(conf.Checker{Kind: conf.AgentCheck, Agent: &conf.AgentCheckParams{}}),
		"redis":             query(conf.QueryCheckParams{Query: "redis"}),
		"steps":             query(conf.QueryCheckParams{Steps: steps}),
		"secret mail boxes": query(conf.QueryCheckParams{Query: "imap", TLS: true}),
		"grpc":              other(conf.Checker{Kind: conf.GRPCCheck, GRPC: &conf.GRPCCheckParams{}}),
		"secret grpc":       other(conf.Checker{Kind: conf.GRPCCheck, GRPC: &conf.GRPCCheckParams{TLS: true}}),
	}
}

// TestHostileServers: whatever a server does, a check of it ends in time with the right verdict and a
// reason of one line, takes little memory, and nothing is printed.
func TestHostileServers(t *testing.T) {
	const (
		step, total = 400 * time.Millisecond, 800 * time.Millisecond
		limit       = 8 * time.Second // many run at once, on any machine
		together    = 32
		memory      = 160 << 20 // of all that run together, with their servers
	)
	certificates := []tls.Certificate{certificate(t)}
	printed := capture(t)
	p := newProber(t)
	var most uint64
	over := make(chan struct{})
	var sampler, all sync.WaitGroup
	sampler.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(50 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapInuse+m.StackInuse)
			}
		}
	})
	turns := make(chan struct{}, together)
	runs := 0
	var busy atomic.Int32
	for _, h := range hostileServers() {
		for name, c := range streamChecks() {
			secret := strings.HasPrefix(name, "secret")
			if secret && strings.HasSuffix(name, "page") {
				c.HTTP.URLs[0].VirtualHost = "a.example"
			}
			for _, inTLS := range []bool{false, true} {
				if inTLS && !secret {
					continue
				}
				to := listen(t, "127.0.0.1:0", func(c net.Conn) {
					if inTLS {
						c = tls.Server(c, &tls.Config{Certificates: certificates, NextProtos: []string{"h2", "http/1.1"}})
					}
					h.serve(c)
				})
				c := *c
				c.ConnectIP, c.ConnectPort, c.Timeout, c.TotalTimeout = to.Addr(), to.Port(), step, total
				what := fmt.Sprintf("%s, %s, TLS %v", h.name, name, inTLS)
				runs++
				turns <- struct{}{}
				all.Go(func() {
					defer func() { <-turns }()
					began := time.Now()
					r := p.Probe(t.Context(), probe.Target{Checker: &c})
					took := time.Since(began)
					alive := in(h.alive, name) && inTLS == secret
					switch {
					case r.Late || strings.Contains(r.Reason, "wait for a turn"): // the machine was busy elsewhere
						busy.Add(1)
					case r.Local || r.OK != alive && !(in(h.slow, name) && inTLS == secret):
						t.Errorf("%s: %+v, want alive %v", what, r, alive)
					case took > limit:
						t.Errorf("%s: it took %v", what, took)
					}
					if r.Reason == "" || len(r.Reason) > 400 || strings.ContainsFunc(r.Reason, func(c rune) bool {
						return c < ' '
					}) {
						t.Errorf("%s: reason %q", what, r.Reason)
					}
				})
			}
		}
	}
	all.Wait()
	close(over)
	sampler.Wait()
	if n := int(busy.Load()); n > runs/10 {
		t.Errorf("%d of %d runs had to wait for this machine", n, runs)
	}
	t.Logf("%d runs, memory at most %d MiB", runs, most>>20)
	if most > memory {
		t.Errorf("memory of %d MiB was in use", most>>20)
	}
	if text := printed(); text != "" {
		t.Errorf("it was printed:\n%s", text)
	}
}

// in says whether a list has a name.
func in(list, name string) bool {
	for _, one := range strings.Split(list, ", ") {
		if one == name {
			return true
		}
	}
	return false
}

// capture takes what is printed on standard error from now on.
func capture(t *testing.T) (printed func() string) {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	before, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Dup3(int(file.Fd()), 2, 0); err != nil {
		t.Fatal(err)
	}
	log.SetOutput(os.Stderr)
	return func() string {
		unix.Dup3(before, 2, 0)
		unix.Close(before)
		defer file.Close()
		text, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}
