package machine_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/machine"
)

// TestConvergence runs two to five routers through faults, crashes, restarts,
// reloads, hand-overs and partitions on a segment that loses, delays, duplicates
// and reorders advertisements. When the disturbance ends, the right router
// becomes the only master, and no other host has the addresses.
// DIRECTOR_LONG=1 runs 100,000 schedules; DIRECTOR_SEED=n replays one and prints
// each step.
func TestConvergence(t *testing.T) {
	if text := os.Getenv("DIRECTOR_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("read DIRECTOR_SEED: %v", err)
		}
		if err := schedule(seed, t.Logf); err != nil {
			t.Fatal(err)
		}
		return
	}
	schedules := uint64(3000)
	switch {
	case os.Getenv("DIRECTOR_LONG") == "1":
		schedules = 100_000
	case testing.Short():
		schedules = 400
	}
	for seed := range schedules {
		if err := schedule(seed, func(string, ...any) {}); err != nil {
			var lines []string
			schedule(seed, func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) })
			lines = lines[max(0, len(lines)-40):]
			t.Fatalf("seed %d: %v\n%s\nreplay: DIRECTOR_SEED=%d go test ./vrrp/machine -run TestConvergence -v",
				seed, err, strings.Join(lines, "\n"), seed)
		}
	}
}

// schedule runs one random schedule and returns what is wrong at its end.
func schedule(seed uint64, trace func(string, ...any)) error {
	c := newChaos(seed, trace)
	c.disturb()
	c.converge()
	if c.broken != "" {
		return fmt.Errorf("%s", c.broken)
	}
	return c.verdict()
}

// chaos disturbs a sim at random.
type chaos struct {
	*sim
	base     time.Duration // shortest interval that is configured
	longest  time.Duration // longest down interval that is possible
	delay    time.Duration // longest preempt_delay
	quiet    time.Duration // when the disturbance ends
	version  uint8
	owners   bool
	lossMost float64
}

func newChaos(seed uint64, trace func(string, ...any)) *chaos {
	rng := rand.New(rand.NewPCG(seed, 0))
	intervals := []time.Duration{10 * ms, 100 * ms, time.Second}
	c := &chaos{
		sim:      &sim{rng: rng, trace: trace},
		version:  uint8(2 + rng.IntN(2)),
		base:     intervals[rng.IntN(len(intervals))],
		owners:   rng.IntN(4) == 0,
		lossMost: rng.Float64() * 0.6,
	}
	if c.version == 2 {
		c.base = time.Second
	}
	c.quiet = 80 * c.base
	for id := range 2 + rng.IntN(maxNodes-1) {
		addr := netip.AddrFrom4([4]byte{10, byte(rng.IntN(256)), byte(id), byte(rng.IntN(256))})
		n := &node{id: id, addr: addr, crashed: -1}
		c.nodes = append(c.nodes, n)
		n.params = c.params(n)
		c.after(c.upTo(10*c.base), func() { c.start(n, false) })
	}
	return c
}

// params are random parameters. In version 2 all routers have the same interval,
// because they would drop each other's advertisements otherwise.
func (c *chaos) params(n *node) machine.Params {
	p := machine.Params{
		Version: c.version, Source: n.addr, AdvertInterval: c.base,
		Priority:             []uint8{1, 50, 100, 100, 101, 150, 200, 254}[c.rng.IntN(8)],
		DownTimerAdverts:     2 + c.rng.IntN(3),
		Preempt:              c.rng.IntN(2) == 0,
		LowerPrioNoAdvert:    c.rng.IntN(4) == 0,
		HigherPrioSendAdvert: c.rng.IntN(4) == 0,
	}
	if c.rng.IntN(3) == 0 {
		p.PreemptDelay = c.upTo(12 * c.base)
	}
	if c.owners && c.rng.IntN(3) == 0 {
		p.Priority = machine.Owner
	}
	if c.version == 3 {
		p.AdvertInterval *= time.Duration(1 + c.rng.IntN(3))
	}
	if c.rng.IntN(2) == 0 {
		p.GARP = machine.GARP{
			MasterRepeat: c.rng.IntN(3), MasterDelay: c.upTo(5 * c.base), MasterRefresh: c.upTo(9 * c.base),
			LowerPrioRepeat: c.rng.IntN(3), LowerPrioDelay: c.upTo(5 * c.base),
		}
	}
	c.longest = max(c.longest, time.Duration(p.DownTimerAdverts+1)*3*c.base, time.Second*time.Duration(3-c.version))
	c.delay = max(c.delay, p.PreemptDelay)
	return p
}

// disturb causes a mishap or changes the wire every few intervals until quiet.
func (c *chaos) disturb() {
	c.changeWire()
	for at := c.upTo(12 * c.base); at < c.quiet; at += c.upTo(8 * c.base) {
		c.after(at, c.mishap)
	}
	c.run(c.quiet)
}

// changeWire changes loss, delay, duplication and partitions.
func (c *chaos) changeWire() {
	c.wire = wire{
		loss: c.rng.Float64() * c.lossMost, duplicate: c.rng.Float64() * 0.3,
		delayMax: c.upTo(2 * c.base), lateMax: c.upTo(c.base), crossed: 0.3,
	}
	switch c.rng.IntN(4) {
	case 0: // two halves
		half := c.rng.IntN(1 << maxNodes)
		for i := range maxNodes {
			for j := range maxNodes {
				c.wire.cut[i][j] = half>>i&1 != half>>j&1
			}
		}
	case 1: // one cannot be heard, but hears
		deaf := c.rng.IntN(len(c.nodes))
		for j := range maxNodes {
			c.wire.cut[deaf][j] = true
		}
	}
}

