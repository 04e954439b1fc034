package vrrp

import (
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/announce"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/packet"
	"github.com/lvs-director/director/vrrp/resource"
)

// rest is an engine at rest: a thousand virtual routers of 100 ms on four
// interfaces, of which ten are due in every millisecond.
type rest struct {
	*Engine
	clock stubClock
	conns []*stubConn
}

const (
	restInterval   = 100 * time.Millisecond
	restInterfaces = 4
	restRouters    = 250 // on each interface
)

// stubClock stands still until it is set.
type stubClock struct{ now time.Time }

func (c *stubClock) Now() time.Time                     { return c.now }
func (c *stubClock) NewTimer() (link.Timer, error)      { return c, nil }
func (c *stubClock) Set(time.Time) error                { return nil }
func (c *stubClock) C() <-chan struct{}                 { return nil }
func (c *stubClock) Close() error                       { return nil }
func (c *stubClock) sinceBoot() time.Duration           { return c.now.Sub(time.Time{}.Add(time.Hour)) }
func (c *stubClock) at(d time.Duration) (now time.Time) { c.now = c.now.Add(d); return c.now }

// stubConn counts what is sent and gives what is put into it.
type stubConn struct {
	sent    int
	arrived []link.Datagram
}

func (c *stubConn) Send([]byte, netip.Addr) error { c.sent++; return nil }
func (c *stubConn) Resume()                       {}
func (c *stubConn) Close() error                  { return nil }
func (c *stubConn) Receive(batch []link.Datagram) (int, error) {
	n := copy(batch, c.arrived)
	c.arrived = c.arrived[n:]
	return n, nil
}

// atRest makes the engine; its routers are MASTER, or BACKUP of another.
func atRest(tb testing.TB, state event.VRRPState) *rest {
	tb.Helper()
	r := &rest{clock: stubClock{now: time.Now()}}
	r.Engine = New(Options{
		Clock: &r.clock, SinceBoot: r.clock.sinceBoot,
		Events: func(event.InstanceState) {}, Heartbeat: func(Heartbeat) {},
	})
	r.log, r.timer, r.allowed = slog.New(slog.DiscardHandler), &r.clock, true
	r.reconciler, r.announcer = resource.New(resource.Options{Log: r.log}), announce.New(nil, r.log)
	r.suspension.begin(r.clock.now, r.clock.sinceBoot())
	r.beat(r.clock.now)
	for n := range restInterfaces {
		device, conn := fmt.Sprintf("eth%d", n), &stubConn{}
		s := &socket{key: link.Key{Index: n + 1, Family: link.IPv4}, device: device, conn: conn}
		s.density.look = timer{kind: socketLook, sock: s}
		r.conns, r.sockets[s.key] = append(r.conns, conn), s
		for vrid := 1; vrid <= restRouters; vrid++ {
			cfg := &conf.Instance{
				Name: fmt.Sprintf("VI_%d_%d", n, vrid), Interface: device, VRID: uint8(vrid), Priority: 100, Version: 3,
				AdvertInterval: restInterval, DownTimerAdverts: 3,
				Addresses: []conf.Address{{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Device: device}},
			}
			i := newInstance(cfg)
			i.source, i.sock, s.instances[vrid] = netip.MustParseAddr("10.0.0.1"), s, i
			i.configure(cfg)
			r.order = append(r.order, i)
			r.clock.at(restInterval / (restInterfaces * restRouters))
			r.step(i, r.clock.now, machine.Input{Kind: machine.Startup, Master: state == event.Master})
		}
	}
	return r
}

// turn goes round the loop once, a time after the last turn, as Engine.loop does.
func (r *rest) turn(after time.Duration, wake func()) {
	r.arm()
	r.clock.at(after)
	r.armed = time.Time{}
	r.wake()
	if wake != nil {
		wake()
	}
	r.fire()
	r.advertised()
}

// sent is how many advertisements have left.
func (r *rest) sent() (n int) {
	for _, c := range r.conns {
		n += c.sent
	}
	return n
}

// advertisements are those of one more router, which is MASTER, of one interface.
func advertisements(tb testing.TB) (list []link.Datagram) {
	tb.Helper()
	for vrid := 1; vrid <= restRouters; vrid++ {
		data, err := packet.Append(nil, &packet.Advertisement{
			Version: 3, VRID: uint8(vrid), Priority: 200, Interval: restInterval, Checksum: packet.PseudoHeader,
			Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
			Source:    netip.MustParseAddr("10.0.0.2"), Destination: packet.Multicast4,
		})
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, link.Datagram{Data: data})
	}
	return list
}

