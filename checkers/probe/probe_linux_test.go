package probe_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"golang.org/x/sys/unix"
)

func parseIP(s string) net.IP { return net.ParseIP(s) }

func newProber(t *testing.T) *probe.Prober {
	t.Helper()
	p, err := probe.New(probe.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// listen accepts connections and hands them to serve, which is called in turn.
func listen(t *testing.T, address string, serve func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
			c.Close()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

func tcpCheck(to netip.AddrPort) *conf.Checker {
	return &conf.Checker{Kind: conf.TCPCheck, ConnectIP: to.Addr(), ConnectPort: to.Port(), Timeout: 5 * time.Second}
}

func run(t *testing.T, p *probe.Prober, c *conf.Checker) probe.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r := p.Probe(ctx, probe.Target{Checker: c})
	if ctx.Err() != nil {
		t.Fatal("the run did not end")
	}
	return r
}

func wantResult(t *testing.T, r probe.Result, ok, local bool, reason string) {
	t.Helper()
	if r.OK != ok || r.Local != local || !strings.Contains(r.Reason, reason) {
		t.Errorf("result %+v, want OK=%v Local=%v and a reason with %q", r, ok, local, reason)
	}
	if strings.ContainsAny(r.Reason, "\r\n") {
		t.Errorf("reason %q is not one line", r.Reason)
	}
}

func TestTCP(t *testing.T) {
	from := make(chan netip.AddrPort, 10)
	open := listen(t, "127.0.0.1:0", func(c net.Conn) {
		from <- netip.MustParseAddrPort(c.RemoteAddr().String())
	})
	open6 := listen(t, "[::1]:0", func(net.Conn) {})
	closed := closedPort(t)
	dead := netip.MustParseAddrPort(silent + ":80")
	p := newProber(t)

	t.Run("connected", func(t *testing.T) {
		wantResult(t, run(t, p, tcpCheck(open)), true, false, "connected to "+open.String())
		<-from
		wantResult(t, run(t, p, tcpCheck(open6)), true, false, "connected to [::1]:")
	})
	t.Run("refused", func(t *testing.T) {
		wantResult(t, run(t, p, tcpCheck(closed)), false, false, "connect to "+closed.String()+": connection refused")
	})
	t.Run("timeout", func(t *testing.T) {
		c := tcpCheck(dead)
		c.Timeout = 50 * time.Millisecond
		r := run(t, p, c)
		wantResult(t, r, false, false, "connect to 10.77.0.2:80: no answer in 50ms")
		if r.Took < c.Timeout {
			t.Errorf("took %v, less than the timeout", r.Took)
		}
	})
	t.Run("no route", func(t *testing.T) {
		wantResult(t, run(t, p, tcpCheck(netip.MustParseAddrPort("192.0.2.1:80"))), false, false, "network is unreachable")
	})
	t.Run("bindto", func(t *testing.T) {
		c := tcpCheck(open)
		c.BindIP = netip.MustParseAddr("127.0.0.5")
		wantResult(t, run(t, p, c), true, false, "connected")
		if got := <-from; got.Addr() != c.BindIP {
			t.Errorf("came from %v, want %v", got, c.BindIP)
		}
	})
	t.Run("bind_port", func(t *testing.T) {
		c := tcpCheck(open)
		c.BindPort = 7777
		for range 3 { // at once again: the port must be free
			wantResult(t, run(t, p, c), true, false, "connected")
			if got := <-from; got.Port() != 7777 {
				t.Errorf("came from %v, want port 7777", got)
			}
		}
	})
	t.Run("bind_if and fwmark", func(t *testing.T) {
		c := tcpCheck(open)
		c.BindIf, c.FWMark = "lo", 7
		wantResult(t, run(t, p, c), true, false, "connected")
		<-from
		// Bound to the other interface the listener cannot be reached: the option has an effect.
		c.BindIf, c.Timeout = "probe0", 50*time.Millisecond
		if r := run(t, p, c); r.OK {
			t.Errorf("reached 127.0.0.1 through probe0: %+v", r)
		}
	})
	t.Run("local failures", func(t *testing.T) {
		c := tcpCheck(open)
		c.BindIf = "nosuch0"
		wantResult(t, run(t, p, c), false, true, "bind to interface nosuch0: no such device")
		c = tcpCheck(open)
		c.BindIP = netip.MustParseAddr("192.0.2.9")
		wantResult(t, run(t, p, c), false, true, "bind to 192.0.2.9:0: cannot assign requested address")
		wantResult(t, run(t, p, &conf.Checker{Kind: conf.BFDCheck}), false, true, "BFD_CHECK")
	})
}

// TestSelfConnect asks often for a closed port of the ephemeral range on the host's own address.
func TestSelfConnect(t *testing.T) {
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("40000 40001"), 0); err != nil {
		t.Skip("SKIP: cannot narrow the range of source ports:", err)
	}
	defer os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("32768 60999"), 0)
	p := newProber(t)
	for range 20 {
		r := run(t, p, tcpCheck(netip.MustParseAddrPort("127.0.0.1:40000")))
		if r.OK {
			t.Fatalf("nobody listens, and yet: %+v", r)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	var accepted atomic.Int32
	open := listen(t, "127.0.0.1:0", func(net.Conn) { accepted.Add(1) })
	closed := closedPort(t)
	dead := netip.MustParseAddrPort(silent + ":80")
	p := newProber(t)
	before := runtime.NumGoroutine()

	const each = 300
	results := make(chan probe.Result, 3*each)
	var start func(c *conf.Checker)
	start = func(c *conf.Checker) {
		p.Start(probe.Target{Checker: c}, func(r probe.Result) {
			if r.Late { // on a busy machine: it is to be made again
				start(c)
				return
			}
			results <- r
		})
	}
	for range each {
		for _, to := range []netip.AddrPort{open, closed, dead} {
			c := tcpCheck(to)
			if to == dead {
				c.Timeout = 300 * time.Millisecond
			}
			start(c)
		}
	}
	if n := runtime.NumGoroutine(); n > before+5 {
		t.Errorf("%d goroutines for %d checks", n-before, 3*each)
	}
	count := map[string]int{}
	for range 3 * each {
		switch r := <-results; {
		case r.OK:
			count["ok"]++
		case strings.Contains(r.Reason, "refused"):
			count["refused"]++
		case strings.Contains(r.Reason, "no answer"):
			count["silent"]++
		default:
			t.Fatalf("unexpected %+v", r)
		}
	}
	if count["ok"] != each || count["refused"] != each || count["silent"] != each {
		t.Errorf("%v, want %d of each", count, each)
	}
}

// TestCancelAndClose leaves nothing behind: no descriptor, no goroutine, no late call.
func TestCancelAndClose(t *testing.T) {
	descriptors := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	goroutines, fds := runtime.NumGoroutine(), descriptors()
	p, err := probe.New(probe.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int32
	web := listen(t, "127.0.0.1:0", func(c net.Conn) { io.ReadAll(c) }) // never answers
	for i := range 60 {
		c := tcpCheck(netip.MustParseAddrPort(silent + ":80"))
		switch i % 3 {
		case 1:
			c.Kind = conf.PingCheck
		case 2:
			c = httpCheck(web, "/")
		}
		cancel := p.Start(probe.Target{Checker: c}, func(probe.Result) { calls.Add(1) })
		if i < 30 {
			cancel()
			cancel() // twice does no harm
		}
	}
	wait(t, "runs to begin", func() bool { return descriptors() > fds+20 })
	p.Close()
	p.Close()
	wait(t, "everything to end", func() bool {
		// The listener of this test has a goroutine and a descriptor, and may be reading the last connection.
		return descriptors() <= fds+3 && runtime.NumGoroutine() <= goroutines+1
	})
	if n := calls.Load(); n != 0 {
		t.Errorf("%d results of cancelled runs", n)
	}
	// A closed prober takes no more work, quietly.
	p.Start(probe.Target{Checker: tcpCheck(web)}, func(probe.Result) { calls.Add(1) })()
	if r := p.Probe(t.Context(), probe.Target{Checker: tcpCheck(web)}); !r.Local {
		t.Errorf("closed prober: %+v", r)
	}
}

// wait polls a condition of the kernel or the runtime.
func wait(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("waited in vain for %s\n%s", what, buf[:runtime.Stack(buf, true)])
		}
	}
}

func TestPing(t *testing.T) {
	p := newProber(t)
	ping := func(to string) *conf.Checker {
		return &conf.Checker{Kind: conf.PingCheck, ConnectIP: netip.MustParseAddr(to), Timeout: 5 * time.Second}
	}
	t.Run("reply", func(t *testing.T) {
		wantResult(t, run(t, p, ping("127.0.0.1")), true, false, "reply from 127.0.0.1")
		wantResult(t, run(t, p, ping("::1")), true, false, "reply from ::1")
		c := ping("127.0.0.1")
		c.BindIP, c.BindIf, c.FWMark = netip.MustParseAddr("127.0.0.9"), "lo", 3
		wantResult(t, run(t, p, c), true, false, "reply")
	})
	t.Run("silence", func(t *testing.T) {
		c := ping(silent)
		c.Timeout = 50 * time.Millisecond
		wantResult(t, run(t, p, c), false, false, "ping 10.77.0.2: no answer in 50ms")
	})
	t.Run("unreachable", func(t *testing.T) {
		wantResult(t, run(t, p, ping("192.0.2.1")), false, false, "network is unreachable")
		c := ping(unreachable)
		c.Timeout = 15 * time.Second
		wantResult(t, run(t, p, c), false, false, "ping 10.77.0.3: no route to host")
	})
	t.Run("local failure", func(t *testing.T) {
		c := ping("127.0.0.1")
		c.BindIf = "nosuch0"
		wantResult(t, run(t, p, c), false, true, "bind to interface nosuch0: no such device")
	})
	t.Run("many at once", func(t *testing.T) {
		results := make(chan probe.Result, 200)
		for i := range 200 {
			c := ping("127.0.0.1")
			if i%2 == 1 {
				c = ping(silent)
				c.Timeout = 300 * time.Millisecond
			}
			p.Start(probe.Target{Checker: c}, func(r probe.Result) { results <- r })
		}
		ok := 0
		for range 200 {
			if r := <-results; r.OK {
				ok++
			} else if !strings.Contains(r.Reason, "no answer") {
				t.Errorf("unexpected %+v", r)
			}
		}
		if ok != 100 {
			t.Errorf("%d replies, want 100", ok)
		}
	})
}

// TestPortable runs the network of other systems.
func TestPortable(t *testing.T) {
	before := runtime.NumGoroutine()
	p := probe.NewDialer(probe.Options{Log: slog.New(slog.DiscardHandler)})
	open := listen(t, "127.0.0.1:0", func(net.Conn) {})
	wantResult(t, run(t, p, tcpCheck(open)), true, false, "connected")
	closed := closedPort(t)
	wantResult(t, run(t, p, tcpCheck(closed)), false, false, "connect to "+closed.String()+": connection refused")
	c := tcpCheck(netip.MustParseAddrPort(silent + ":80"))
	c.Timeout = 50 * time.Millisecond
	wantResult(t, run(t, p, c), false, false, "no answer in 50ms")
	c.BindIf = "lo"
	wantResult(t, run(t, p, c), false, true, "not supported")
	wantResult(t, run(t, p, &conf.Checker{Kind: conf.PingCheck, ConnectIP: open.Addr()}), false, true, "not supported")

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	wantResult(t, p.Probe(ctx, probe.Target{Checker: tcpCheck(netip.MustParseAddrPort(silent + ":80"))}), false, true,
		"enough")
	p.Close()
	wait(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before+1 })
}

// A process that may not open another file says so, and knows nothing about the server; with the
// rights of root it makes room beforehand.
func TestOpenFiles(t *testing.T) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	set := func(soft, hard uint64) {
		t.Helper()
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: soft, Max: hard}); err != nil {
			t.Fatal(err)
		}
	}
	defer set(before.Cur, before.Max)
	p := newProber(t)
	there := tcpCheck(listen(t, "127.0.0.1:0", func(net.Conn) {}))
	set(3, before.Max)
	wantResult(t, run(t, p, there), false, true, "raise the limit of open files")
	set(before.Cur, before.Max)
	wantResult(t, run(t, p, there), true, false, "connected")
	if err := probe.RoomFor(int(before.Max)); err != nil {
		t.Skip("SKIP: without CAP_SYS_RESOURCE:", err)
	}
	var after unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &after); err != nil || after.Cur <= before.Max {
		t.Errorf("the limit is %+v, %v", after, err)
	}
}
