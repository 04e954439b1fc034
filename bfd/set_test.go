package bfd_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/lvs-director/director/bfd"
	"github.com/lvs-director/director/bfd/link"
	"github.com/lvs-director/director/bfd/packet"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// rig is a Set in a kernel and with a clock of the test's.
type rig struct {
	t      *testing.T
	now    time.Time
	set    *bfd.Set
	random uint64
	states map[string]event.BFDState
	sent   map[netip.Addr][]packet.Packet
	waits  []link.Datagram
	opened int
	// missing are interfaces that this host does not have; failing is what sending ends with.
	missing map[string]bool
	failing error
	senders int
	index   int  // of interfaces; 0 is 2
	watched bool // Serve is to be called as soon as packets wait
	events  int  // numbered
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, now: time.Unix(1000, 0), states: map[string]event.BFDState{}, sent: map[netip.Addr][]packet.Packet{}}
	r.set = bfd.New(bfd.Options{
		Log: slog.New(slog.DiscardHandler), Network: r, Now: func() time.Time { return r.now },
		Random: func() uint64 { r.random++; return r.random },
		Events: func(s event.BFDState) { r.states[s.Session] = s },
		Number: func() event.Number { r.events++; return event.Number(fmt.Sprint("e", r.events)) },
	})
	return r
}

func (r *rig) Listen(link.Key, chan<- int) (link.Listener, error) {
	r.opened++
	r.watched = true
	return r, nil
}

func (r *rig) Dial(p link.Path) (link.Sender, error) {
	if r.missing[p.Neighbor.Zone()] {
		return nil, errors.New("no such interface")
	}
	r.senders++
	return sender{r, p.Neighbor}, nil
}

func (r *rig) Index(zone string) (int, error) {
	if r.missing[zone] {
		return 0, errors.New("no such interface")
	}
	return max(r.index, 2), nil
}

func (r *rig) Resume()      { r.watched = true }
func (r *rig) Close() error { r.opened--; return nil }

func (r *rig) Receive(batch []link.Datagram) (int, error) {
	n := copy(batch, r.waits)
	r.waits = r.waits[n:]
	return n, nil
}

type sender struct {
	r  *rig
	to netip.Addr
}

func (s sender) Close() error { s.r.senders--; return nil }
func (s sender) Send(data []byte) error {
	if s.r.failing != nil {
		return s.r.failing
	}
	var p packet.Packet
	if reason := packet.Parse(data, &p); reason != packet.Accepted {
		s.r.t.Errorf("sent a packet that is refused: %s", reason)
	}
	s.r.sent[s.to] = append(s.r.sent[s.to], p)
	return nil
}

// run lets time pass.
func (r *rig) run(length time.Duration) {
	for until := r.now.Add(length); ; {
		at, ok := r.set.Next()
		if !ok || at.After(until) {
			r.now = until
			return
		}
		if at.After(r.now) {
			r.now = at
		}
		r.set.Fire()
	}
}

// hear has a packet arrive.
func (r *rig) hear(from string, ttl uint8, p packet.Packet) {
	r.waits = append(r.waits, link.Datagram{
		Data: p.Append(nil), From: netip.MustParseAddr(from), To: netip.MustParseAddr("10.0.0.1"), TTL: ttl, Index: 2,
	})
	r.set.Serve(0)
}

func (r *rig) last(to string) packet.Packet {
	list := r.sent[netip.MustParseAddr(to)]
	if len(list) == 0 {
		return packet.Packet{}
	}
	return list[len(list)-1]
}

func instance(name, neighbor string) *conf.BFDInstance {
	return &conf.BFDInstance{Name: name, Neighbor: neighbor, MinTx: 10 * time.Millisecond, MinRx: 10 * time.Millisecond,
		IdleTx: time.Second, Multiplier: 5, TTL: 255}
}

// answer is what a neighbor says.
func (r *rig) answer(to string, state packet.State) packet.Packet {
	return packet.Packet{State: state, Multiplier: 3, Mine: 77, Yours: r.last(to).Mine,
		DesiredMinTx: 10 * time.Millisecond, RequiredMinRx: 10 * time.Millisecond}
}

func (r *rig) up(name, neighbor string) {
	r.t.Helper()
	r.run(10 * time.Millisecond)
	r.hear(neighbor, 255, r.answer(neighbor, packet.Init))
	if r.states[name].State != "Up" {
		r.t.Fatalf("session %s is %+v", name, r.states[name])
	}
}

