package peer

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lvs-director/director/worker/front"
	"github.com/lvs-director/director/workers/front/peer/agree"
)

var testKey = []byte(strings.Repeat("k", agree.KeySize))

func newID(t *testing.T) *identity {
	t.Helper()
	i, err := newIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// side is one that meets another.
type side struct {
	who  *identity
	role agree.Role
	key  []byte
	conn net.Conn
}

// meeting has both sides meet, and gives what came of it: of the dialer, then of the listener.
func bothMeet(t *testing.T, sides [2]side) (peers [2]met, errs [2]error) {
	t.Helper()
	var all sync.WaitGroup
	for n, s := range sides {
		all.Go(func() {
			peers[n], errs[n] = s.who.meet(t.Context(), s.who.secure(s.conn, s.role), s.role, string(rune('a'+n)), s.key)
			if errs[n] != nil {
				s.conn.Close()
			}
		})
	}
	all.Wait()
	return peers, errs
}

// TestMeeting: those who have the same key meet, and know each other's names. Who has another key, another
// version or is the same process is told apart.
func TestMeeting(t *testing.T) {
	other := []byte(strings.Repeat("o", agree.KeySize))
	later := newID(t)
	later.hello.Protocol, later.hello.Oldest = 9, 9
	itself := newID(t)
	for name, c := range map[string]struct {
		dialer, listener *identity
		key              []byte // of the listener
		want             error
	}{
		"good":        {newID(t), newID(t), testKey, nil},
		"another key": {newID(t), newID(t), other, agree.ErrKey},
		"version":     {newID(t), later, testKey, agree.ErrProtocol},
		"itself":      {itself, itself, testKey, agree.ErrItself},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := net.Pipe()
			defer a.Close()
			defer b.Close()
			peers, errs := bothMeet(t, [2]side{{c.dialer, agree.Dialer, testKey, a}, {c.listener, agree.Listener, c.key, b}})
			for n, err := range errs {
				if !errors.Is(err, c.want) || c.want == nil && (err != nil || peers[n].Name != string(rune('b'-n))) {
					t.Errorf("side %d: met %+v, %v, want %v", n, peers[n], err, c.want)
				}
			}
		})
	}
}

// secured makes a session of somebody who has no key, and exchanges greetings.
func secured(t *testing.T, who *identity, c net.Conn, role agree.Role) *tls.Conn {
	t.Helper()
	s := who.secure(c, role)
	_ = s.SetDeadline(time.Now().Add(10 * time.Second))
	if err := s.HandshakeContext(t.Context()); err != nil {
		t.Error(err)
	}
	return s
}

func frameOf(t *testing.T, c net.Conn) (byte, []byte) {
	t.Helper()
	kind, body, err := readFrame(c, agree.MaxHello)
	if err != nil {
		t.Error(err)
	}
	return kind, body
}

// TestReflection: who sends the dialer its own greeting and its own proof has proved nothing.
func TestReflection(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	honest := newID(t)
	result := make(chan error, 1)
	go func() {
		_, err := honest.meet(t.Context(), honest.secure(a, agree.Dialer), agree.Dialer, "lb1", testKey)
		result <- err
	}()
	attacker := newID(t)
	s := secured(t, attacker, b, agree.Listener)
	_, hello := frameOf(t, s)
	// Its identity is changed, or it would see itself.
	mine := strings.Replace(string(hello), honest.hello.ID, attacker.hello.ID, 1)
	if err := writeFrame(s, kindHello, []byte(mine)); err != nil {
		t.Fatal(err)
	}
	_, proof := frameOf(t, s)
	if err := writeFrame(s, kindProof, proof); err != nil {
		t.Fatal(err)
	}
	if err := <-result; !errors.Is(err, agree.ErrKey) {
		t.Errorf("a proof that was sent back: %v", err)
	}
	if agree.Proves(testKey, agree.Claim{Role: agree.Listener, Name: "a"},
		agree.Proof(testKey, agree.Claim{Role: agree.Dialer, Name: "a"})) {
		t.Error("a proof of one role proves the other one")
	}
}

