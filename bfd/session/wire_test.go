package session_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lvs-director/director/bfd/packet"
	"github.com/lvs-director/director/bfd/session"
)

// wire is two sessions and what is between them, by a clock of its own.
type wire struct {
	t     *testing.T
	rng   *rand.Rand
	now   time.Time
	ends  [2]*end
	onWay []flight
	// Of each direction (from end 0, from end 1): how many of a hundred are lost and doubled, and how late they are.
	lost, doubled [2]int
	late          [2]time.Duration
	history       []string
}

type end struct {
	s       *session.Session
	params  session.Parameters
	sent    []time.Time
	polls   int
	arrived time.Time // of the last that was accepted
	discr   uint32
	changes []change
}

type change struct {
	at time.Time
	to packet.State
}

type flight struct {
	to   int
	at   time.Time
	data []byte
}

func newWire(t *testing.T, seed uint64, a, b session.Parameters) *wire {
	w := &wire{t: t, rng: rand.New(rand.NewPCG(seed, 5)), now: time.Unix(1000, 0)}
	w.ends = [2]*end{{params: a, discr: 10}, {params: b, discr: 20}}
	for i := range w.ends {
		w.restart(i)
	}
	return w
}

// restart makes an end anew, as another process would.
func (w *wire) restart(i int) {
	e := w.ends[i]
	e.discr += 100
	e.s = session.New(e.params, e.discr, w.rng.Uint64(), w.now)
	e.note(w)
}

func (e *end) note(w *wire) {
	if n := len(e.changes); n == 0 || e.changes[n-1].to != e.s.State() {
		e.changes = append(e.changes, change{w.now, e.s.State()})
	}
}

// run lets time pass.
func (w *wire) run(length time.Duration) {
	for until := w.now.Add(length); ; {
		at, do := until, func() {}
		for i, e := range w.ends {
			if t := e.s.TransmitAt(); !t.IsZero() && t.Before(at) {
				at, do = t, func() { w.transmit(i) }
			}
			if t := e.s.DetectAt(); !t.IsZero() && t.Before(at) {
				at, do = t, func() { w.expire(i) }
			}
		}
		for n, f := range w.onWay {
			if f.at.Before(at) {
				at, do = f.at, func() { w.arrive(n) }
			}
		}
		if !at.Before(until) {
			w.now = until
			return
		}
		if at.After(w.now) {
			w.now = at
		}
		do()
		for _, e := range w.ends {
			e.note(w)
		}
	}
}

func (w *wire) transmit(i int) {
	e := w.ends[i]
	p, ok := e.s.Transmit(w.now)
	if !ok {
		return
	}
	if at := e.s.TransmitAt(); !at.IsZero() && !at.After(w.now) {
		w.t.Fatalf("end %d wants to send again at once", i)
	}
	if p.Poll && p.Final {
		w.t.Fatal("poll and final")
	}
	if p.Poll {
		e.polls++
	}
	e.sent = append(e.sent, w.now)
	data := p.Append(nil)
	if k := e.params.Key; k != nil {
		k.Seal(data)
	}
	for range 2 {
		if w.rng.IntN(100) < w.lost[i] {
			break
		}
		late := time.Duration(0)
		if w.late[i] > 0 {
			late = time.Duration(w.rng.Int64N(int64(w.late[i])))
		}
		w.onWay = append(w.onWay, flight{1 - i, w.now.Add(50*time.Microsecond + late), data})
		if w.rng.IntN(100) >= w.doubled[i] {
			break
		}
	}
}

func (w *wire) arrive(n int) {
	f := w.onWay[n]
	w.onWay = append(w.onWay[:n], w.onWay[n+1:]...)
	e := w.ends[f.to]
	var p packet.Packet
	if r := packet.Parse(f.data, &p); r != packet.Accepted {
		w.t.Fatalf("our own packet is refused: %s", r)
	}
	if p.Yours != 0 && p.Yours != e.s.Local() {
		return // to one that is no more
	}
	if e.s.Receive(&p, f.data, w.now) == packet.Accepted {
		e.arrived = w.now
	}
}

func (w *wire) expire(i int) {
	e := w.ends[i]
	if e.s.State() == packet.Up && w.now.Before(e.arrived.Add(e.s.Detection())) {
		w.t.Fatalf("end %d is down %v after a packet, with a detection time of %v", i, w.now.Sub(e.arrived), e.s.Detection())
	}
	e.s.Expired(w.now)
	if e.s.State() == packet.Up {
		w.t.Fatal("up after the detection time")
	}
}