// TestWhoseSession: a packet counts for the session that it names, from its neighbor and with the
// whole TTL, and is counted by its reason otherwise.
func TestWhoseSession(t *testing.T) {
	r := newRig(t)
	r.set.Apply([]*conf.BFDInstance{instance("a", "10.0.0.2"), instance("b", "10.0.0.3")}, nil)
	r.run(10 * time.Millisecond)
	init := r.answer("10.0.0.2", packet.Init)
	stranger := init
	stranger.Yours = 999
	first := packet.Packet{State: packet.Down, Multiplier: 3, Mine: 77}
	r.hear("10.0.0.2", 254, init) // from behind a router
	r.hear("10.0.0.3", 255, init) // the neighbor of another
	r.hear("10.0.0.2", 255, stranger)
	r.hear("10.0.0.9", 255, first)
	for _, s := range r.states {
		if s.State != "Down" {
			t.Fatalf("session %s is %s", s.Session, s.State)
		}
	}
	r.hear("10.0.0.2", 255, init)
	r.hear("10.0.0.3", 255, first)
	if a, b := r.states["a"].State, r.states["b"].State; a != "Up" || b != "Init" {
		t.Errorf("the sessions are %s and %s", a, b)
	}
	c := r.set.Counters()
	if len(c) != 3 || c[0].Dropped["ttl"] != 1 || c[0].Dropped["wrong-neighbor"] != 1 ||
		c[2].Dropped["unknown-discriminator"] != 1 || c[2].Dropped["unknown-neighbor"] != 1 {
		t.Errorf("counted %+v", c)
	}
}

// TestLateProcess: a process that did not run for longer than the detection time reads what has
// arrived before it finds its neighbor silent, and gives it one more interval.
func TestLateProcess(t *testing.T) {
	r := newRig(t)
	r.set.Apply([]*conf.BFDInstance{instance("a", "10.0.0.2")}, nil)
	r.up("a", "10.0.0.2")
	up := r.answer("10.0.0.2", packet.Up)
	r.now = r.now.Add(time.Second)
	r.waits = append(r.waits, link.Datagram{Data: up.Append(nil), From: netip.MustParseAddr("10.0.0.2"),
		To: netip.MustParseAddr("10.0.0.1"), TTL: 255, Index: 2})
	r.run(5 * time.Millisecond)
	if r.states["a"].State != "Up" {
		t.Fatalf("down although a packet waited: %+v", r.states["a"])
	}
	r.now = r.now.Add(time.Second)
	r.run(5 * time.Millisecond)
	if r.states["a"].State != "Up" {
		t.Fatalf("down at once after it slept: %+v", r.states["a"])
	}
	r.run(10 * time.Millisecond)
	if s := r.states["a"]; s.State != "Down" || s.Downs != 1 {
		t.Errorf("a silent neighbor: %+v", s)
	}
}

// TestReloads: sessions that a reload leaves as they are, and those of which parameters change, stay
// up; one that goes is told so, and so is each at a stop.
func TestReloads(t *testing.T) {
	r := newRig(t)
	a, b := instance("a", "10.0.0.2"), instance("b", "10.0.0.3")
	r.set.Apply([]*conf.BFDInstance{a, b}, nil)
	r.up("a", "10.0.0.2")
	discriminator := r.states["a"].Discriminator
	renamed := *a
	renamed.Name, renamed.MinRx = "other", 300*time.Millisecond
	r.set.Apply([]*conf.BFDInstance{&renamed}, nil)
	r.run(time.Millisecond)
	if s := r.states["other"]; s.State != "Up" || s.Discriminator != discriminator {
		t.Errorf("after a reload: %+v", s)
	}
	if p := r.last("10.0.0.2"); !p.Poll || p.RequiredMinRx != 300*time.Millisecond {
		t.Errorf("the neighbor is told %+v", p)
	}
	r.set.Stop()
	for n := 0; !r.set.Stopped(); n++ {
		if n > 300 {
			t.Fatal("it does not stop")
		}
		r.run(time.Millisecond)
	}
	if p := r.last("10.0.0.2"); p.State != packet.AdminDown || p.Diagnostic != packet.AdministrativelyDown {
		t.Errorf("at the stop the neighbor is told %+v", p)
	}
	if _, more := r.set.Next(); more || r.opened != 0 || r.senders != 0 {
		t.Errorf("something is left: %d sockets and %d to send from", r.opened, r.senders)
	}
}

