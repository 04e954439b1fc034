package vrrp_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/packet"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

// announcedBy counts a host's announcements by address, after a moment.
func announcedBy(w *vrrptest.Wire, h *vrrptest.Host, since time.Time) map[string]int {
	m := make(map[string]int)
	for _, a := range w.Announcements() {
		if a.From == h && !a.At.Before(since) {
			m[a.Addr.String()]++
		}
	}
	return m
}

// TestAPartitionHeals: both were MASTER, and neighbours may have learned
// either. When the two meet, the one that stays MASTER says again where the
// addresses are, with the other addresses of its sync group.
func TestAPartitionHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a, b := newNode(t, w, "10.0.0.1/24"), newNode(t, w, "10.0.0.2/24")
		for _, n := range []*node{a, b} {
			priority := uint8(150)
			if n == b {
				priority = 100
			}
			garp := conf.GARP{MasterRepeat: 2, LowerPrioRepeat: 3, LowerPrioDelay: 4 * time.Second}
			one := with(instance("VI", priority, vip), func(i *conf.Instance) { i.GARP = garp })
			two := with(instance("V2", priority, "10.0.0.102/32"), func(i *conf.Instance) { i.GARP, i.VRID = garp, 11 })
			three := with(instance("V3", priority, "10.0.0.103/32"), func(i *conf.Instance) { i.GARP, i.VRID = garp, 12 })
			n.applyConfig(&conf.Config{
				Instances:  []*conf.Instance{one, two, three},
				SyncGroups: []*conf.SyncGroup{{Name: "G", Members: []string{"VI", "V2"}}},
			}, nil)
			n.engine.AllowMaster()
			after(300 * time.Millisecond) // so that b, which starts later, also speaks later in each second
		}
		after(10 * time.Second)
		w.Cut(b.host, true)
		after(10 * time.Second)
		a.want("VI", event.Master)
		b.want("VI", event.Master)
		if len(a.lower) != 0 {
			t.Errorf("losing advertisements before there were any: %v", a.lower)
		}

		// The wire is whole again, and b's advertisement is the first one.
		var last time.Time
		for _, adv := range adverts(t, w) {
			if adv.from == a.host {
				last = adv.at
			}
		}
		after(time.Until(last) + time.Second + 10*time.Millisecond)
		healed := time.Now()
		w.Cut(b.host, false)
		losing := forge(t, func(p *packet.Advertisement) {
			p.Priority, p.Source = 100, netip.MustParseAddr("10.0.0.2")
		})
		w.Inject(losing) // V2 and V3 may meet in the other order
		after(time.Second)
		for _, name := range []string{"VI", "V2", "V3"} {
			a.want(name, event.Master)
			b.want(name, event.Backup)
		}
		got := announcedBy(w, a.host, healed)
		if got[vipAddress] < 3 || got[vipAddress] > 6 || got["10.0.0.102"] < 3 {
			t.Errorf("within a second a has announced %v, want its address and that of its group 3 times for each second of "+
				"the conflict", got)
		}
		after(10 * time.Second)
		if later := announcedBy(w, a.host, healed)[vipAddress]; later != got[vipAddress]+3 {
			t.Errorf("after garp_lower_prio_delay a has announced its address %d times more, want 3", later-got[vipAddress])
		}
		if got := announcedBy(w, b.host, healed); len(got) != 0 {
			t.Errorf("b, which lost, has announced %v", got)
		}
		if len(a.lower) == 0 || a.lower[0].Instance != "VI" || a.lower[0].Priority != 100 || a.lower[0].Sender != "10.0.0.2" {
			t.Errorf("told of losing advertisements: %+v", a.lower)
		}
		if len(b.lower) != 0 {
			t.Errorf("b was told of losing advertisements: %+v", b.lower)
		}
	})
}

// TestAPartitionHealsTheOtherWay: the better master speaks first, and the
// other one yields. Without a word the better one would not know that its
// neighbours have learned another; strict mode keeps to the RFC.
func TestAPartitionHealsTheOtherWay(t *testing.T) {
	for _, strict := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w, a, b := pair(t)
			for n, priority := range map[*node]uint8{a: 150, b: 100} {
				n.apply(with(instance("VI", priority, vip), func(i *conf.Instance) {
					i.Strict = strict
					i.GARP = conf.GARP{MasterRepeat: 1, LowerPrioRepeat: 3}
				}))
			}
			w.Cut(b.host, true)
			after(10*time.Second + 800*time.Millisecond) // a speaks next
			b.want("VI", event.Master)
			healed, before := time.Now(), len(adverts(t, w))
			w.Cut(b.host, false)
			after(5 * time.Second)
			a.want("VI", event.Master)
			b.want("VI", event.Backup)
			if first := adverts(t, w)[before]; first.from != a.host {
				t.Fatal("b has spoken first: this is not the test that it should be")
			}
			want := 3
			if strict {
				want = 0
			}
			if got := announcedBy(w, a.host, healed)[vipAddress]; got != want {
				t.Errorf("strict: %v; a has announced its address %d times, want %d\n%s", strict, got, want, a.log)
			}
		})
	}
}

