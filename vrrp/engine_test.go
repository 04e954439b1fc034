package vrrp_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

func TestNobodyIsMasterBeforeItIsAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		owner := with(instance("OWNER", 255, "10.0.0.50/32"), func(i *conf.Instance) { i.VRID = 11 })
		a.apply(instance("VI", 150, vip), owner)
		after(time.Minute)
		a.want("VI", event.Backup)
		a.wantAddress(false, vip, "10.0.0.50/32")
		if n := len(w.Packets()); n != 0 {
			t.Errorf("%d advertisements were sent before it was allowed", n)
		}
		a.engine.AllowMaster()
		a.want("VI", event.Master)
		a.want("OWNER", event.Master)
		a.wantAddress(true, vip, "10.0.0.50/32")
	})
}

func TestAMasterHeardWhileNotAllowedIsRespected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a, b := newNode(t, w, "10.0.0.1/24"), newNode(t, w, "10.0.0.2/24")
		b.apply(instance("VI", 100, vip))
		after(10 * time.Second) // its timer expires unheeded
		a.apply(instance("VI", 150, vip))
		a.engine.AllowMaster()
		after(5 * time.Second)
		a.want("VI", event.Master)
		b.engine.AllowMaster()
		after(10 * time.Second)
		if diff := cmp.Diff([]event.VRRPState{event.Backup}, b.states("VI")); diff != "" {
			t.Errorf("unexpected states (-want +got):\n%s", diff)
		}
	})
}

func TestManyInstancesChangeSidesTogether(t *testing.T) {
	const many = 200
	cluster := func(priority uint8) (list []*conf.Instance) {
		for n := range many {
			i := instance(fmt.Sprintf("VI%d", n), priority, fmt.Sprintf("10.1.0.%d/32", n+1))
			i.VRID = uint8(n + 1)
			list = append(list, i)
		}
		return list
	}
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a, b := newNode(t, w, "10.0.0.1/24"), newNode(t, w, "10.0.0.2/24")
		a.apply(cluster(150)...)
		b.apply(cluster(100)...)
		a.engine.AllowMaster()
		b.engine.AllowMaster()
		after(5 * time.Second)
		a.crash(w)
		after(5 * time.Second)
		for n := range many {
			b.want(fmt.Sprintf("VI%d", n), event.Master)
			b.wantAddress(true, fmt.Sprintf("10.1.0.%d/32", n+1))
		}
		announced := make(map[netip.Addr]int)
		for _, x := range w.Announcements() {
			if x.From == b.host {
				announced[x.Addr]++
			}
		}
		for n := range many {
			if got := announced[netip.AddrFrom4([4]byte{10, 1, 0, byte(n + 1)})]; got != 5 {
				t.Errorf("10.1.0.%d was announced %d times, want 5", n+1, got)
			}
		}
		if got := b.host.Sockets(); got != 1 {
			t.Errorf("%d instances on one interface use %d sockets, want 1", many, got)
		}
		// The crashed one comes back with a new process and takes all over.
		w.Cut(a.host, false)
		a.run()
		a.apply(cluster(150)...)
		a.engine.AllowMaster()
		after(10 * time.Second)
		for n := range many {
			a.want(fmt.Sprintf("VI%d", n), event.Master)
			b.want(fmt.Sprintf("VI%d", n), event.Backup)
			b.wantAddress(false, fmt.Sprintf("10.1.0.%d/32", n+1))
		}
	})
}