// TestNextProcess: a process that starts after another goes on with a session that was up, quietly;
// with a key it makes a new one, which counts as up until it could have come up.
func TestNextProcess(t *testing.T) {
	r := newRig(t)
	c := instance("a", "10.0.0.2")
	r.set.Apply([]*conf.BFDInstance{c}, nil)
	r.up("a", "10.0.0.2")
	known := []event.BFDState{r.states["a"]}

	next := newRig(t)
	next.set.Apply([]*conf.BFDInstance{c}, known)
	next.run(time.Millisecond)
	if p := next.last("10.0.0.2"); p.State != packet.Up || p.Mine != known[0].Discriminator || p.Yours != 77 {
		t.Errorf("the next process sends %+v", p)
	}
	if s := next.states["a"]; s.State != "Up" || s.Ups != 1 || s.Downs != 0 {
		t.Errorf("the next process has %+v", s)
	}

	signed := *c
	signed.Auth = &conf.BFDAuth{KeyID: 1, Key: "key"}
	next = newRig(t)
	next.set.Apply([]*conf.BFDInstance{&signed}, known)
	next.run(time.Second)
	if tr, told := next.states["a"].Tracker(); !tr.Up || !told || next.states["a"].State != "Down" {
		t.Errorf("with a key: %+v", next.states["a"])
	}
	next.run(10 * time.Second)
	if tr, told := next.states["a"].Tracker(); tr.Up || !told {
		t.Errorf("with a key, much later: %+v", next.states["a"])
	}
}

// TestFloodDoesNotHideSilence: packets that count for nothing do not keep a neighbor from being found silent.
func TestFloodDoesNotHideSilence(t *testing.T) {
	r := newRig(t)
	r.set.Apply([]*conf.BFDInstance{instance("a", "10.0.0.2")}, nil)
	r.up("a", "10.0.0.2")
	for n := 0; r.states["a"].State == "Up"; n++ {
		if n > 10_000 {
			t.Fatal("still up")
		}
		for len(r.waits) < 64 {
			r.waits = append(r.waits, link.Datagram{Data: []byte("junk"), From: netip.MustParseAddr("10.0.0.2"), TTL: 255})
		}
		r.now = r.now.Add(100 * time.Microsecond)
		if at, ok := r.set.Next(); ok && !at.After(r.now) {
			r.set.Fire()
		}
	}
}

// TestFloodLosesNothing: a socket that is flooded is read as long as there is something, since the kernel
// throws away what it has no room for, the neighbor's packets among it.
func TestFloodLosesNothing(t *testing.T) {
	r := newRig(t)
	r.set.Apply([]*conf.BFDInstance{instance("a", "10.0.0.2")}, nil)
	r.up("a", "10.0.0.2")
	const room, perMillisecond = 1000, 200
	junk := link.Datagram{Data: []byte("junk"), From: netip.MustParseAddr("10.0.0.9"), TTL: 64}
	up := r.answer("10.0.0.2", packet.Up)
	lost := 0
	for ms := range 2000 {
		r.now = r.now.Add(time.Millisecond)
		for range perMillisecond {
			if len(r.waits) < room {
				r.waits = append(r.waits, junk)
			} else {
				lost++
			}
		}
		if ms%10 == 0 && len(r.waits) < room {
			r.waits = append(r.waits, link.Datagram{Data: up.Append(nil), From: netip.MustParseAddr("10.0.0.2"),
				To: netip.MustParseAddr("10.0.0.1"), TTL: 255, Index: 2})
		}
		for range 20 { // what the loop has the time for
			if r.watched && len(r.waits) > 0 {
				r.watched = false
				r.set.Serve(0)
			}
			if at, ok := r.set.Next(); ok && !at.After(r.now) {
				r.set.Fire()
			}
		}
	}
	if s := r.states["a"]; lost > 0 || s.Downs > 0 {
		t.Errorf("%d packets were lost, and the session is %+v", lost, s)
	}
}