// mishap breaks or repairs one thing.
func (c *chaos) mishap() {
	n := c.nodes[c.rng.IntN(len(c.nodes))]
	what := c.rng.IntN(10)
	c.trace("%12v node %d: mishap %d", c.now, n.id, what)
	switch what {
	case 0, 1:
		c.changeWire()
	case 2:
		c.setFault(n, true)
		c.after(c.upTo(8*c.base), func() {
			if c.now < c.quiet {
				c.setFault(n, false)
			}
		})
	case 3:
		if n.m != nil {
			c.step(n, prioritised(uint8(1+c.rng.IntN(254))))
		}
	case 4:
		n.params = c.params(n)
		if n.m != nil {
			c.step(n, reconfigured(n.params))
		}
	case 5: // the host dies, and its addresses with it
		c.halt(n)
		n.owns, n.crashed = false, -1
		c.maybeRestart(n)
	case 6: // the process dies and leaves them; its supervisor restarts it
		if n.m != nil {
			n.resume, n.crashed = n.state == event.Master, c.now
			c.halt(n)
			c.after(c.upTo(4*c.base), func() { c.restart(n) })
		}
	case 7:
		if n.m != nil {
			c.step(n, shutdown)
			if n.owns {
				c.fail(n, "has stopped and kept its addresses")
			}
			c.halt(n)
			c.maybeRestart(n)
		}
	case 8:
		if n.m != nil {
			c.step(n, handOver)
		}
	case 9:
		if n.m != nil {
			c.step(n, endHandOver)
		}
	}
}

func (c *chaos) halt(n *node) {
	n.m, n.timers, n.state = nil, [machine.Timers]time.Time{}, event.Init
}

func (c *chaos) maybeRestart(n *node) {
	if c.rng.IntN(8) > 0 {
		c.after(c.upTo(8*c.base), func() {
			if c.now < c.quiet {
				c.start(n, false)
			}
		})
	}
}

// restart restarts a crashed process. It resumes MASTER if it was MASTER and
// restarts soon enough.
func (c *chaos) restart(n *node) {
	if n.crashed >= 0 {
		c.start(n, n.resume && c.now-n.crashed <= 2*n.params.AdvertInterval)
	}
}

func (c *chaos) start(n *node, resume bool) {
	if n.m != nil {
		return
	}
	n.crashed = -1
	n.m = machine.New(n.params)
	if n.fault {
		c.stepBeforeStartup(n, fault(true, "as before"))
	}
	c.step(n, machine.Input{Kind: machine.Startup, Master: resume})
}

// stepBeforeStartup checks that an input before Startup has no effect. It does
// not check the invariants: the addresses of a crashed predecessor may remain.
func (c *chaos) stepBeforeStartup(n *node, in machine.Input) {
	if effects := n.m.Step(start.Add(c.now), in, nil); len(effects) > 0 {
		c.fail(n, "acts before it has started: %v", render(effects[0]))
	}
}

func (c *chaos) setFault(n *node, down bool) {
	n.fault = down
	if n.m != nil {
		c.step(n, fault(down, "tracked"))
	}
}

// converge ends the disturbance and waits until all routers must have converged:
// each may need its delay and two down intervals, one router after the other.
func (c *chaos) converge() {
	c.trace("%12v quiet", c.now)
	c.wire = wire{delayMax: c.base / 1000, lateMax: c.base / 1000}
	for _, n := range c.nodes {
		c.restart(n)
		switch c.rng.IntN(4) {
		case 0: // as it is
		case 1:
			c.start(n, false)
		default:
			c.setFault(n, false)
			c.start(n, false)
		}
		// Some hand-overs go on: the others have a master all the same.
		if n.m != nil && c.rng.IntN(2) == 0 {
			c.step(n, endHandOver)
		}
	}
	c.run(c.quiet + time.Duration(len(c.nodes)+1)*(c.delay+2*c.longest))
}

// verdict checks the end state: the right router is the only master, and no
// other host has the addresses.
func (c *chaos) verdict() error {
	var master *node
	up := 0
	for _, n := range c.nodes {
		if n.owns != (n.state == event.Master) {
			return fmt.Errorf("node %d is %v and has addresses: %v", n.id, n.state, n.owns)
		}
		if n.m == nil || n.fault {
			continue
		}
		up++
		if n.state == event.Master {
			if master != nil {
				return fmt.Errorf("nodes %d and %d are both MASTER", master.id, n.id)
			}
			master = n
		}
	}
	switch {
	case up == 0:
		return nil
	case master == nil:
		return fmt.Errorf("%d routers are up and none is MASTER", up)
	case c.now-c.lastChange < c.longest:
		return fmt.Errorf("states still change: last change at %v of %v", c.lastChange, c.now)
	}
	for _, n := range c.nodes {
		if n == master || n.m == nil || n.fault {
			continue
		}
		if n.state != event.Backup || n.m.Master() != master.addr {
			return fmt.Errorf("node %d is %v of %v, and node %d (%v) is MASTER", n.id, n.state, n.m.Master(), master.id,
				master.addr)
		}
		preempts := (n.params.Preempt || n.params.Priority == machine.Owner) && !n.m.HandedOver()
		if preempts && n.m.Priority() > master.m.Priority() {
			return fmt.Errorf("node %d preempts with priority %d, but node %d is MASTER with %d", n.id, n.m.Priority(),
				master.id, master.m.Priority())
		}
	}
	return nil
}