func (w *wire) bothUp(when string) {
	w.t.Helper()
	for i, e := range w.ends {
		if e.s.State() != packet.Up {
			w.t.Fatalf("%s: end %d is %s (%s), the other %s; %+v; %v", when, i, e.s.State(), e.s.Diagnostic(),
				w.ends[1-i].s.State(), e.params, w.history)
		}
	}
}

// agreed checks that both send as they have agreed to, and detect accordingly.
func (w *wire) agreed(when string) {
	w.t.Helper()
	w.bothUp(when)
	for i, e := range w.ends {
		o := w.ends[1-i]
		if want := max(e.params.MinTx, o.params.MinRx); e.s.Interval() != want {
			w.t.Fatalf("%s: end %d sends each %v, want %v; %v", when, i, e.s.Interval(), want, w.history)
		}
		if want := time.Duration(o.params.Multiplier) * max(o.params.MinTx, e.params.MinRx); e.s.Detection() != want {
			w.t.Fatalf("%s: end %d detects in %v, want %v; %v", when, i, e.s.Detection(), want, w.history)
		}
	}
}

func (w *wire) parameters() session.Parameters {
	intervals := []time.Duration{5 * time.Millisecond,
		13300 * time.Microsecond, 10 * time.Millisecond, 50 * time.Millisecond,
		300 * time.Millisecond, time.Second, 2500 * time.Millisecond}
	pick := func() time.Duration { return intervals[w.rng.IntN(len(intervals))] }
	return session.Parameters{MinTx: pick(), MinRx: pick(), IdleTx: time.Second, Multiplier: uint8(1 + w.rng.IntN(5))}
}

func parameters(minTx, minRx time.Duration, multiplier uint8) session.Parameters {
	return session.Parameters{MinTx: minTx, MinRx: minRx, IdleTx: time.Second, Multiplier: multiplier}
}

// TestAnythingHeals: whatever happens on the wire and to the ends, both are up with what is configured
// a while after it is over.
func TestAnythingHeals(t *testing.T) {
	key := packet.NewKey(1, "key")
	for seed := range uint64(200) {
		w := &wire{rng: rand.New(rand.NewPCG(seed, 1))}
		a, b := w.parameters(), w.parameters()
		a.Passive = seed%3 == 0
		if seed%4 == 0 {
			a.Key, b.Key = &key, &key
		}
		w = newWire(t, seed, a, b)
		for range 12 {
			i := w.rng.IntN(2)
			what := w.rng.IntN(7)
			w.history = append(w.history, fmt.Sprint(what, i))
			switch what {
			case 0:
				w.lost = [2]int{w.rng.IntN(101), w.rng.IntN(101)}
			case 1:
				w.lost[i], w.lost[1-i] = 100, 0
			case 2:
				w.lost, w.late = [2]int{}, [2]time.Duration{}
			case 3:
				w.late[i] = time.Duration(w.rng.IntN(500)) * time.Millisecond
				w.doubled[i] = w.rng.IntN(100)
			case 4:
				w.restart(i)
			case 5:
				p := w.parameters()
				p.Passive, p.Key = w.ends[i].params.Passive, w.ends[i].params.Key
				w.ends[i].params = p
				w.ends[i].s.Configure(p, w.now)
			case 6:
				w.ends[i].s.Disable(w.now)
				w.run(time.Duration(w.rng.IntN(1000)) * time.Millisecond)
				w.restart(i)
			}
			w.run(time.Duration(w.rng.IntN(3000)) * time.Millisecond)
		}
		w.lost, w.late, w.doubled = [2]int{}, [2]time.Duration{}, [2]int{}
		w.run(60 * time.Second)
		w.agreed(fmt.Sprint("seed ", seed))
		w.cut(seed)
	}
}

// cut checks that both notice a cut when they have to.
func (w *wire) cut(seed uint64) {
	w.t.Helper()
	w.lost = [2]int{100, 100}
	longest := max(w.ends[0].s.Detection(), w.ends[1].s.Detection())
	w.run(longest + time.Millisecond)
	for i, e := range w.ends {
		if e.s.State() != packet.Down || e.s.Diagnostic() != packet.TimeExpired {
			w.t.Fatalf("seed %d: end %d is %s (%s) %v after a cut", seed, i, e.s.State(), e.s.Diagnostic(), longest)
		}
	}
}