// TestAdvertisementsAtRestAllocateNothing: a thousand virtual routers make no
// work for the garbage collector, neither as MASTER nor as BACKUP.
func TestAdvertisementsAtRestAllocateNothing(t *testing.T) {
	r := atRest(t, event.Master)
	r.turn(restInterval, nil)
	before := r.sent()
	if n := testing.AllocsPerRun(200, func() { r.turn(time.Millisecond, nil) }); n != 0 {
		t.Errorf("a millisecond of a MASTER costs %v allocations", n)
	}
	if n := r.sent() - before; n < 1900 || n > 2100 {
		t.Errorf("%d advertisements left in 200 ms, want about 2000", n)
	}

	r = atRest(t, event.Backup)
	r.receiving(t)
	if n := testing.AllocsPerRun(200, r.receiving(t)); n != 0 {
		t.Errorf("a batch of advertisements costs %v allocations", n)
	}
	for _, i := range r.order {
		if i.machine.State() != event.Backup || i.stats.received == 0 {
			t.Fatalf("%s is %v and has heard %d advertisements", i.cfg.Name, i.machine.State(), i.stats.received)
		}
	}
}

// receiving returns what a millisecond of a BACKUP is: ten advertisements
// arrive at the interfaces in turn.
func (r *rest) receiving(tb testing.TB) func() {
	list, next := advertisements(tb), 0
	const batch = 10
	return func() {
		on := next / restRouters % restInterfaces
		first := next % restRouters
		r.conns[on].arrived = list[first : first+batch]
		next += batch
		r.turn(time.Millisecond, func() { r.readable(r.sockets[link.Key{Index: on + 1, Family: link.IPv4}]) })
	}
}

// BenchmarkAdvertisementSent is what one costs at rest, without the kernel.
func BenchmarkAdvertisementSent(b *testing.B) {
	r := atRest(b, event.Master)
	r.turn(restInterval, nil)
	start := r.sent()
	b.ReportAllocs()
	for b.Loop() {
		r.turn(time.Millisecond, nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(r.sent()-start), "ns/advertisement")
}

// BenchmarkAdvertisementReceived is what one costs at rest, without the kernel.
func BenchmarkAdvertisementReceived(b *testing.B) {
	r := atRest(b, event.Backup)
	receive := r.receiving(b)
	b.ReportAllocs()
	turns := 0
	for b.Loop() {
		receive()
		turns++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(10*turns), "ns/advertisement")
}

// TestLateness: how late advertisements leave is counted for their interface.
func TestLateness(t *testing.T) {
	r := atRest(t, event.Master)
	for range 300 { // until each has its place in the interval
		r.turn(time.Millisecond, nil)
	}
	classes := func(turn func()) (all, beyond5ms, beyond10ms uint64, sum time.Duration) {
		before := r.interfaceStats().Lateness["eth0"]
		turn()
		after := r.interfaceStats().Lateness["eth0"]
		for class, count := range after.Counts {
			n := count - before.Counts[class]
			all += n
			if class == len(event.LatenessBounds) || event.LatenessBounds[class] > 5*time.Millisecond {
				beyond5ms += n
			}
			if class == len(event.LatenessBounds) || event.LatenessBounds[class] > 10*time.Millisecond {
				beyond10ms += n
			}
		}
		return all, beyond5ms, beyond10ms, after.Sum - before.Sum
	}
	all, late, _, sum := classes(func() {
		for range 100 {
			r.turn(time.Millisecond, nil)
		}
	})
	if all < restRouters-5 || all > restRouters+5 || late > 0 || sum > time.Duration(all)*time.Millisecond {
		t.Errorf("in an interval %d are counted, %d of them late, %v together", all, late, sum)
	}
	all, late, later, _ := classes(func() { r.turn(8*time.Millisecond, nil) })
	if all < 10 || late == 0 || late == all || later > 0 {
		t.Errorf("after 8 ms without a processor %d are counted, %d of them more than 5 ms late, %d more than 10 ms", all,
			late, later)
	}
	if n := len(r.interfaceStats().Lateness); n != restInterfaces {
		t.Errorf("%d interfaces are counted", n)
	}
}

// BenchmarkStats is what it costs the engine, in one turn, to say what it has counted of a part of its
// thousand routers, and in another one of its interfaces.
func BenchmarkStats(b *testing.B) {
	r := atRest(b, event.Master)
	list := make([]countedInstance, 0, countedAtOnce)
	b.Run("instances", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			count(list, r.order[:countedAtOnce], false)
		}
	})
	b.Run("interfaces", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.interfaceStats()
		}
	})
}
