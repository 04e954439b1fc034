package vrrp_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

const blockedVIP = "10.0.0.100"

func noAccept(i *conf.Instance) { i.NoAccept = true }

func (n *node) wantBlocked(blocked bool) {
	n.t.Helper()
	synctest.Wait()
	if n.host.Blocked(blockedVIP) != blocked {
		n.t.Errorf("packets to %s are dropped: %v, want %v\n%s", blockedVIP, !blocked, blocked, n.log)
	}
}

func TestPacketsToAVirtualAddressAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		a.apply(with(instance("VI", 150, vip), noAccept))
		a.engine.AllowMaster()
		a.wantBlocked(false)
		after(5 * time.Second)
		a.want("VI", event.Master)
		a.wantAddress(true, vip)
		a.wantBlocked(true)
		a.apply(instance("VI", 150, vip))
		a.wantBlocked(false)
		a.wantAddress(true, vip)
		a.apply(with(instance("VI", 150, vip), noAccept))
		a.wantBlocked(true)
		a.apply(with(instance("VI", 255, vip), noAccept)) // the owner accepts
		a.wantBlocked(false)
		a.apply(with(instance("VI", 150, vip), noAccept))
		a.engine.Stop(true)
		a.wantBlocked(false)
		if held := a.journal.Held(); len(held) != 0 {
			t.Errorf("left in the journal: %v", held)
		}
	})
}

// TestAnAddressDoesNotComeWithoutItsFilter: no_accept is for security.
func TestAnAddressDoesNotComeWithoutItsFilter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		a.host.RefuseFilters(errors.New("no nftables here"))
		other := with(instance("OTHER", 150, "10.0.0.101/32"), func(i *conf.Instance) { i.VRID = 11 })
		a.apply(with(instance("VI", 150, vip), noAccept), other)
		a.engine.AllowMaster()
		after(10 * time.Second)
		a.wantAddress(false, vip)
		a.wantAddress(true, "10.0.0.101/32")
		if got := a.state("VI").Missing; got == "" {
			t.Error("what is missing is not told")
		}
		a.host.RefuseFilters(nil)
		after(2 * time.Second)
		a.wantAddress(true, vip)
		a.wantBlocked(true)
		if got := a.state("VI").Missing; got != "" {
			t.Errorf("missing is still %q", got)
		}
	})
}

func TestAFilterOutlivesACrashOrIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		a.apply(with(instance("VI", 150, vip), noAccept))
		a.engine.AllowMaster()
		after(5 * time.Second)
		a.engine.Stop(false)
		a.wantBlocked(true)
		a.run()
		a.applyResuming(map[string]vrrp.Resume{"VI": {State: event.Master}}, with(instance("VI", 150, vip), noAccept))
		after(time.Second)
		a.want("VI", event.Master)
		a.wantBlocked(true)
		a.engine.Stop(false)
		a.run()
		a.apply(instance("VI", 150, vip))
		after(time.Second)
		a.wantBlocked(false)
	})
}

// TestAFlushedFilterIsReported: the kernel's filter puts itself back, and the
// log says that something else removed it, once a minute at most.
func TestAFlushedFilterIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		a.apply(with(instance("VI", 150, vip), noAccept))
		a.engine.AllowMaster()
		after(5 * time.Second)
		for range 10 {
			a.host.FlushRuleset()
			after(time.Second)
		}
		a.wantBlocked(true)
		const line = "something else changed the nftables table of no_accept: put back"
		if n := strings.Count(a.log.String(), line); n != 1 {
			t.Errorf("%d lines about ten flushes in ten seconds, want 1\n%s", n, a.log)
		}
		a.host.RefuseFilters(errors.New("no nftables here"))
		a.host.FlushRuleset()
		synctest.Wait()
		if !strings.Contains(a.log.String(), "packets to its virtual addresses are accepted") {
			t.Errorf("the failure is not logged:\n%s", a.log)
		}
	})
}
