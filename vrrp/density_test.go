package vrrp_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

// chatter puts another router's advertisements on the wire, two thousand a second.
func chatter(t *testing.T, w *vrrptest.Wire) (end func()) {
	t.Helper()
	foreign := slices.Clone(w.Packets()[0].Data)
	const vrid = 20 + 1 // behind an IPv4 header
	foreign[vrid] = 77  // the checksum does not matter: nobody here is concerned
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(500 * time.Microsecond):
				w.Inject(foreign)
			}
		}
	}()
	return func() { close(stop) }
}

// sent are the packets that a host has sent.
func sent(w *vrrptest.Wire) []vrrptest.Packet {
	return slices.DeleteFunc(w.Packets(), func(p vrrptest.Packet) bool { return p.From == nil })
}

func TestDenseTrafficDelaysNoTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		defer chatter(t, w)()
		after(time.Second)
		mine := sent(w)
		last := mine[len(mine)-1]
		a.crash(w)
		after(10 * time.Second)
		b.want("VI", event.Master)
		first := sent(w)[len(mine)]
		if got, want := first.At.Sub(last.At), downInterval(time.Second, 100); got != want {
			t.Errorf(
				"amid dense traffic: from the last advertisement of the old master to the first of the new one: %v, want %v",
				got,
				want,
			)
		}
	})
}

func TestDenseTrafficDelaysNoHandover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		defer chatter(t, w)()
		after(time.Second)
		before := len(sent(w))
		a.engine.Stop(true)
		after(5 * time.Second)
		b.want("VI", event.Master)
		all := sent(w)
		if got, want := all[before+1].At.Sub(all[before].At), 156*time.Second/256; got != want {
			t.Errorf("amid dense traffic: the backup took over after %v, want %v", got, want)
		}
	})
}

// busyCompanion always has something to do, and each piece of it takes some time.
type busyCompanion struct {
	ready   chan int
	stopped bool
}

const pieceOfWork = 500 * time.Microsecond

func (b *busyCompanion) Next() (time.Time, bool) { return time.Now(), !b.stopped }
func (b *busyCompanion) Fire()                   { time.Sleep(pieceOfWork) }
func (b *busyCompanion) Ready() <-chan int       { return b.ready }
func (b *busyCompanion) Serve(int)               { time.Sleep(pieceOfWork) }
func (b *busyCompanion) Stop()                   { b.stopped = true }
func (b *busyCompanion) Stopped() bool           { return b.stopped }

// TestABusyCompanionDelaysNothing by more than two pieces of its work, neither advertisements nor a takeover.
func TestABusyCompanionDelaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		start := func(address string, priority uint8) *node {
			ready := make(chan int)
			end := make(chan struct{})
			t.Cleanup(func() { close(end) })
			go func() {
				for {
					select {
					case ready <- 0:
					case <-end:
						return
					}
				}
			}()
			n := &node{t: t, host: &vrrptest.Host{}, journal: &journal{held: map[string]bool{}},
				companion: &busyCompanion{ready: ready}}
			n.host.Plug(2, "eth0", w, address)
			n.run()
			if err := n.engine.Apply(t.Context(), &conf.Config{Instances: []*conf.Instance{
				instance("VI", priority, vip)}}, nil); err != nil {
				t.Fatal(err)
			}
			n.engine.AllowMaster()
			return n
		}
		a := start("10.0.0.1/24", 150)
		start("10.0.0.2/24", 100)
		time.Sleep(10 * time.Second)
		mine := sent(w)
		for n, p := range mine[1:] {
			if gap := p.At.Sub(mine[n].At); p.From == a.host && mine[n].From == a.host && gap > time.Second+2*pieceOfWork {
				t.Errorf("%v between two advertisements", gap)
			}
		}
		a.crash(w)
		time.Sleep(5 * time.Second)
		first := sent(w)[len(mine)]
		last := mine[len(mine)-1]
		want := downInterval(time.Second, 100)
		if got := first.At.Sub(last.At); first.From == a.host || got > want+2*pieceOfWork {
			t.Errorf("a takeover after %v, want %v", got, want)
		}
	})
}
