package probe_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
)

// says is a server that sends text by turns: after a connect, and after each read.
func says(texts ...string) func(net.Conn) {
	return func(c net.Conn) {
		buf := make([]byte, 4096)
		for i, text := range texts {
			if i > 0 {
				if _, err := c.Read(buf); err != nil {
					return
				}
			}
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
		c.Read(buf)
	}
}

// TestReadyQueries: what servers of each kind say, well and not.
func TestReadyQueries(t *testing.T) {
	const bind = "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01"
	p := newProber(t)
	for _, test := range []struct {
		query  string
		texts  []string
		ok     bool
		reason string
	}{
		{"redis", []string{"", "+PONG\r\n"}, true, "redis: answered as expected"},
		{"redis", []string{"", "-NOAUTH Authentication required.\r\n"}, true, "answered as expected"},
		{"redis", []string{"", "-LOADING Redis is loading the dataset in memory\r\n"}, false, "after -LOADING Redis"},
		{"redis", []string{"HTTP/1.1 400 Bad Request\r\n"}, false, "HTTP/1.1 400"},
		{"mysql", []string{"\x4a\x00\x00\x00\x0a8.0.36\x00\x08"}, true, "answered as expected"},
		{"mysql", []string{"\x17\x00\x00\x01\xff\x10\x04Too many connections"}, false, "Too many connections"},
		{"postgres", []string{"", "R\x00\x00\x00\x08\x00\x00\x00\x03"}, true, "answered as expected"},
		{"postgres", []string{"", "E\x00\x00\x00\x50SFATAL\x00VFATAL\x00C28000\x00Mno pg_hba.conf entry\x00\x00"}, true,
			"answered as expected"},
		{"postgres", []string{"", "E\x00\x00\x00\x50SFATAL\x00VFATAL\x00C57P03\x00Mthe database is starting up\x00\x00"},
			false, "starting up"},
		{"imap", []string{"* OK Dovecot ready.\r\n", "* BYE Logging out\r\na OK Logout completed.\r\n"}, true,
			"answered as expected"},
		{"imap", []string{"* BYE Too many connections\r\n"}, false, "after * BYE Too many"},
		{"pop3", []string{"+OK ready\r\n", "+OK bye\r\n"}, true, "answered as expected"},
		{"pop3", []string{"-ERR busy\r\n"}, false, "after -ERR busy"},
		{"ldap", []string{"", bind + "\x00\x04\x00\x04\x00"}, true, "answered as expected"},
		{"ldap", []string{"", "\x30\x84\x00\x00\x00\x10\x02\x01\x01\x61\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00"},
			true, "answered as expected"},
		{"ldap", []string{"", bind + "\x33\x04\x00\x04\x00"}, false, "no answer in 1s"}, // busy
	} {
		t.Run(test.query, func(t *testing.T) {
			c := httpCheck(listen(t, "127.0.0.1:0", says(test.texts...)), "/")
			c.Kind, c.HTTP, c.Query, c.Timeout = conf.QueryCheck, nil, &conf.QueryCheckParams{Query: test.query},
				time.Second
			wantResult(t, run(t, p, c), test.ok, false, test.reason)
		})
	}
}

// TestQuery: steps of one's own, and servers that are hostile.
func TestQuery(t *testing.T) {
	hello := []conf.QueryStep{{Expect: "^hello"}, {Send: "who\x00"}, {Expect: "me$"}}
	p := newProber(t)
	for _, test := range []struct {
		name   string
		serve  func(net.Conn)
		steps  []conf.QueryStep
		ok     bool
		reason string
	}{
		{"as expected", says("hello\n", "it is me"), hello, true, "query: answered as expected"},
		{"in pieces", func(c net.Conn) {
			for _, piece := range []string{"h", "el", "lo"} {
				io.WriteString(c, piece)
				time.Sleep(20 * time.Millisecond)
			}
			says("", "me")(c)
		}, hello, true, "answered as expected"},
		{"two answers at once", says("hello me"), []conf.QueryStep{{Expect: "hello"}, {Expect: "me"}}, true,
			"answered as expected"},
		{"what was matched counts once", says("hello"), []conf.QueryStep{{Expect: "hello"}, {Expect: "hello"}}, false,
			"step 2, expect: no answer in 1s"},
		{"closes", func(net.Conn) {}, hello, false, "step 1: the server closed the connection without an answer"},
		{"says something else and closes", func(c net.Conn) { io.WriteString(c, "go\x1b[31m away") }, hello, false,
			"step 1: not what is expected: go?[31m away"},
		{"says nothing", says(""), hello, false, "step 1, expect: no answer in 1s"},
		{"says too much", func(c net.Conn) { io.Copy(c, strings.NewReader(strings.Repeat("x", 1<<20))) }, hello, false,
			"not what is expected in 16384 bytes"},
		{"dribbles", func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, "x"); err != nil {
					return
				}
				time.Sleep(30 * time.Millisecond)
			}
		}, hello, false, "not complete within 3s"},
		{"bytes", says("\x00\xff\xfe\x80then"), []conf.QueryStep{{Expect: `^\x00\xff[\xf0-\xfe]\x80`},
			{Expect: "^then$"}}, true, "answered as expected"},
		{"other bytes", says("\xc3\xbf"), []conf.QueryStep{{Expect: `^\xff`}}, false, "no answer in 1s"},
		{"text", says("größe"), []conf.QueryStep{{Expect: "^größ"}, {Expect: "^e$"}}, true, "answered as expected"},
		{"only connects", says(""), nil, true, "query: connected"},
		{"TLS that is none", says("hello"), []conf.QueryStep{{StartTLS: true}}, false, "step 1, starttls"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := httpCheck(listen(t, "127.0.0.1:0", test.serve), "/")
			c.Kind, c.HTTP, c.Query, c.Timeout = conf.QueryCheck, nil, &conf.QueryCheckParams{Steps: test.steps}, time.Second
			c.TotalTimeout = 3 * time.Second
			wantResult(t, run(t, p, c), test.ok, false, test.reason)
		})
	}
}

