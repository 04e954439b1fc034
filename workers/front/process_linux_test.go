package front

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lvs-director/director/worker/front"
)

// rig is a front in this process, and a supervisor that answers it.
type rig struct {
	t      *testing.T
	conn   *front.Conn
	asked  atomic.Int64
	mute   atomic.Bool // it does not answer
	fails  atomic.Bool // it answers that it cannot
	mu     sync.Mutex
	report front.Report
	ended  chan error
}

func running(t *testing.T) *rig {
	t.Helper()
	ours, file, err := front.Pair()
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	r := &rig{t: t, conn: ours, ended: make(chan error, 1)}
	go func() { r.ended <- newProcess(&front.Conn{Conn: other}).run() }()
	go r.supervise()
	t.Cleanup(func() {
		ours.Close()
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
		other.Close()
	})
	return r
}

func (r *rig) supervise() {
	for {
		kind, body, err := r.conn.Receive(front.MaxFromFront)
		if err != nil {
			return
		}
		switch {
		case kind == front.Alive:
			var report front.Report
			if err := json.Unmarshal(body, &report); err != nil {
				r.t.Error(err)
			}
			r.mu.Lock()
			r.report = report
			r.mu.Unlock()
		case kind == front.Ask && r.fails.Load():
			_ = r.conn.Send(front.Failed, []byte("director is stopping"), time.Minute)
		case kind == front.Ask && !r.mute.Load():
			n := r.asked.Add(1)
			_ = r.conn.Send(front.Snapshot, fmt.Appendf(nil, `{"version": "%d"}`, n), time.Minute)
		}
	}
}

func (r *rig) listen(at string) {
	r.t.Helper()
	text, err := json.Marshal(front.Settings{Metrics: front.Metrics{Listen: at}})
	if err == nil {
		err = r.conn.Send(front.Apply, text, time.Minute)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) until(what string, condition func() bool) {
	r.t.Helper()
	for end := time.Now().Add(30 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatal("waited in vain until ", what)
		}
	}
}

func (r *rig) problems() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.report.Problems, "\n")
}

// free is a port of this host that nobody has.
func free(t *testing.T) (at string, l net.Listener) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l.Addr().String(), l
}

func get(at string) (code int, body string, err error) {
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + at + "/metrics")
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// TestAPortThatIsTaken is a problem until it is free; then metrics are served.
func TestAPortThatIsTaken(t *testing.T) {
	at, other := free(t)
	r := running(t)
	r.listen(at)
	r.until("it says so", func() bool {
		return strings.Contains(r.problems(), at) && strings.Contains(r.problems(), "address already in use")
	})
	other.Close()
	r.until("metrics are served", func() bool { code, _, err := get(at); return err == nil && code == http.StatusOK })
	r.until("nothing is wrong", func() bool { return r.problems() == "" })
	r.listen("192.0.2.77:9650")
	r.until("an address that is not there is a problem", func() bool {
		return strings.Contains(r.problems(), "at 192.0.2.77:9650: bind: cannot assign requested address")
	})
	if _, _, err := get(at); err == nil {
		t.Error("it still listens at the old place")
	}
	r.listen("")
	r.until("nothing is asked for", func() bool { return r.problems() == "" })
}

// TestReadersShare: however many read at the same time, the supervisor is asked once.
func TestReadersShare(t *testing.T) {
	at, l := free(t)
	l.Close()
	r := running(t)
	r.listen(at)
	r.until("metrics are served", func() bool { _, _, err := get(at); return err == nil })
	before, began := r.asked.Load(), time.Now()
	var readers sync.WaitGroup
	for range 9 {
		readers.Go(func() {
			for range 2 { // fewer in all than one host may in a second
				code, body, err := get(at)
				if err != nil || code != http.StatusOK || !strings.Contains(body, "director_build_info") {
					t.Errorf("%d %v %s", code, err, body)
				}
			}
		})
	}
	readers.Wait()
	most := int64(time.Since(began)/front.SnapshotInterval) + 1
	if asked := r.asked.Load() - before; asked > most {
		t.Errorf("the supervisor was asked %d times in %v", asked, time.Since(began))
	}
}

// TestNoStatus: a reader is told that there is none, rather than an old one.
func TestNoStatus(t *testing.T) {
	at, l := free(t)
	l.Close()
	r := running(t)
	r.fails.Store(true)
	r.listen(at)
	r.until("readers are told why", func() bool {
		code, body, err := get(at)
		return err == nil && code == http.StatusServiceUnavailable && strings.Contains(body, "director is stopping")
	})
}

// TestTooManyClients: those of one address do not keep others out, and who says nothing is let go.
func TestTooManyClients(t *testing.T) {
	at, l := free(t)
	l.Close()
	r := running(t)
	r.listen(at)
	r.until("metrics are served", func() bool { _, _, err := get(at); return err == nil })
	held := make([]net.Conn, 0, 1000)
	defer func() {
		for _, c := range held {
			c.Close()
		}
	}()
	for range 1000 {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	elsewhere := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	c, err := elsewhere.DialContext(context.Background(), "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /metrics HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal("another address is kept out: ", err)
	}
	defer answer.Body.Close()
	unzipped, err := gzip.NewReader(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(unzipped); err != nil || !strings.Contains(string(text), "director_build_info") {
		t.Errorf("%v in %s", err, text)
	}
	let := 0
	for _, c := range held {
		if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err != nil && !strings.Contains(err.Error(), "timeout") {
			let++
		}
	}
	if let < 1000-maxOfAddress {
		t.Errorf("%d of 1000 connections of one address are closed", let)
	}
}

// TestTooManyRequests: a budget is for a second, and a host that has used its own leaves the others theirs.
func TestTooManyRequests(t *testing.T) {
	b := budget{of: make(map[netip.Addr]int)}
	now := time.Unix(1000, 0)
	one, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for n := range 10 * perSecond {
		if got := b.take(now, one); got != (n < ofOne) {
			t.Fatalf("request %d: %v", n, got)
		}
	}
	if !b.take(now, other) {
		t.Error("another host has no room")
	}
	for n := range perSecond {
		b.take(now, netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}))
	}
	if b.take(now, netip.MustParseAddr("10.1.0.1")) {
		t.Error("all together have more than their budget")
	}
	if !b.take(now.Add(time.Second), one) {
		t.Error("the next second has no room")
	}
	if a, b := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2:0:0:1"); host(a) != host(b) {
		t.Errorf("%v and %v of one link are two hosts", a, b)
	}
}
