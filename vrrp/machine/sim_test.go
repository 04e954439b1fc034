package machine_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/machine"
)

// sim is a segment with several routers in simulated time. Its seed determines
// everything that happens.
type sim struct {
	rng   *rand.Rand
	now   time.Duration // since start
	queue queue
	nodes []*node
	wire  wire

	effects    []machine.Effect
	lastChange time.Duration // when a router last changed its state
	broken     string        // the first rule that was broken
	trace      func(format string, args ...any)
}

// wire is how the segment treats an advertisement.
type wire struct {
	loss, duplicate    float64
	delayMin, delayMax time.Duration
	lateMax            time.Duration // timers fire up to this late
	crossed            float64       // share of stopped timers that fire all the same
	cut                [maxNodes][maxNodes]bool
}

const maxNodes = 5

// node is one host: its addresses outlive a crash of the process.
type node struct {
	id     int
	addr   netip.Addr
	params machine.Params
	m      *machine.Machine // nil: not running
	timers [machine.Timers]time.Time
	owns   bool            // the virtual addresses are on this host
	state  event.VRRPState // as it was last told
	fault  bool
	// crashed is when the process died and left its addresses; -1 otherwise.
	crashed time.Duration
	resume  bool // it was MASTER then
}

// occurrence is an entry of the queue: an advertisement that arrives, a timer
// that expires or, with neither, a call of do.
type occurrence struct {
	at    time.Duration
	order uint64 // of entering the queue: breaks ties
	node  *node
	kind  occurrenceKind
	timer machine.Timer
	due   time.Time
	adv   machine.Advert
	do    func()
}

type occurrenceKind uint8

const (
	arrival occurrenceKind = iota
	expiry
	action
)

// run processes the queue until end.
func (s *sim) run(end time.Duration) {
	for s.broken == "" && len(s.queue.heap) > 0 && s.queue.heap[0].at <= end {
		o := s.queue.pop()
		s.now = o.at
		switch o.kind {
		case action:
			o.do()
		case arrival:
			s.arrive(o.node, o.adv)
		case expiry:
			s.expire(o)
		}
	}
	s.now = end
}

func (s *sim) after(d time.Duration, do func()) {
	s.queue.push(occurrence{at: s.now + d, kind: action, do: do})
}

func (s *sim) arrive(n *node, adv machine.Advert) {
	if n.m == nil {
		return
	}
	// The receive checks of version 2 require the same interval.
	if n.params.Version == 2 && adv.Interval != n.params.AdvertInterval {
		return
	}
	s.step(n, machine.Input{Kind: machine.Received, Adv: adv})
}

func (s *sim) expire(o occurrence) {
	if o.node.m == nil {
		return
	}
	if !o.node.timers[o.timer].Equal(o.due) && s.rng.Float64() >= s.wire.crossed {
		return
	}
	s.step(o.node, machine.Input{Kind: machine.TimerFired, Timer: o.timer})
}

// step gives a machine one input, carries out its effects and checks the invariants.
func (s *sim) step(n *node, in machine.Input) {
	before := n.state
	s.effects = n.m.Step(start.Add(s.now), in, s.effects[:0])
	advertised := false
	for _, e := range s.effects {
		switch e.Kind {
		case machine.SendAdvertisement:
			advertised = advertised || e.Priority > 0
			s.send(n, e.Priority)
		case machine.SetTimer:
			n.timers[e.Timer] = e.At
			at := max(e.At.Sub(start), s.now)
			s.queue.push(occurrence{at: at + s.upTo(s.wire.lateMax), kind: expiry, node: n, timer: e.Timer, due: e.At})
		case machine.StopTimer:
			n.timers[e.Timer] = time.Time{}
		case machine.AcquireAddresses:
			if !advertised {
				s.fail(n, "acquires addresses before it advertises")
			}
			n.owns = true
		case machine.ReleaseAddresses:
			n.owns = false
		case machine.Changed:
			if e.From != n.state {
				s.fail(n, "reports %v -> %v but was %v", e.From, e.To, n.state)
			}
			if e.Reason == machine.HigherAddress && (e.Adv.Priority != n.m.Priority() || e.Adv.Source.Less(n.addr)) ||
				e.Reason == machine.HigherPriority && e.Adv.Priority <= n.m.Priority() {
				s.fail(n, "yields to %v", e.Adv)
			}
			n.state = e.To
			s.lastChange = s.now
			s.trace("%12v node %d (%d): %v", s.now, n.id, n.m.Priority(), render(e))
		}
	}
	if advertised && before != event.Master && n.state != event.Master {
		s.fail(n, "advertises without being MASTER")
	}
	if in.Kind == machine.TimerFired && n.timers[in.Timer].Equal(n.m.Deadline(in.Timer)) == false {
		n.timers[in.Timer] = time.Time{} // it fired and was not set again
	}
	s.invariants(n)
}

