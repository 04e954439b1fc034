package probe_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
)

// serveAll is listen for a serve that takes long: every connection has a goroutine.
func serveAll(t *testing.T, serve func(net.Conn)) netip.AddrPort {
	t.Helper()
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

// Thousands of servers that say a byte now and then delay no check of another one.
func TestDribblersDelayNobody(t *testing.T) {
	const dribblers = 1500
	p := newProber(t)
	slow := serveAll(t, func(c net.Conn) {
		_, err := io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n")
		for ; err == nil; _, err = io.WriteString(c, "x") {
			time.Sleep(time.Second)
		}
	})
	well := listen(t, "127.0.0.1:0", func(c net.Conn) {
		c.Read(make([]byte, 1024))
		io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\nwell")
	})
	var over atomic.Bool
	dribbled := httpCheck(slow, "/")
	// More than this test takes on a busy machine: four times connect_timeout was not.
	dribbled.Timeout, dribbled.TotalTimeout = time.Minute, 10*time.Minute
	for range dribblers {
		cancel := p.Start(probe.Target{Checker: dribbled}, func(r probe.Result) {
			if !over.Load() {
				t.Errorf("a server that says a byte every second: %+v", r)
			}
		})
		defer cancel()
	}
	// Checks that waited for dribblers would wait until this test ends. How fast they are on a busy
	// machine, with 3,000 goroutines of this test beside them, is another question.
	healthy := httpCheck(well, "/")
	healthy.Timeout = 30 * time.Second
	for range 20 {
		if r := run(t, p, healthy); !r.OK {
			t.Fatalf("a healthy server: %+v", r)
		}
		time.Sleep(100 * time.Millisecond)
	}
	over.Store(true)
}

// An answer is judged as a whole, however it comes, and the request is sent once.
func TestAnswersInPieces(t *testing.T) {
	const request = "GET / HTTP/1.0\r\n"
	long := strings.Repeat("a long page\n", 20000)
	for _, test := range []struct {
		name, body string
		pieces     int
		sized      bool // it says how long it is, and the connection stays open
	}{
		{"at once", "page", 1, false},
		{"at once, sized", "page", 1, true},
		{"3 pieces", "a page of several words", 3, false},
		{"3 pieces, sized", "a page of several words", 3, true},
		{"100 pieces", strings.Repeat("a page", 100), 100, false},
		{"100 pieces, sized", strings.Repeat("a page", 100), 100, true},
		{"long", long, 1, false},
		{"long, sized", long, 1, true},
		{"long, 30 pieces", long, 30, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan string, 1)
			hold := make(chan struct{})
			to := listen(t, "127.0.0.1:0", func(c net.Conn) {
				buf := make([]byte, 4096)
				n, _ := c.Read(buf)
				answer := "HTTP/1.0 200 OK\r\n\r\n" + test.body
				if test.sized {
					answer = fmt.Sprintf("HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(test.body), test.body)
				}
				size := (len(answer) + test.pieces - 1) / test.pieces
				for len(answer) > 0 {
					piece := answer[:min(size, len(answer))]
					answer = answer[len(piece):]
					io.WriteString(c, piece)
					if test.pieces > 1 {
						time.Sleep(5 * time.Millisecond)
					}
				}
				if test.sized {
					<-hold
					rest, _ := io.ReadAll(c)
					n += copy(buf[n:], rest)
				}
				asked <- string(buf[:n])
			})
			sum := md5.Sum([]byte(test.body))
			c := httpCheck(to, "/")
			c.HTTP.URLs[0].Digest = hex.EncodeToString(sum[:])
			r := run(t, newProber(t), c)
			close(hold)
			if !r.OK {
				t.Errorf("%+v", r)
			}
			if got := <-asked; strings.Count(got, request) != 1 {
				t.Errorf("the server was asked %q", got)
			}
		})
	}
}