func TestReloadAppliesTheDifference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		other := with(instance("OTHER", 150, "10.0.0.110/32"), func(i *conf.Instance) { i.VRID = 11 })
		a.apply(instance("VI", 150, vip, "10.0.0.101/32"), other)
		after(5 * time.Second)
		a.want("OTHER", event.Master)
		a.wantAddress(true, vip, "10.0.0.101/32", "10.0.0.110/32")
		sent, announced := len(adverts(t, w)), len(w.Announcements())

		// One address goes, one comes, the name is another, an instance is removed.
		a.apply(instance("NEW", 150, "10.0.0.101/32", "10.0.0.102/32"))
		a.wantAddress(false, vip, "10.0.0.110/32")
		a.wantAddress(true, "10.0.0.101/32", "10.0.0.102/32")
		after(10 * time.Second)
		if diff := cmp.Diff([]event.VRRPState{event.Backup, event.Master}, a.states("VI")); diff != "" {
			t.Errorf("the instance that stayed was told of (-want +got):\n%s", diff)
		}
		if got := a.state("NEW"); got.State != event.Master || !got.Quiet {
			t.Errorf("the renamed instance was told of as %+v, want a quiet MASTER", got)
		}
		a.want("OTHER", event.Stop)
		resigned := 0
		for _, adv := range adverts(t, w)[sent:] {
			switch {
			case adv.vrid == 11 && adv.priority == 0:
				resigned++
			case adv.vrid == 11:
				t.Errorf("the removed instance sent %v", adv)
			case adv.priority != 150 || adv.from != a.host:
				t.Errorf("unexpected advertisement of the instance that stayed: %v", adv)
			}
		}
		if resigned != 1 {
			t.Errorf("the removed instance resigned %d times, want once", resigned)
		}
		for _, x := range w.Announcements()[announced:] {
			if x.Addr != netip.MustParseAddr("10.0.0.102") {
				t.Errorf("%v was announced although it is not new", x.Addr)
			}
		}
		if len(w.Announcements()) == announced {
			t.Error("the new address was not announced")
		}
		b.want("VI", event.Backup)
	})
}

func TestReloadTakesOverPriorityAndInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		a.apply(with(instance("VI", 90, vip), func(i *conf.Instance) { i.AdvertInterval = 500 * time.Millisecond }))
		before := len(adverts(t, w))
		if last := adverts(t, w)[before-1]; last.priority != 90 || last.at != time.Now() {
			t.Errorf("the changed priority was not told at once: %v", last)
		}
		after(5 * time.Second)
		b.want("VI", event.Master)
		a.want("VI", event.Backup)
	})
}

func TestAnAddressMovesBetweenInstancesInOneReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		second := func(addresses ...string) *conf.Instance {
			return with(instance("B", 100, addresses...), func(i *conf.Instance) { i.VRID = 11 })
		}
		a.apply(instance("A", 100, vip, "10.0.0.101/32"), second("10.0.0.111/32"))
		a.engine.AllowMaster()
		after(5 * time.Second)
		a.apply(instance("A", 100, vip), second("10.0.0.111/32", "10.0.0.101/32"))
		a.wantAddress(true, vip, "10.0.0.101/32", "10.0.0.111/32")
		a.apply(instance("A", 100, vip, "10.0.0.101/32"), second("10.0.0.111/32"))
		a.wantAddress(true, vip, "10.0.0.101/32", "10.0.0.111/32")
	})
}

func TestAConfigurationWithTheSameRouterTwiceIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := pair(t)
		err := a.engine.Apply(context.Background(), &conf.Config{Instances: []*conf.Instance{
			instance("X", 100, vip), instance("Y", 100, vip),
		}}, nil)
		if err == nil {
			t.Error("Apply accepted it")
		}
		a.want("VI", event.Master)
	})
}

func TestAWorkerThatIsBackInTimeResumesMaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		after(500 * time.Millisecond)
		a.crash(w)
		w.Cut(a.host, false)
		before := len(adverts(t, w))
		after(100 * time.Millisecond)
		a.run()
		a.applyResuming(map[string]vrrp.Resume{"VI": {State: event.Master, SilentFor: 100 * time.Millisecond}},
			instance("VI", 150, vip))
		// Nobody has allowed anything yet.
		got := adverts(t, w)
		if len(got) != before+1 || got[before].from != a.host || got[before].priority != 150 || got[before].at != time.Now() {
			t.Errorf("a resumed instance has to advertise at once; on the wire: %v", got[before:])
		}
		a.wantAddress(true, vip)
		after(10 * time.Second)
		a.wantAddress(true, vip)
		if s := a.state("VI"); s.State != event.Master || !s.Quiet {
			t.Errorf("the resumed instance was told of as %+v, want a quiet MASTER", s)
		}
		if diff := cmp.Diff([]event.VRRPState{event.Backup}, b.states("VI")); diff != "" {
			t.Errorf("the peer's states (-want +got):\n%s", diff)
		}
		a.engine.Stop(true)
		a.wantAddress(false, vip) // it was adopted
	})
}