// TestSameAddressOnTwoLinks: a packet is for the session of the link that it came in on, also while the
// other one has no interface.
func TestSameAddressOnTwoLinks(t *testing.T) {
	r := newRig(t)
	r.missing = map[string]bool{"eth1": true}
	r.set.Apply([]*conf.BFDInstance{instance("gone", "fe80::1%eth1"), instance("here", "fe80::1%eth0")}, nil)
	r.run(10 * time.Millisecond)
	r.waits = append(r.waits, link.Datagram{Data: (&packet.Packet{State: packet.Down, Multiplier: 3, Mine: 77,
		DesiredMinTx: time.Second, RequiredMinRx: time.Second}).Append(nil), From: netip.MustParseAddr("fe80::1"),
		To: netip.MustParseAddr("fe80::2"), TTL: 255, Index: 2})
	r.set.Serve(1)
	if gone, here := r.states["gone"], r.states["here"]; gone.State != "Down" || here.State != "Init" {
		t.Errorf("the session without a link is %s, the other one %s", gone.State, here.State)
	}
}

// TestSendFailsOnce: what the kernel refuses once does not silence a session on a link until a socket is opened anew.
func TestSendFailsOnce(t *testing.T) {
	r := newRig(t)
	r.set.Apply([]*conf.BFDInstance{instance("a", "fe80::1%eth0")}, nil)
	const to = "fe80::1%eth0"
	r.run(10 * time.Millisecond)
	r.waits = append(r.waits, link.Datagram{Data: (&packet.Packet{State: packet.Init, Multiplier: 200, Mine: 77,
		Yours: r.last(to).Mine, DesiredMinTx: 10 * time.Millisecond, RequiredMinRx: 10 * time.Millisecond}).Append(nil),
		From: netip.MustParseAddr("fe80::1"), To: netip.MustParseAddr("fe80::2"), TTL: 255, Index: 2})
	r.set.Serve(1)
	r.run(50 * time.Millisecond)
	r.failing = errors.New("no buffer space available")
	r.run(10 * time.Millisecond)
	r.failing = nil
	before := len(r.sent[netip.MustParseAddr(to)])
	r.run(100 * time.Millisecond)
	if n := len(r.sent[netip.MustParseAddr(to)]) - before; n < 9 {
		t.Errorf("%d packets left in the 100 ms after that, want one every 10 ms", n)
	}
	r.run(2 * time.Second)
	if r.senders != 1 {
		t.Errorf("%d sockets to send from", r.senders)
	}
}

// TestNeverReached: that a neighbor has not answered is an event of its own, since what follows has it as its cause; a
// later process does not take it for something new.
func TestNeverReached(t *testing.T) {
	r := newRig(t)
	c := instance("a", "10.0.0.2")
	r.set.Apply([]*conf.BFDInstance{c}, nil, "reload")
	r.run(5 * time.Second)
	s := r.states["a"]
	if tr, told := s.Tracker(); tr.Up || !told || tr.Event == "" || s.Causes.List()[0] != "reload" {
		t.Fatalf("a neighbor that never answered: %+v", s)
	}
	next := newRig(t)
	next.set.Apply([]*conf.BFDInstance{c}, []event.BFDState{s})
	next.run(10 * time.Second)
	if n := next.states["a"]; n.Event != s.Event || !n.Since.Equal(s.Since) || !n.Settled || next.events != 0 {
		t.Errorf("the next process has %+v, want as before %+v", n, s)
	}
}

// TestLinkMadeAnew: a passive session, which sends nothing, notices that its interface was made anew.
func TestLinkMadeAnew(t *testing.T) {
	r := newRig(t)
	c := instance("a", "fe80::1%eth0")
	c.Passive = true
	r.set.Apply([]*conf.BFDInstance{c}, nil)
	r.run(10 * time.Millisecond)
	r.index = 7
	for range 4 {
		r.waits = append(r.waits, link.Datagram{Data: (&packet.Packet{State: packet.Down, Multiplier: 3, Mine: 77,
			DesiredMinTx: time.Second, RequiredMinRx: time.Second}).Append(nil), From: netip.MustParseAddr("fe80::1"),
			To: netip.MustParseAddr("fe80::2"), TTL: 255, Index: 7})
		r.set.Serve(1)
		r.run(time.Second)
	}
	if s := r.states["a"]; s.State != "Init" || r.senders != 1 {
		t.Errorf("the session is %s, with %d sockets to send from", s.State, r.senders)
	}
}