const vipAddress = "10.0.0.100"

// TestLosingAdvertisementsAreToldOnceASecond: a flood makes no flood of scripts.
func TestLosingAdvertisementsAreToldOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, _ := pair(t)
		losing := forge(t, func(p *packet.Advertisement) { p.Priority = 1 })
		for range 100 {
			w.Inject(losing)
			after(30 * time.Millisecond)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if n := len(a.lower); n != 3 {
			t.Errorf("told %d times in 3 s, want 3", n)
		}
	})
}

// TestHowConflictsAreAnswered: lower_prio_no_advert, higher_prio_send_advert
// and owner_ignore_adverts, from outside.
func TestHowConflictsAreAnswered(t *testing.T) {
	for _, c := range []struct {
		name   string
		mine   uint8
		change func(*conf.Instance)
		heard  uint8
		want   []uint8 // priorities sent within the same instant
		state  event.VRRPState
	}{
		{"a losing one is answered", 150, nil, 100, []uint8{150}, event.Master},
		{"lower_prio_no_advert", 150, func(i *conf.Instance) { i.LowerPrioNoAdvert = true }, 100, nil, event.Master},
		{"a better one is yielded to in silence", 150, nil, 200, nil, event.Backup},
		{"higher_prio_send_advert", 150, func(i *conf.Instance) { i.HigherPrioSendAdvert = true }, 200, []uint8{150},
			event.Backup},
		{"priority 0 is answered", 150, nil, 0, []uint8{150}, event.Master},
		{"an owner yields to another with a higher address", 255, nil, 255, nil, event.Backup},
		{"owner_ignore_adverts", 255, func(i *conf.Instance) { i.OwnerIgnoreAdverts = true }, 255, nil, event.Master},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &vrrptest.Wire{}
				a := newNode(t, w, "10.0.0.1/24")
				i := instance("VI", c.mine, vip)
				if c.change != nil {
					c.change(i)
				}
				a.apply(i)
				a.engine.AllowMaster()
				after(5*time.Second + 500*time.Millisecond)
				a.want("VI", event.Master)
				before := len(w.Packets()) + 1
				w.Inject(forge(t, func(p *packet.Advertisement) {
					p.Priority, p.Source = c.heard, netip.MustParseAddr("10.0.0.9")
				}))
				a.want("VI", c.state)
				var sent []uint8
				for _, adv := range adverts(t, w)[before:] {
					sent = append(sent, adv.priority)
				}
				if diff := cmp.Diff(c.want, sent); diff != "" {
					t.Errorf("sent in answer (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestDownTimerAdverts: vrrp_down_timer_adverts is how many may be missed.
func TestDownTimerAdverts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		b.apply(with(instance("VI", 100, vip), func(i *conf.Instance) { i.DownTimerAdverts = 5 }))
		after(time.Second)
		before := adverts(t, w)
		a.crash(w)
		after(20 * time.Second)
		all := adverts(t, w)
		last := before[len(before)-1].at
		if got, want := all[len(before)].at.Sub(last), downInterval(time.Second, 100)+2*time.Second; got != want {
			t.Errorf("b took over after %v, want %v", got, want)
		}
	})
}

// TestTwoOwners: two routers that both claim to own the addresses elect one,
// the one with the higher address, and nobody flaps.
func TestTwoOwners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a, b := newNode(t, w, "10.0.0.1/24"), newNode(t, w, "10.0.0.2/24")
		for _, n := range []*node{a, b} {
			n.apply(instance("VI", 255, vip))
			n.engine.AllowMaster()
		}
		after(30 * time.Second)
		a.want("VI", event.Backup)
		b.want("VI", event.Master)
		a.wantAddress(false, vip)
		b.wantAddress(true, vip)
		if diff := cmp.Diff([]event.VRRPState{event.Master, event.Backup}, a.states("VI")); diff != "" {
			t.Errorf("states of the owner with the lower address (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]event.VRRPState{event.Master}, b.states("VI")); diff != "" {
			t.Errorf("states of the owner with the higher address (-want +got):\n%s", diff)
		}
		if a.log.count("claims to own")+b.log.count("claims to own") == 0 {
			t.Errorf("nobody has said that there are two owners:\n%s%s", a.log, b.log)
		}
		b.crash(w)
		after(5 * time.Second)
		a.want("VI", event.Master)
	})
}