// TestQueryOverTLS: at once, and after a word in plain text.
func TestQueryOverTLS(t *testing.T) {
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	web := listen(t, "127.0.0.1:0", func(c net.Conn) {
		var conn net.Conn = c
		b := bufio.NewReader(c)
		if first, err := b.Peek(1); err == nil && first[0] == 'S' {
			b.ReadString('\n')
			io.WriteString(c, "go ahead\r\n")
		}
		secure := tls.Server(readAhead{conn, b}, config)
		line, _ := bufio.NewReader(secure).ReadString('\n')
		io.WriteString(secure, "secret "+line)
		secure.Close()
	})
	p := newProber(t)
	ask := []conf.QueryStep{{Send: "x\n"}, {Expect: "^secret x"}}
	for _, q := range []*conf.QueryCheckParams{
		{TLS: true, SNI: "a.example", Steps: ask},
		{Steps: append([]conf.QueryStep{{Send: "STARTTLS\r\n"}, {Expect: "^go"}, {StartTLS: true}}, ask...)},
	} {
		c := httpCheck(web, "/")
		c.Kind, c.HTTP, c.Query = conf.QueryCheck, nil, q
		wantResult(t, run(t, p, c), true, false, "answered as expected")
	}
}

// readAhead is a connection of which something was read before.
type readAhead struct {
	net.Conn
	b *bufio.Reader
}

func (r readAhead) Read(b []byte) (int, error) { return r.b.Read(b) }