// TestNoFalseDown: packets that are as late as the multiplier allows take no session down, nor do lost
// ones of which fewer than that are lost in a row.
func TestNoFalseDown(t *testing.T) {
	for seed := range uint64(100) {
		p := parameters(10*time.Millisecond, 10*time.Millisecond, 5)
		q := parameters(300*time.Millisecond, 50*time.Millisecond, 3)
		w := newWire(t, seed, p, q)
		w.run(5 * time.Second)
		w.agreed("before")
		began := [2]int{len(w.ends[0].changes), len(w.ends[1].changes)}
		w.late, w.doubled = [2]time.Duration{25 * time.Millisecond, 25 * time.Millisecond}, [2]int{20, 20}
		w.run(60 * time.Second)
		for i, e := range w.ends {
			if len(e.changes) != began[i] {
				t.Fatalf("seed %d: end %d has changed: %v", seed, i, e.changes[began[i]:])
			}
		}
	}
}

// TestPace: packets leave between 75 and 100 % of the interval after each other, of multiplier 1 at
// 90 % at most (RFC 5880 section 6.8.7), and one second apart while nobody answers.
func TestPace(t *testing.T) {
	for _, multiplier := range []uint8{1, 3} {
		p := session.Parameters{MinTx: 20 * time.Millisecond, MinRx: 20 * time.Millisecond, IdleTx: time.Second,
			Multiplier: multiplier}
		w := newWire(t, 1, p, p)
		check := func(e *end, from int, interval time.Duration) {
			t.Helper()
			most := interval
			if multiplier == 1 {
				most = interval * 9 / 10
			}
			lo, hi := time.Hour, time.Duration(0)
			for n := from + 1; n < len(e.sent); n++ {
				gap := e.sent[n].Sub(e.sent[n-1])
				lo, hi = min(lo, gap), max(hi, gap)
			}
			if lo < interval*3/4 || hi > most || hi-lo < (most-interval*3/4)/2 {
				t.Errorf("multiplier %d: the gaps are from %v to %v, of an interval of %v", multiplier, lo, hi, interval)
			}
		}
		w.lost = [2]int{100, 100}
		w.run(2 * time.Minute)
		check(w.ends[0], 0, time.Second)
		w.lost = [2]int{}
		w.run(10 * time.Second)
		w.agreed("up")
		from := len(w.ends[0].sent)
		w.run(time.Minute)
		check(w.ends[0], from, 20*time.Millisecond)
	}
}

// TestPollSequence: a longer interval of sending is used, and a shorter one of receiving counted on, only after
// the neighbor has confirmed them; the session stays up (section 6.8.3).
func TestPollSequence(t *testing.T) {
	p := parameters(100*time.Millisecond, 100*time.Millisecond, 3)
	w := newWire(t, 2, p, p)
	w.run(5 * time.Second)
	w.agreed("before")
	e := w.ends[0]
	changes := len(e.changes)
	slower := p
	slower.MinTx, slower.MinRx = 400*time.Millisecond, 20*time.Millisecond
	w.lost[1] = 100 // the answer does not come
	e.params = slower
	e.s.Configure(slower, w.now)
	polls := e.polls
	w.run(150 * time.Millisecond)
	if e.s.Interval() != 100*time.Millisecond || e.s.Detection() != 300*time.Millisecond || e.polls == polls {
		t.Errorf("unconfirmed: each %v, detection %v, %d polls", e.s.Interval(), e.s.Detection(), e.polls-polls)
	}
	w.lost[1] = 0
	w.run(time.Second)
	w.agreed("after")
	polls = e.polls
	w.run(5 * time.Second)
	if e.polls != polls {
		t.Error("it polls on and on")
	}
	if len(e.changes) != changes {
		t.Errorf("it was down: %v", e.changes[changes:])
	}
}

