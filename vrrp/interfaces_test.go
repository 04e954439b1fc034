package vrrp_test

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/track"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

func TestAMissingInterfaceIsAFaultUntilItAppears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		late := with(instance("VI", 150, vip), func(i *conf.Instance) {
			i.Interface = "eth7"
			i.Addresses[0].Device = "eth7"
		})
		a.apply(late)
		a.engine.AllowMaster()
		after(time.Minute)
		a.want("VI", event.Fault)
		if n := a.log.count("state changed", "interface eth7 does not exist"); n != 1 {
			t.Errorf("the missing interface was said %d times, want once:\n%s", n, a.log)
		}
		a.host.Plug(7, "eth7", w, "10.0.0.7/24")
		a.want("VI", event.Backup)
		after(5 * time.Second)
		a.want("VI", event.Master)
		if !a.host.Has("eth7", vip) {
			t.Error("the address is not on the new interface")
		}
		a.host.Unplug("eth7")
		a.want("VI", event.Fault)
		after(5 * time.Second)
		a.host.Plug(8, "eth7", w, "10.0.0.7/24") // the same name, another interface
		after(5 * time.Second)
		a.want("VI", event.Master)
		if !a.host.Has("eth7", vip) {
			t.Error("the address is not on the interface that came back")
		}
	})
}

func TestAnInterfaceThatIsDownIsAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		before := len(adverts(t, w))
		a.host.SetUp("eth0", false)
		a.want("VI", event.Fault)
		a.wantAddress(false, vip)
		if first := adverts(t, w)[before]; first.priority != 0 {
			t.Errorf("a master that fails sent %v first, want priority 0", first)
		}
		after(time.Second)
		b.want("VI", event.Master)
		a.host.SetUp("eth0", true)
		a.want("VI", event.Backup)
		after(5 * time.Second)
		a.want("VI", event.Master)
		a.wantAddress(true, vip)
	})
}

// TestAPortOfABridgeIsAFault: it is deaf while it sends, so a BACKUP on it would
// become a second MASTER.
func TestAPortOfABridgeIsAFault(t *testing.T) {
	for _, kind := range []string{"bridge", "bond", "team"} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, _, b := pair(t)
				port := track.Port{Kind: kind, Master: "brX"}
				b.host.SetMaster("eth0", port)
				b.want("VI", event.Fault)
				if got, want := b.state("VI").Reason,
					"interface eth0 is a port of "+kind+" brX: name brX in `interface`"; got != want {
					t.Errorf("reason %q, want %q", got, want)
				}
				after(10 * time.Second)
				b.want("VI", event.Fault)
				b.wantAddress(false, vip)
				b.host.SetMaster("eth0", track.Port{})
				b.want("VI", event.Backup)
				after(10 * time.Second)
				b.want("VI", event.Backup)

				late := newNode(t, &vrrptest.Wire{}, "10.0.0.3/24") // from the start
				late.host.SetMaster("eth0", port)
				late.apply(instance("VI", 150, vip))
				late.engine.AllowMaster()
				after(10 * time.Second)
				late.want("VI", event.Fault)
			})
		})
	}
}

func TestDontTrackPrimaryIgnoresTheInterface(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.apply(with(instance("VI", 150, vip), func(i *conf.Instance) { i.DontTrackPrimary = true }))
		a.engine.AllowMaster()
		after(5 * time.Second)
		a.host.SetUp("eth0", false)
		a.want("VI", event.Master)
	})
}

func TestAnInterfaceWithoutAddressIsAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.host.Take("eth0", "10.0.0.1/24")
		a.apply(instance("VI", 150, vip))
		a.engine.AllowMaster()
		a.want("VI", event.Fault)
		a.host.Put("eth0", vip) // a virtual address is no address of its own
		after(time.Second)
		a.want("VI", event.Fault)
		a.host.Put("eth0", "10.0.0.9/24")
		after(5 * time.Second)
		a.want("VI", event.Master)
	})
}

func TestANewPrimaryAddressIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		a.host.Take("eth0", "10.0.0.1/24")
		a.want("VI", event.Fault)
		a.host.Put("eth0", "10.0.0.77/24")
		after(10 * time.Second)
		a.want("VI", event.Master)
		if got := b.state("VI").Peer; got != "10.0.0.77" {
			t.Errorf("the peer hears %q, want 10.0.0.77", got)
		}
	})
}

func TestTheOwnersAddressIsItsSourceAndStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.apply(instance("VI", 255, "10.0.0.1/24"))
		a.engine.AllowMaster()
		a.want("VI", event.Master)
		a.engine.Stop(true)
		a.wantAddress(true, "10.0.0.1/24")
		if held := a.journal.Held(); len(held) != 0 {
			t.Errorf("the journal claims an address of the host: %q", held)
		}
	})
}

func TestTrackedInterfaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, other := &vrrptest.Wire{}, &vrrptest.Wire{}
		a, b := newNode(t, w, "10.0.0.1/24"), newNode(t, w, "10.0.0.2/24")
		a.host.Plug(3, "eth1", other)
		a.host.Plug(4, "eth2", other)
		a.apply(with(instance("VI", 120, vip), func(i *conf.Instance) {
			i.TrackInterfaces = []conf.TrackInterface{{Name: "eth1"}, {Name: "eth2", Weight: -60}}
		}))
		b.apply(instance("VI", 100, vip))
		a.engine.AllowMaster()
		b.engine.AllowMaster()
		after(5 * time.Second)
		a.want("VI", event.Master)

		a.host.SetUp("eth2", false)
		after(5 * time.Second)
		b.want("VI", event.Master)
		if got := a.state("VI"); got.State != event.Backup || got.Priority != 60 {
			t.Errorf("with the weighted interface down: %v with priority %d, want BACKUP with 60", got.State, got.Priority)
		}
		a.host.SetUp("eth2", true)
		after(5 * time.Second)
		a.want("VI", event.Master)

		a.host.SetUp("eth1", false)
		a.want("VI", event.Fault)
		if got, want := a.state("VI").Reason, "tracked interface eth1 is down"; got != want {
			t.Errorf("the reason is %q, want %q", got, want)
		}
		a.host.SetUp("eth1", true)
		after(5 * time.Second)
		a.want("VI", event.Master)
	})
}

func TestTheInterfaceOfAnAddressIsTracked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, inside := &vrrptest.Wire{}, &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.host.Plug(3, "eth1", inside)
		gateway := conf.Address{Prefix: netip.MustParsePrefix("192.168.1.1/24"), Device: "eth1"}
		a.apply(with(instance("VI", 120, vip), func(i *conf.Instance) { i.ExcludedAddresses = []conf.Address{gateway} }))
		a.engine.AllowMaster()
		after(5 * time.Second)
		a.want("VI", event.Master)
		if !a.host.Has("eth1", "192.168.1.1/24") {
			t.Error("the excluded address is not there")
		}
		if n := len(inside.Announcements()); n != 5 {
			t.Errorf("the excluded address was announced %d times on its link, want 5", n)
		}
		a.host.SetUp("eth1", false)
		a.want("VI", event.Fault)
		gateway.NoTrack = true
		a.apply(with(instance("VI", 120, vip), func(i *conf.Instance) { i.ExcludedAddresses = []conf.Address{gateway} }))
		after(5 * time.Second)
		a.want("VI", event.Master)
	})
}

func TestAnAddressThatIsTakenAwayIsPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		announced := len(w.Announcements())
		a.host.Take("eth0", vip)
		a.wantAddress(true, vip)
		a.want("VI", event.Master)
		if n := len(w.Announcements()) - announced; n != 5 {
			t.Errorf("the address that was put back was announced %d times, want 5", n)
		}
		if n := a.log.count("put it back", vip); n != 1 {
			t.Errorf("it was logged %d times, want once:\n%s", n, a.log)
		}
		b.want("VI", event.Backup)
		b.host.Put("eth0", vip)
		b.host.Take("eth0", vip)
		b.wantAddress(false, vip) // a BACKUP does not want it
	})
}

func TestLostEventsAreMadeUpForByASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := pair(t)
		a.host.Deaf(true)
		a.host.Take("eth0", vip)
		a.wantAddress(false, vip)
		a.host.Deaf(false)
		a.wantAddress(true, vip)
		a.want("VI", event.Master)
	})
}

func TestAddressesThatCannotBeAddedAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.apply(instance("VI", 150, vip))
		a.host.RefuseAddresses(errors.New("no room"))
		a.engine.AllowMaster()
		after(30 * time.Second)
		a.want("VI", event.Master)
		if n := a.log.count("failed to create", "no room"); n != 1 {
			t.Errorf("the failure was logged %d times in 30 s, want once:\n%s", n, a.log)
		}
		if n := len(w.Announcements()); n != 0 {
			t.Errorf("%d announcements of an address that is not there", n)
		}
		if held := a.journal.Held(); len(held) != 0 {
			t.Errorf("the journal claims addresses that are not there: %q", held)
		}
		a.host.RefuseAddresses(nil)
		after(30 * time.Second) // the longest pause between two attempts
		a.wantAddress(true, vip)
		if n := len(w.Announcements()); n != 5 {
			t.Errorf("%d announcements, want 5", n)
		}
	})
}

func TestAnnouncementsArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		i := instance("VI", 150, vip, "10.0.0.101/32")
		a.applyConfig(&conf.Config{
			Global:    conf.Global{GARPInterval: 100 * time.Millisecond},
			Instances: []*conf.Instance{i},
		}, nil)
		a.engine.AllowMaster()
		after(downInterval(time.Second, 150) + 4*time.Second)
		var gaps []time.Duration
		all := w.Announcements()
		for n := range all[1:] {
			gaps = append(gaps, all[n+1].At.Sub(all[n].At))
		}
		const ms100 = 100 * time.Millisecond
		if diff := cmp.Diff([]time.Duration{ms100, ms100, ms100, ms100, ms100, ms100, ms100, ms100, ms100},
			gaps); diff != "" {
			t.Errorf("gaps between announcements (-want +got):\n%s", diff)
		}
		after(5 * time.Second)
		if got := len(w.Announcements()); got != 20 {
			t.Errorf("%d announcements, want 20: a second block after garp_master_delay", got)
		}
		a.engine.Stop(true)
	})
}

func TestAnnouncementsEndWithTheMastership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.applyConfig(&conf.Config{
			Global:    conf.Global{GARPInterval: time.Second},
			Instances: []*conf.Instance{instance("VI", 150, vip)},
		}, nil)
		a.engine.AllowMaster()
		after(downInterval(time.Second, 150) + 1500*time.Millisecond)
		before := len(w.Announcements())
		a.host.SetUp("eth0", false)
		after(10 * time.Second)
		if got := len(w.Announcements()); got != before {
			t.Errorf("%d announcements after the mastership was lost", got-before)
		}
	})
}