// invariants hold after every step.
func (s *sim) invariants(n *node) {
	told := n.state
	if told == event.Stop {
		told = event.Init
	}
	if n.m.State() != told {
		s.fail(n, "is %v and has reported %v", n.m.State(), told)
	}
	if n.owns != (told == event.Master) {
		s.fail(n, "is %v and has addresses: %v", told, n.owns)
	}
	for timer := range machine.Timers {
		if !n.timers[timer].Equal(n.m.Deadline(timer)) {
			s.fail(n, "timer %s is set to %v, but Deadline is %v", timerNames[timer], n.timers[timer], n.m.Deadline(timer))
		}
		needed := timer == machine.AdverTimer && told == event.Master || timer == machine.DownTimer && told == event.Backup
		optional := timer == machine.PreemptTimer && told == event.Backup ||
			(timer == machine.GARPTimer || timer == machine.RefreshTimer) && told == event.Master
		runs := !n.timers[timer].IsZero()
		if needed && !runs || runs && !needed && !optional {
			s.fail(n, "is %v and timer %s runs: %v", told, timerNames[timer], runs)
		}
	}
}

func (s *sim) fail(n *node, format string, args ...any) {
	if s.broken == "" {
		s.broken = fmt.Sprintf("at %v node %d %s", s.now, n.id, fmt.Sprintf(format, args...))
	}
}

// send puts an advertisement on the wire.
func (s *sim) send(from *node, priority uint8) {
	adv := machine.Advert{Priority: priority, Interval: from.m.Params().AdvertInterval, Source: from.addr}
	for _, to := range s.nodes {
		if to == from || s.wire.cut[from.id][to.id] {
			continue
		}
		copies := 1
		if s.rng.Float64() < s.wire.duplicate {
			copies = 2
		}
		for range copies {
			if s.rng.Float64() >= s.wire.loss {
				delay := s.wire.delayMin + s.upTo(s.wire.delayMax-s.wire.delayMin)
				s.queue.push(occurrence{at: s.now + delay, kind: arrival, node: to, adv: adv})
			}
		}
	}
}

// upTo is a random duration from 0 to limit.
func (s *sim) upTo(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return time.Duration(s.rng.Int64N(int64(limit) + 1))
}

// queue is a binary heap of occurrences, earliest first.
type queue struct {
	heap []occurrence
	last uint64
}

func (q *queue) less(i, j int) bool {
	a, b := &q.heap[i], &q.heap[j]
	return a.at < b.at || a.at == b.at && a.order < b.order
}

func (q *queue) push(o occurrence) {
	q.last++
	o.order = q.last
	q.heap = append(q.heap, o)
	for i := len(q.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.less(i, parent) {
			break
		}
		q.heap[i], q.heap[parent] = q.heap[parent], q.heap[i]
		i = parent
	}
}

func (q *queue) pop() occurrence {
	top := q.heap[0]
	end := len(q.heap) - 1
	q.heap[0], q.heap[end] = q.heap[end], occurrence{}
	q.heap = q.heap[:end]
	for i := 0; ; {
		child := 2*i + 1
		if child >= end {
			return top
		}
		if child+1 < end && q.less(child+1, child) {
			child++
		}
		if !q.less(child, i) {
			return top
		}
		q.heap[i], q.heap[child] = q.heap[child], q.heap[i]
		i = child
	}
}