// TestRelay: somebody between two honest sides has a session with each, and passes on what they say. The
// proofs are of the sessions, so both sides refuse.
func TestRelay(t *testing.T) {
	dialer, x := net.Pipe()
	y, listener := net.Pipe()
	for _, c := range []net.Conn{dialer, x, y, listener} {
		defer c.Close()
	}
	between := newID(t)
	go func() {
		left, right := between.secure(x, agree.Listener), between.secure(y, agree.Dialer)
		for _, s := range []*tls.Conn{left, right} {
			if s.HandshakeContext(t.Context()) != nil {
				return
			}
		}
		go func() { _, _ = io.Copy(left, right); x.Close() }()
		_, _ = io.Copy(right, left)
		y.Close()
	}()
	_, errs := bothMeet(t, [2]side{
		{newID(t), agree.Dialer, testKey, dialer}, {newID(t), agree.Listener, testKey, listener},
	})
	for n, err := range errs {
		if !errors.Is(err, agree.ErrKey) {
			t.Errorf("side %d: %v, want that the proof is of another session", n, err)
		}
	}
}

// TestReplay: a proof that was good in one session is worth nothing in the next.
func TestReplay(t *testing.T) {
	dialer, listener := newID(t), newID(t)
	var hello, proof []byte
	for round := range 2 {
		a, b := net.Pipe()
		result := make(chan error, 1)
		go func() {
			_, err := listener.meet(t.Context(), listener.secure(b, agree.Listener), agree.Listener, "lb2", testKey)
			result <- err
		}()
		s := secured(t, dialer, a, agree.Dialer)
		if round == 0 { // an honest one, which is listened to
			own := dialer.hello
			own.Name = "lb1"
			hello, _ = json.Marshal(own)
			if err := writeFrame(s, kindHello, hello); err != nil {
				t.Fatal(err)
			}
			_, heard := frameOf(t, s)
			state := s.ConnectionState()
			exporter, err := state.ExportKeyingMaterial(agree.ExporterLabel, nil, agree.ExporterSize)
			if err != nil {
				t.Fatal(err)
			}
			proof = agree.Proof(testKey, agree.Claim{
				Role: agree.Dialer, Version: agree.Version, Name: "lb1", Hello: hello, Heard: heard, Exporter: exporter,
			})
		} else {
			if err := writeFrame(s, kindHello, hello); err != nil {
				t.Fatal(err)
			}
			frameOf(t, s)
		}
		if err := writeFrame(s, kindProof, proof); err != nil {
			t.Fatal(err)
		}
		kind, _ := frameOf(t, s)
		err := <-result
		if round == 0 && (err != nil || kind != kindProof) {
			t.Fatalf("the honest session: %v, %q", err, kind)
		}
		if round == 1 && (!errors.Is(err, agree.ErrKey) || kind != kindRefused) {
			t.Errorf("the replayed proof: %v, %q", err, kind)
		}
		a.Close()
		b.Close()
	}
}

// TestHostileGreetings: what is too long, of another kind or no greeting ends the meeting.
func TestHostileGreetings(t *testing.T) {
	for name, frame := range map[string]string{
		"oversized":   "\xff\xff\xff\xffh",
		"kind":        "\x00\x00\x00\x00m",
		"no greeting": "\x00\x00\x00\x02h{}",
		"no JSON":     "\x00\x00\x00\x01h!",
	} {
		t.Run(name, func(t *testing.T) {
			a, b := net.Pipe()
			defer a.Close()
			defer b.Close()
			listener := newID(t)
			result := make(chan error, 1)
			go func() {
				_, err := listener.meet(t.Context(), listener.secure(b, agree.Listener), agree.Listener, "lb2", testKey)
				b.Close()
				result <- err
			}()
			s := secured(t, newID(t), a, agree.Dialer)
			go func() { _, _ = io.Copy(io.Discard, s) }()
			_, _ = s.Write([]byte(frame))
			if err := <-result; err == nil {
				t.Error("it is taken")
			}
		})
	}
}

// pairOf are two Peers of this process that know each other on loopback addresses of their own.
type endpoint struct {
	*Peers
	mu    sync.Mutex
	links []front.PeerLink
	heard []front.PeerNews
}