func TestAWorkerThatIsBackTooLateStartsAsBackup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		a.crash(w)
		w.Cut(a.host, false)
		after(2500 * time.Millisecond)
		a.wantAddress(true, vip)
		a.run()
		a.applyResuming(map[string]vrrp.Resume{"VI": {State: event.Master, SilentFor: 2500 * time.Millisecond}},
			instance("VI", 150, vip))
		a.want("VI", event.Backup)
		a.wantAddress(false, vip)
		after(time.Second + 200*time.Millisecond)
		b.want("VI", event.Master)
	})
}

func TestAResumingInstanceWithoutItsInterfaceReleasesItsAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, _ := pair(t)
		a.crash(w)
		w.Cut(a.host, false)
		a.host.SetUp("eth0", false)
		a.run()
		a.applyResuming(map[string]vrrp.Resume{"VI": {State: event.Master}}, instance("VI", 150, vip))
		a.want("VI", event.Fault)
		a.wantAddress(false, vip)
	})
}

func TestLeftoversOfACrashAreRemovedAndOthersAddressesAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.engine.Stop(true)
		for _, x := range []string{vip, "10.0.0.101/32", "10.0.0.102/32"} {
			a.host.Put("eth0", x)
		}
		// 101 is configured no more, 102 was never ours.
		a.journal.held = map[string]bool{
			"address eth0 " + vip: true, "address eth0 10.0.0.101/32": true,
			"address eth9 10.0.0.109/32": true, "something else": true,
		}
		a.run()
		a.apply(instance("VI", 150, vip, "10.0.0.102/32"))
		a.wantAddress(false, vip, "10.0.0.101/32")
		a.wantAddress(true, "10.0.0.102/32")
		a.engine.AllowMaster()
		after(5 * time.Second)
		a.want("VI", event.Master)
		a.wantAddress(true, vip, "10.0.0.102/32")
		if diff := cmp.Diff([]string{"address eth0 " + vip, "something else"}, a.journal.Held()); diff != "" {
			t.Errorf("the journal holds (-want +got):\n%s", diff)
		}
		a.engine.Stop(true)
		a.wantAddress(false, vip)
		a.wantAddress(true, "10.0.0.102/32")
	})
}

func TestStopCanLeaveTheAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, _ := pair(t)
		before := len(adverts(t, w))
		a.engine.Stop(false)
		a.wantAddress(true, vip)
		if last := adverts(t, w)[before]; last.priority != 0 {
			t.Errorf("a stopping master sent %v, want priority 0", last)
		}
		if diff := cmp.Diff([]string{"address eth0 " + vip}, a.journal.Held()); diff != "" {
			t.Errorf("the journal holds (-want +got):\n%s", diff)
		}
	})
}

func TestTheEndOfTheContextIsAGracefulStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, _ := pair(t)
		before := len(adverts(t, w))
		a.cancel()
		a.wantAddress(false, vip)
		a.want("VI", event.Stop)
		if last := adverts(t, w)[before]; last.priority != 0 {
			t.Errorf("a stopping master sent %v, want priority 0", last)
		}
	})
}

func TestAStoppedEngineSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := pair(t)
		a.engine.Stop(true)
		if err := a.engine.Apply(context.Background(), &conf.Config{}, nil); !errors.Is(err, vrrp.ErrStopped) {
			t.Errorf("Apply: %v, want ErrStopped", err)
		}
		if _, err := a.engine.Stats(context.Background()); !errors.Is(err, vrrp.ErrStopped) {
			t.Errorf("Stats: %v, want ErrStopped", err)
		}
		a.engine.AllowMaster()
		a.engine.Stop(true)
	})
}

func TestNoAdvertisementWaitsForAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		block := make(chan struct{})
		a.journal.block = block // the address worker hangs in it
		a.apply(instance("VI", 150, vip))
		a.engine.AllowMaster()
		after(10 * time.Second)
		a.want("VI", event.Master)
		if n := len(adverts(t, w)); n != 7 {
			t.Errorf("%d advertisements in 10 s, want 7: the first after the master down interval", n)
		}
		if n := len(w.Announcements()); n != 0 {
			t.Errorf("%d announcements of an address that is not there", n)
		}
		close(block)
		a.wantAddress(true, vip)
		if n := len(w.Announcements()); n == 0 {
			t.Error("the address was not announced when it was there")
		}
	})
}
