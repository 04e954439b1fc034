package vrrp_test

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

func TestThatInterfacesAreNotWatchedIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := pair(t)
		a.host.Deaf(false) // a snapshot like any other
		synctest.Wait()
		if n := a.log.count("watching interfaces and addresses again"); n != 0 {
			t.Errorf("what was never lost is back:\n%s", a.log)
		}
		for range 100 {
			a.host.Blind(errors.New("no descriptors"))
			after(100 * time.Millisecond)
		}
		if n := a.log.count("not noticed", "no descriptors"); n != 1 {
			t.Errorf("it was said %d times in 10 s, want once:\n%s", n, a.log)
		}
		a.host.Deaf(false)
		synctest.Wait()
		if n := a.log.count("watching interfaces and addresses again", "after=10s"); n != 1 {
			t.Errorf("that it works again was said %d times, want once:\n%s", n, a.log)
		}
		a.want("VI", event.Master)
	})
}

// TestTheOwnersAddressComesBack: the address of an address owner is the
// host's, even when it comes later than the configuration that names it.
func TestTheOwnersAddressComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const own = "10.0.0.1/24"
		w := &vrrptest.Wire{}
		a := newNode(t, w, own)
		a.host.Take("eth0", own)
		a.apply(instance("VI", 255, own))
		a.engine.AllowMaster()
		a.want("VI", event.Fault)
		for range 2 {
			a.host.Put("eth0", own)
			after(time.Second)
			a.want("VI", event.Master)
			a.host.Take("eth0", own)
			a.want("VI", event.Fault)
			a.wantAddress(false, own)
		}
		a.host.Put("eth0", own)
		a.want("VI", event.Master)
		a.engine.Stop(true)
		a.wantAddress(true, own)
		if held := a.journal.Held(); len(held) != 0 {
			t.Errorf("the journal claims an address of the host: %q", held)
		}
	})
}

// pause stops a node as SIGSTOP does for at least d: its timer fires late, and
// what arrives waits in its sockets.
func (n *node) pause(d time.Duration) (since time.Time) {
	n.late.Store(int64(d))
	after(time.Second) // the timer that is set next is the late one
	since = time.Now()
	n.host.Starve(true)
	after(d / 2)
	n.late.Store(0)
	after(d/2 + time.Second)
	n.host.Starve(false)
	return since
}

// TestAMasterThatSleptHearsItsSuccessor: nothing is claimed before what has
// arrived meanwhile was read.
func TestAMasterThatSleptHearsItsSuccessor(t *testing.T) {
	for _, c := range []struct {
		name          string
		peer          uint8 // the peer's priority
		expiredBackup uint8
		preempt       bool
		stays         bool // a is MASTER in the end
	}{
		{name: "a better one has taken over", peer: 200},
		{name: "a worse one has taken over", peer: 100, stays: true},
		{name: "timer_expired_backup", peer: 100, expiredBackup: 254},
		{name: "timer_expired_backup for lower priorities", peer: 100, expiredBackup: 149, stays: true},
		{name: "timer_expired_backup is for nopreempt", peer: 100, expiredBackup: 254, preempt: true, stays: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &vrrptest.Wire{}
				a, b := newNode(t, w, "10.0.0.1/24"), newNode(t, w, "10.0.0.2/24")
				a.apply(with(instance("VI", 150, vip), func(i *conf.Instance) {
					i.Preempt, i.TimerExpiredBackup = c.preempt, c.expiredBackup
				}))
				a.engine.AllowMaster()
				after(5 * time.Second)
				b.apply(with(instance("VI", c.peer, vip), func(i *conf.Instance) { i.Preempt = false }))
				b.engine.AllowMaster()
				after(5 * time.Second)
				a.want("VI", event.Master)

				asleep := a.pause(10 * time.Second)
				after(10 * time.Second)
				var claimed, yielded time.Time
				for _, adv := range adverts(t, w) {
					switch {
					case adv.from == a.host && adv.at.After(asleep) && claimed.IsZero():
						claimed = adv.at
					case adv.from == b.host:
						yielded = adv.at
					}
				}
				if claimed.IsZero() == c.stays {
					t.Errorf("a has claimed its mastership after waking: %v\n%s", !claimed.IsZero(), a.log)
				}
				if c.stays && yielded.Sub(claimed) > time.Second {
					t.Errorf("both were MASTER for %v after a woke", yielded.Sub(claimed))
				}
				if c.stays {
					a.want("VI", event.Master)
					b.want("VI", event.Backup)
				} else {
					a.want("VI", event.Backup)
					b.want("VI", event.Master)
				}
				a.wantAddress(c.stays, vip)
				b.wantAddress(!c.stays, vip)
			})
		})
	}
}

func TestInterfaceDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, inside := &vrrptest.Wire{}, &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.host.Plug(3, "eth1", inside)
		cfg := &conf.Config{
			Instances: []*conf.Instance{with(instance("VI", 150, vip), func(i *conf.Instance) {
				i.TrackInterfaces = []conf.TrackInterface{{Name: "eth1"}}
			})},
			InterfaceDelays: []conf.InterfaceDelay{
				{Interface: "eth0", Down: time.Second, Up: 5 * time.Second},
				{Interface: "eth1", Down: 2 * time.Second},
			},
		}
		a.applyConfig(cfg, nil)
		a.engine.AllowMaster()
		after(5 * time.Second)
		for range 5 { // it flaps
			a.host.SetUp("eth0", false)
			after(900 * time.Millisecond)
			a.host.SetUp("eth0", true)
			after(100 * time.Millisecond)
		}
		a.want("VI", event.Master)
		a.wantAddress(true, vip)

		a.host.SetUp("eth0", false)
		after(time.Second)
		a.want("VI", event.Fault)
		a.host.SetUp("eth0", true)
		after(5*time.Second - 1)
		a.want("VI", event.Fault)
		after(1)
		a.want("VI", event.Backup)
		after(5 * time.Second)
		a.want("VI", event.Master)

		a.host.SetUp("eth1", false) // another interface, with delays of its own
		after(2*time.Second - 1)
		a.want("VI", event.Master)
		after(1)
		a.want("VI", event.Fault)
		a.host.SetUp("eth1", true)
		a.want("VI", event.Backup)
		after(5 * time.Second)
		a.want("VI", event.Master)

		a.host.Unplug("eth0") // what does not exist does not wait
		a.want("VI", event.Fault)
		a.host.Plug(9, "eth0", w, "10.0.0.1/24")
		after(5 * time.Second)
		a.want("VI", event.Master)

		a.host.SetUp("eth0", false)
		cfg.InterfaceDelays = nil
		a.applyConfig(cfg, nil) // a reload that ends the delays
		a.want("VI", event.Fault)
	})
}

// TestStartDelays: nothing is sent and nobody is heard until the delay is over.
func TestStartDelays(t *testing.T) {
	for _, c := range []struct {
		name   string
		global conf.Global
		resume map[string]vrrp.Resume
		begins time.Duration
	}{
		{"startup", conf.Global{StartupDelay: 20 * time.Second}, nil, 20 * time.Second},
		{"after boot", conf.Global{DelayAfterBoot: 45 * time.Second}, nil, 15 * time.Second},
		{"long after boot", conf.Global{DelayAfterBoot: 30 * time.Second}, nil, 0},
		{"the longer one", conf.Global{StartupDelay: 5 * time.Second, DelayAfterBoot: 40 * time.Second}, nil,
			10 * time.Second},
		{"a worker in place of one that died", conf.Global{StartupDelay: 20 * time.Second}, map[string]vrrp.Resume{}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &vrrptest.Wire{}
				a := newNode(t, w, "10.0.0.1/24")
				a.applyConfig(&conf.Config{Global: c.global, Instances: []*conf.Instance{instance("VI", 255, vip)}}, c.resume)
				a.engine.AllowMaster()
				if c.begins > 0 {
					a.want("VI", event.Init)
					a.host.SetUp("eth0", false) // what happens meanwhile begins nothing
					a.host.SetUp("eth0", true)
					after(c.begins - 1)
					a.want("VI", event.Init)
					if n := len(w.Packets()) + a.host.Sockets(); n != 0 {
						t.Errorf("%d sockets and packets before the delay was over", n)
					}
					after(1)
				}
				a.want("VI", event.Master)
			})
		})
	}
}

// TestARenamedInterface: the configuration is for the name, so an interface
// that has another one is none, and keeps nothing of ours.
func TestARenamedInterface(t *testing.T) {
	for _, lost := range []bool{false, true} { // the event of it
		synctest.Test(t, func(t *testing.T) {
			_, a, b := pair(t)
			a.host.Deaf(lost)
			a.host.Rename("eth0", "lan0")
			a.host.Deaf(false)
			a.want("VI", event.Fault)
			if a.host.Has("lan0", vip) || !a.host.Has("lan0", "10.0.0.1/24") {
				t.Errorf("the interface has the virtual address still, or its own no more\n%s", a.log)
			}
			if held := a.journal.Held(); len(held) != 0 {
				t.Errorf("the journal has %q", held)
			}
			after(time.Second)
			b.want("VI", event.Master)
			a.host.Rename("lan0", "eth0")
			after(5 * time.Second)
			a.want("VI", event.Master)
			a.wantAddress(true, vip)
			b.wantAddress(false, vip)
		})
	}
}

// TestAMissingVRFIsAFault: unicast without an interface speaks from its VRF.
func TestAMissingVRFIsAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.apply(with(instance("VI", 150, vip), func(i *conf.Instance) {
			peers("10.0.0.2")(i)
			i.Interface, i.SourceAddress, i.VRF = "", netip.MustParseAddr("10.0.0.1"), "blue"
		}))
		a.engine.AllowMaster()
		after(5 * time.Second)
		a.want("VI", event.Fault)
		if got, want := a.state("VI").Reason, "VRF blue does not exist"; got != want {
			t.Errorf("the reason is %q, want %q", got, want)
		}
		a.host.Plug(9, "blue", w)
		after(5 * time.Second)
		a.want("VI", event.Master)
		a.host.Unplug("blue")
		a.want("VI", event.Fault)
	})
}