func start(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{}
	p, err := New(Options{
		Problem: func(string, string) {},
		News: func(n front.PeerNews) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			if n.Link != nil {
				e.links = append(e.links, *n.Link)
			} else {
				e.heard = append(e.heard, n)
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	e.Peers = p
	t.Cleanup(p.Close)
	return e
}

func (e *endpoint) link() front.PeerLink {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.links) == 0 {
		return front.PeerLink{}
	}
	return e.links[len(e.links)-1]
}

func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain until ", what)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func settings(host, own, other, port string, key []byte) front.Peers {
	return front.Peers{Host: host, List: []front.Peer{{
		Address: other, Dial: net.JoinHostPort(other, port), Listen: net.JoinHostPort(own, port), Key: key,
	}}}
}

// TestTwoPeers: both dial, one connection stays and goes on; messages arrive on both sides; and nothing is
// left when they are closed.
func TestTwoPeers(t *testing.T) {
	before := runtime.NumGoroutine()
	port := freePort(t)
	a, b := start(t), start(t)
	a.Apply(settings("lb1", "127.0.0.21", "127.0.0.22", port, testKey))
	b.Apply(settings("lb2", "127.0.0.22", "127.0.0.21", port, testKey))
	until(t, "both are up", func() bool { return a.link().Up && b.link().Up })
	if a.link().Name != "lb2" || b.link().Name != "lb1" {
		t.Errorf("the names are %q and %q", a.link().Name, b.link().Name)
	}
	until(t, "the clocks are compared", func() bool { return a.link().RoundTrip > 0 })
	if off := a.link().Offset.Abs(); off > time.Second {
		t.Errorf("the clock of this host is %v from itself", off)
	}
	until(t, "a message arrives", func() bool {
		a.Tell(front.PeerMessage{Kind: "view", Body: json.RawMessage(`{"x":1}`)})
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.heard) > 0
	})
	b.mu.Lock()
	if n := b.heard[0]; n.Peer != "127.0.0.21" || n.Kind != "view" || string(n.Body) != `{"x":1}` {
		t.Errorf("heard %+v", n)
	}
	b.mu.Unlock()
	b.Close()
	until(t, "a misses it", func() bool { return !a.link().Up })
	b.Apply(settings("lb2", "127.0.0.22", "127.0.0.21", port, []byte(strings.Repeat("x", agree.KeySize))))
	until(t, "a knows of another key", func() bool { return a.link().Fault == front.FaultKey })
	a.Close()
	b.Close()
	until(t, "nothing is left", func() bool { return runtime.NumGoroutine() <= before })
}

// TestStrangersAndThoseWhoHang: who is no peer by his address is not listened to, and one that hangs or
// comes too often takes the place of nobody for long.
func TestStrangersAndThoseWhoHang(t *testing.T) {
	port := freePort(t)
	a := start(t)
	a.Apply(settings("lb1", "127.0.0.31", "127.0.0.32", port, testKey))
	dial := func(from string) (net.Conn, error) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
		return d.DialContext(context.Background(), "tcp", net.JoinHostPort("127.0.0.31", port))
	}
	until(t, "it listens", func() bool {
		c, err := dial("127.0.0.33")
		if err != nil {
			return false
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, io.EOF) || err == nil {
			return err != nil
		}
		return true // a reset
	})
	var hanging []net.Conn
	for range 100 {
		if c, err := dial("127.0.0.32"); err == nil {
			hanging = append(hanging, c)
			defer c.Close()
		}
	}
	a.mu.Lock()
	a.Peers.mu.Lock()
	unproven := a.halves["127.0.0.32"].unproven
	a.Peers.mu.Unlock()
	a.mu.Unlock()
	if unproven > maxUnproven || len(hanging) == 0 {
		t.Errorf("%d connections of %d prove nothing and are waited for", unproven, len(hanging))
	}
	until(t, "those that hang are given up", func() bool {
		a.Peers.mu.Lock()
		defer a.Peers.mu.Unlock()
		return a.halves["127.0.0.32"].unproven == 0
	})
}

// TestConnectingAnewGivesNoMore: a peer that has the key, floods, and connects anew for each burst is
// heard no more than one that stays.
func TestConnectingAnewGivesNoMore(t *testing.T) {
	port := freePort(t)
	a := start(t)
	a.Apply(settings("lb1", "127.0.0.41", "127.0.0.42", port, testKey))
	flooder := newID(t)
	burst := func() bool {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.42")}, Timeout: 5 * time.Second}
		raw, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.41", port))
		if err != nil {
			return false
		}
		defer raw.Close()
		c := flooder.secure(raw, agree.Dialer)
		if _, err := flooder.meet(t.Context(), c, agree.Dialer, "lb2", testKey); err != nil {
			return false
		}
		for range messagesAtOnce {
			if writeFrame(c, kindMessage, []byte(`{"kind":"view","body":{}}`)) != nil {
				return false
			}
		}
		_ = raw.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, raw)
		return true
	}
	until(t, "the first burst is sent", burst)
	began := time.Now()
	for range 8 {
		burst()
	}
	most := messagesAtOnce + 2 + int(time.Since(began).Seconds()+1)*messagesPerSecond
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.heard) > most {
		t.Errorf("%d messages in %v, want %d at most", len(a.heard), time.Since(began), most)
	}
}
