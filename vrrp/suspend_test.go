package vrrp_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/packet"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

// TestASuspendedHostWakesAsASleeper: its timers have not counted the time, and
// the other clock says so. Nothing arrives while it is suspended.
func TestASuspendedHostWakesAsASleeper(t *testing.T) {
	t.Run("a BACKUP does not claim beside a living master", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, _, b := pair(t)
			w.Cut(b.host, true)
			sent := adverts(t, w)
			after(time.Until(sent[len(sent)-1].at.Add(downInterval(time.Second, 100) - 10*time.Millisecond)))
			b.suspended.Store(int64(time.Hour))
			w.Cut(b.host, false)
			after(5 * time.Second)
			b.want("VI", event.Backup)
			if got := b.states("VI"); len(got) != 1 {
				t.Errorf("states of the BACKUP: %v", got)
			}
		})
	})
	t.Run("a BACKUP claims when the master is gone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, a, b := pair(t)
			b.suspended.Store(int64(time.Hour))
			a.crash(w)
			after(5 * time.Second)
			b.want("VI", event.Master)
		})
	})
	t.Run("a MASTER reads what has arrived before it claims", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, a, b := pair(t)
			late := func(i *conf.Instance) { i.Preempt, i.TimerExpiredBackup = false, 254 }
			a.apply(with(instance("VI", 150, vip), late))
			after(100 * time.Millisecond)
			w.Cut(a.host, true)
			a.host.Starve(true)
			after(5 * time.Second)
			b.want("VI", event.Master)
			before := len(a.states("VI"))
			a.suspended.Store(int64(5 * time.Second))
			w.Cut(a.host, false)
			a.host.Starve(false)
			after(2 * time.Second)
			a.want("VI", event.Backup)
			b.want("VI", event.Master)
			if got := a.states("VI"); len(got) != before+1 {
				t.Errorf("states of the late MASTER: %v", got)
			}
		})
	})
}

// TestAlternatingAdvertisementsAreNotAnsweredPacketByPacket: each answer goes
// to the whole group.
func TestAlternatingAdvertisementsAreNotAnsweredPacketByPacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		before := len(adverts(t, w))
		one := forge(t, func(p *packet.Advertisement) { p.Priority = 1 })
		two := forge(t, func(p *packet.Advertisement) { p.Priority = 2 })
		const packets = 1000
		for range packets / 20 {
			for range 10 {
				w.Inject(one)
				w.Inject(two)
			}
			after(time.Millisecond)
		}
		after(500 * time.Millisecond)
		a.want("VI", event.Master)
		b.want("VI", event.Backup)
		answers := 0
		for _, adv := range adverts(t, w)[before:] {
			if adv.from == a.host {
				answers++
			}
		}
		if answers == 0 || answers > 20 {
			t.Errorf("%d alternating advertisements in 550 ms were answered by %d, want some and at most 20", packets, answers)
		}
	})
}

// countingNetwork counts what is asked about routes.
type countingNetwork struct {
	*vrrptest.Host
	finds int
}

func (c *countingNetwork) Routes() (link.Routes, error) {
	r, err := c.Host.Routes()
	return &countingRoutes{r, c}, err
}

type countingRoutes struct {
	link.Routes
	c *countingNetwork
}

func (r *countingRoutes) FindRoutes(keys []link.RouteKey) (map[link.RouteKey]conf.Route, error) {
	r.c.finds++
	return r.Routes.FindRoutes(keys)
}

// TestInterfacesThatNoRouteDependsOnCostNothing: containers come and go.
func TestInterfacesThatNoRouteDependsOnCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		a.engine.Stop(true)
		count := &countingNetwork{Host: a.host}
		a.network = count
		a.run()
		a.masterOf(routed(t, "10.7.0.0/16 via 10.0.0.9 dev eth0", "", ""))
		after(5 * time.Second)
		before := count.finds
		for n := range 200 {
			a.host.Plug(100+n, "veth", &vrrptest.Wire{}, "172.17.0.1/16")
			after(20 * time.Millisecond)
			a.host.SetUp("veth", false)
			a.host.Unplug("veth")
			after(20 * time.Millisecond)
		}
		if n := count.finds - before; n != 0 {
			t.Errorf("routes were looked for %d times", n)
		}
	})
}

// TestAnInterfaceThatFlapsCostsOneLookASecond: each flap may take routes along.
func TestAnInterfaceThatFlapsCostsOneLookASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		a.engine.Stop(true)
		count := &countingNetwork{Host: a.host}
		a.network = count
		a.run()
		a.host.Plug(3, "eth1", &vrrptest.Wire{}, "10.1.0.1/24")
		a.masterOf(routed(t, "10.7.0.0/16 via 10.1.0.9 no_track", "", ""))
		after(5 * time.Second)
		before := count.finds
		for range 500 {
			a.host.SetUp("eth1", false)
			after(10 * time.Millisecond)
			a.host.SetUp("eth1", true)
			after(10 * time.Millisecond)
		}
		after(2 * time.Second)
		if n := count.finds - before; n > 40 {
			t.Errorf("routes were looked for %d times in 12 s", n)
		}
	})
}