// TestGRPC: the health service says which service is served.
func TestGRPC(t *testing.T) {
	answer := func(w http.ResponseWriter, status string, body ...byte) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		w.Write(body)
		w.Header().Set("Grpc-Status", status)
	}
	health := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/grpc.health.v1.Health/Check" || r.Header.Get("Te") != "trailers" || r.ProtoMajor != 2 ||
			len(asked) < 5 {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		switch name := strings.TrimLeft(string(asked[5:]), "\x0a\x04\x05\x06\x07\x08"); name {
		case "":
			answer(w, "0", 0, 0, 0, 0, 2, 1<<3, 1)
		case "down":
			answer(w, "0", 0, 0, 0, 0, 2, 1<<3, 2)
		case "start":
			answer(w, "0", 0, 0, 0, 0, 0)
		case "future":
			answer(w, "0", 0, 0, 0, 0, 3, 1<<3, 0xac, 0x02)
		case "broken":
			answer(w, "0", 0, 0, 0, 0, 9, 1)
		case "nothing":
			answer(w, "12")
		case "plain":
			io.WriteString(w, "hello")
		case "long":
			answer(w, "0", make([]byte, 1<<20)...)
		case "slow":
			<-r.Context().Done()
		default:
			answer(w, "5")
		}
	})
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}, NextProtos: []string{"h2"}}
	server := &http.Server{Handler: health, Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	server.Protocols.SetHTTP2(true)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secure, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{}, 2)
	for _, l := range []net.Listener{l, tls.NewListener(secure, config)} {
		go func() { server.Serve(l); ended <- struct{}{} }()
	}
	defer func() { server.Close(); <-ended; <-ended }()
	p := newProber(t)
	for _, test := range []struct {
		name   string
		ok     bool
		reason string
	}{
		{"", true, "grpc: SERVING"},
		{"down", false, "grpc: NOT_SERVING"},
		{"start", false, "grpc: UNKNOWN"},
		{"future", false, "grpc: state 300"},
		{"broken", false, "are no HealthCheckResponse"},
		{"nothing", false, "the server has no health service"},
		{"plain", false, "it is no gRPC server"},
		{"long", false, "longer than 1024 bytes"},
		{"slow", false, "no answer in 1s"},
		{"absent", false, "does not know the service"},
	} {
		for _, secret := range []bool{false, true} {
			c := httpCheck(l.Addr().(*net.TCPAddr).AddrPort(), "/")
			if secret {
				c.ConnectPort = secure.Addr().(*net.TCPAddr).AddrPort().Port()
			}
			c.Kind, c.HTTP, c.GRPC = conf.GRPCCheck, nil, &conf.GRPCCheckParams{Service: test.name, TLS: secret}
			c.Timeout = time.Second
			wantResult(t, run(t, p, c), test.ok, false, test.reason)
		}
	}
	// A server that asks for answers without end, and reads none.
	flood := listen(t, "127.0.0.1:0", func(c net.Conn) {
		io.WriteString(c, "\x00\x00\x00\x04\x00\x00\x00\x00\x00")
		pings := strings.Repeat("\x00\x00\x08\x06\x00\x00\x00\x00\x00pingping", 1000)
		for {
			if _, err := io.WriteString(c, pings); err != nil {
				return
			}
		}
	})
	c := httpCheck(flood, "/")
	c.Kind, c.HTTP, c.GRPC, c.Timeout = conf.GRPCCheck, nil, &conf.GRPCCheckParams{}, time.Second
	if r := run(t, p, c); r.OK {
		t.Errorf("%+v", r)
	}
	for text, reason := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n\r\n":     "grpc: ",
		"":                                     "grpc: ",
		"\x00\x00\x00\x04\x00\x00\x00\x00\x00": "no answer in 1s",
	} {
		c := httpCheck(listen(t, "127.0.0.1:0", func(c net.Conn) {
			io.WriteString(c, text)
			if text != "" {
				io.Copy(io.Discard, c)
			}
		}), "/")
		c.Kind, c.HTTP, c.GRPC, c.Timeout = conf.GRPCCheck, nil, &conf.GRPCCheckParams{}, time.Second
		wantResult(t, p.Probe(context.Background(), probe.Target{Checker: c}), false, false, reason)
	}
}