// TestRestartedNeighbor: one that comes back with another discriminator is up again soon after, however
// long the detection time; a process that goes on where another ended is not noticed.
func TestRestartedNeighbor(t *testing.T) {
	p := session.Parameters{MinTx: time.Second, MinRx: time.Second, IdleTx: time.Second, Multiplier: 50}
	w := newWire(t, 3, p, p)
	w.run(5 * time.Second)
	w.bothUp("before")
	w.restart(1)
	w.run(2 * time.Second)
	w.bothUp("after a restart")

	changes := len(w.ends[0].changes)
	e := w.ends[1]
	n := e.s.Neighbor()
	e.s = session.Resume(p, session.Resumed{Local: e.s.Local(), Remote: e.s.Remote(), RemoteTx: n.MinTx,
		RemoteRx: n.MinRx, RemoteMultiplier: n.Multiplier}, 9, w.now)
	w.run(time.Minute)
	w.agreed("resumed")
	if len(w.ends[0].changes) != changes {
		t.Errorf("the neighbor has noticed: %v", w.ends[0].changes[changes:])
	}
}

// TestOneWay: when one direction is cut both ends are down, and say why.
func TestOneWay(t *testing.T) {
	p := parameters(50*time.Millisecond, 50*time.Millisecond, 3)
	w := newWire(t, 4, p, p)
	w.run(5 * time.Second)
	w.bothUp("before")
	w.lost[0] = 100
	w.run(10 * time.Second)
	if d := w.ends[1].s; d.State() != packet.Down || d.Diagnostic() != packet.TimeExpired {
		t.Errorf("who hears nothing is %s (%s)", d.State(), d.Diagnostic())
	}
	if d := w.ends[0].s; d.State() == packet.Up || d.Diagnostic() != packet.NeighborSaidDown {
		t.Errorf("who is not heard is %s (%s)", d.State(), d.Diagnostic())
	}
	w.lost[0] = 0
	w.run(3 * time.Second)
	w.bothUp("after")
}

// TestDisabled: the neighbor of a session that is ended says that it was told so.
func TestDisabled(t *testing.T) {
	p := parameters(50*time.Millisecond, 50*time.Millisecond, 3)
	w := newWire(t, 4, p, p)
	w.run(5 * time.Second)
	w.ends[0].s.Disable(w.now)
	w.run(time.Millisecond)
	if s := w.ends[1].s; s.State() != packet.Down || s.Diagnostic() != packet.NeighborSaidDown ||
		s.Neighbor().State != packet.AdminDown {
		t.Errorf("the neighbor is %s (%s)", s.State(), s.Diagnostic())
	}
}

// TestHostileNeighbor: whatever a neighbor says, what it makes of us is bounded: packets, and changes of the state.
func TestHostileNeighbor(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 2))
		now := time.Unix(1000, 0)
		p := parameters(10*time.Millisecond, 10*time.Millisecond, 3)
		s := session.New(p, 5, seed, now)
		sent, changes := 0, 0
		const length = 10 * time.Second
		for until := now.Add(length); now.Before(until); now = now.Add(100 * time.Microsecond) {
			before := s.State()
			in := packet.Packet{State: packet.State(rng.IntN(4)), Poll: rng.IntN(2) == 0, Multiplier: uint8(1 + rng.IntN(255)),
				Mine: rng.Uint32() | 1, Yours: 5, Demand: rng.IntN(3) == 0}
			in.Final = !in.Poll
			for _, d := range []*time.Duration{&in.DesiredMinTx, &in.RequiredMinRx} {
				*d = time.Duration(rng.Uint32N(1<<rng.IntN(32))) * time.Microsecond
			}
			s.Receive(&in, in.Append(nil), now)
			if at := s.TransmitAt(); !at.IsZero() && !at.After(now) {
				if _, ok := s.Transmit(now); ok {
					sent++
				}
				if at := s.TransmitAt(); !at.IsZero() && !at.After(now) {
					t.Fatal("it wants to send again at once")
				}
			}
			if at := s.DetectAt(); !at.IsZero() && !at.After(now) {
				s.Expired(now)
			}
			if s.State() != before {
				changes++
			}
			if s.Detection() < 10*time.Millisecond {
				t.Fatalf("a neighbor is silent after %v", s.Detection())
			}
		}
		if most := 2*int(length/p.MinTx)*4/3 + 10; sent > most {
			t.Errorf("seed %d: %d packets in %v, want %d at most", seed, sent, length, most)
		}
		if most := 3 * (int(length/(250*time.Millisecond)) + 10); changes > most {
			t.Errorf("seed %d: %d changes in %v, want %d at most", seed, changes, length, most)
		}
	}
}