// What a server does instead of answering is said in the same words, wherever it happens.
func TestConversationsThatFail(t *testing.T) {
	p := newProber(t)
	for _, test := range []struct {
		name, reason string
		serve        func(c net.Conn)
	}{
		{"closes at once", "connection closed before any answer", func(c net.Conn) { c.Read(make([]byte, 1024)) }},
		{"resets", "connection reset by peer", func(c net.Conn) {
			c.Read(make([]byte, 1024))
			c.(*net.TCPConn).SetLinger(0)
		}},
		{"is silent", "answer: no answer in 300ms", func(c net.Conn) { io.Copy(io.Discard, c) }},
		{"stops", "body after 4 bytes: no answer in 300ms", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\nbody")
			io.Copy(io.Discard, c)
		}},
		{"dribbles", "not complete within", func(c net.Conn) {
			for _, err := io.WriteString(c, "H"); err == nil; _, err = io.WriteString(c, "T") {
				time.Sleep(50 * time.Millisecond)
			}
		}},
		{"dribbles slowly", "not complete within", func(c net.Conn) {
			for _, err := io.WriteString(c, "H"); err == nil; _, err = io.WriteString(c, "T") {
				time.Sleep(200 * time.Millisecond)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := httpCheck(listen(t, "127.0.0.1:0", test.serve), "/")
			c.Timeout = 300 * time.Millisecond
			r := run(t, p, c)
			wantResult(t, r, false, false, test.reason)
			if r.Took > 5*time.Second {
				t.Errorf("it took %v", r.Took)
			}
		})
	}
}

// A time that is over, and that this process notices much too late, says nothing about a server.
func TestTimeoutsThatWereNoticedLate(t *testing.T) {
	const timeout = 200 * time.Millisecond
	p := newProber(t)
	quiet := listen(t, "127.0.0.1:0", func(c net.Conn) { io.Copy(io.Discard, c) })
	there := tcpCheck(listen(t, "127.0.0.1:0", func(net.Conn) {}))
	gone := tcpCheck(netip.MustParseAddrPort(silent + ":80"))
	ping := &conf.Checker{Kind: conf.PingCheck, ConnectIP: netip.MustParseAddr(silent)}
	web := httpCheck(quiet, "/")
	var done sync.WaitGroup
	for _, c := range []*conf.Checker{gone, ping, web} {
		c.Timeout = timeout
		done.Add(1)
		p.Start(probe.Target{Checker: c}, func(r probe.Result) {
			if r.OK || !r.Local || !r.Late {
				t.Errorf("%s: %+v", c.Kind, r)
			}
			done.Done()
		})
	}
	time.Sleep(timeout / 4)
	done.Add(1)
	p.Start(probe.Target{Checker: there}, func(probe.Result) {
		time.Sleep(4 * timeout) // the goroutine that reads what servers send
		done.Done()
	})
	done.Wait()
}

// The wait for one of the goroutines that exchange data has a limit, and is no verdict.
func TestWaitForATurn(t *testing.T) {
	p := newProber(t)
	p.LimitExchanges(1)
	dribbles := httpCheck(serveAll(t, func(c net.Conn) {
		for _, err := io.WriteString(c, "H"); err == nil; _, err = io.WriteString(c, "T") {
			time.Sleep(10 * time.Millisecond)
		}
	}), "/")
	dribbles.Timeout = time.Second
	results := make(chan probe.Result, 2)
	for range 2 {
		p.Start(probe.Target{Checker: dribbles}, func(r probe.Result) { results <- r })
	}
	waited := <-results
	wantResult(t, waited, false, true, "slow servers keep this host")
	if waited.Took > 3*time.Second {
		t.Errorf("it took %v", waited.Took)
	}
	wantResult(t, <-results, false, false, "not complete within")
}

// TestEveryWaitForATurnEnds: a turn that comes when the wait for it is over loses no result.
func TestEveryWaitForATurnEnds(t *testing.T) {
	p := newProber(t)
	p.LimitExchanges(1)
	silent := listen(t, "127.0.0.1:0", func(c net.Conn) { io.Copy(io.Discard, c) })
	c := httpCheck(silent, "/")
	c.Kind, c.HTTP, c.Query, c.Timeout = conf.QueryCheck, nil, &conf.QueryCheckParams{Query: "mysql"}, 2*time.Millisecond
	const runs = 3000
	ended := make(chan struct{}, runs)
	for range runs {
		p.Start(probe.Target{Checker: c}, func(probe.Result) { ended <- struct{}{} })
	}
	limit := time.After(30 * time.Second)
	for n := range runs {
		select {
		case <-ended:
		case <-limit:
			t.Fatalf("%d of %d runs have not ended", runs-n, runs)
		}
	}
}
