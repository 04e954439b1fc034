package vrrp_test

import (
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/retry"
	"github.com/lvs-director/director/vrrp/link"
)

// virtualMAC is the one of VRID 10.
var virtualMAC = link.HardwareAddress{0, 0, 0x5e, 0, 1, 10}

// problemsOf are the problems with something in the name of their object.
func (n *node) problemsOf(part string) []event.Problem {
	return slices.DeleteFunc(n.trouble(), func(p event.Problem) bool { return !strings.Contains(p.Object, part) })
}

func TestAnotherHardwareAddressOfAVirtualMACInterfaceIsPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := vmacNode(t)
		before := n.states("VI")
		announced := len(w.Announcements())
		other := net.HardwareAddr{2, 0, 0, 0, 0, 7}
		n.host.SetHardwareAddr(vmacName, other)
		after(time.Second)
		if got := n.host.VMAC(vmacName).MAC; got != virtualMAC {
			t.Fatalf("the interface has the address %v, want %v\n%s", got, virtualMAC, n.log)
		}
		n.wantVMAC(vmacName, true)
		if len(w.Announcements()) == announced {
			t.Error("the address was not announced again")
		}
		if got := n.states("VI"); !slices.Equal(got, before) {
			t.Errorf("transitions: %v", got)
		}
		// Whoever goes on changing it is waited for, and is told of.
		for range 2 * retry.FreeRepairs {
			n.host.SetHardwareAddr(vmacName, other)
			after(time.Second)
		}
		if list := n.problemsOf(vmacName); len(list) != 1 || list[0].Kind != event.Contested {
			t.Errorf("problems: %+v, want one that is contested", list)
		}
		after(time.Minute)
		if got := n.host.VMAC(vmacName).MAC; got != virtualMAC {
			t.Errorf("after the pause the interface has the address %v, want %v", got, virtualMAC)
		}
		after(2 * retry.Calm)
		if list := n.problemsOf(vmacName); len(list) != 0 {
			t.Errorf("problems when nobody changes it any more: %+v", list)
		}
	})
}

func TestARPOfAVirtualMACInterfaceIsEnabledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, n := vmacNode(t)
		n.host.SetNoARP(vmacName, true)
		after(time.Second)
		if n.host.NoARP(vmacName) {
			t.Errorf("nobody answers for the virtual address\n%s", n.log)
		}
		for range 2 * retry.FreeRepairs {
			n.host.SetNoARP(vmacName, true)
			after(time.Second)
		}
		if list := n.problemsOf(vmacName); len(list) != 1 || list[0].Kind != event.Contested {
			t.Errorf("problems: %+v, want one that is contested", list)
		}
		if got := n.log.count("level=WARN", "disabled ARP"); got != 1 {
			t.Errorf("%d lines in a minute, want 1\n%s", got, n.log)
		}
		after(time.Minute)
		if n.host.NoARP(vmacName) {
			t.Error("after the pause it has no ARP")
		}
	})
}

func TestASettingOfAVirtualMACInterfaceIsPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, n := vmacNode(t)
		before := n.states("VI")
		for _, device := range []string{vmacName, "eth0"} {
			n.host.SetSetting(device, "arp_ignore", 0)
			after(2 * time.Second)
			if got := n.host.Setting(device, "arp_ignore"); got != 1 {
				t.Errorf("arp_ignore of %s is %d two seconds later, want 1", device, got)
			}
		}
		if n.log.count("settings of a virtual MAC interface", "arp_ignore") == 0 {
			t.Errorf("it has to be said:\n%s", n.log)
		}
		if list := n.problemsOf(vmacName); len(list) != 0 {
			t.Errorf("problems after two repairs: %+v", list)
		}
		for range 3 * retry.FreeRepairs {
			n.host.SetSetting(vmacName, "arp_ignore", 0)
			after(time.Second)
		}
		if list := n.problemsOf(vmacName); len(list) != 1 || list[0].Kind != event.Contested {
			t.Errorf("problems: %+v, want one that is contested", list)
		}
		after(time.Minute)
		if got := n.host.Setting(vmacName, "arp_ignore"); got != 1 {
			t.Errorf("after the pause arp_ignore is %d, want 1", got)
		}
		if got := n.states("VI"); !slices.Equal(got, before) {
			t.Errorf("transitions: %v", got)
		}
	})
}

func TestARenamedVirtualMACInterfaceIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, n := vmacNode(t)
		n.host.Rename(vmacName, "other")
		after(5 * time.Second)
		n.want("VI", event.Master)
		n.wantVMAC(vmacName, true)
		if left := n.host.VMAC("other"); left.Name != "" {
			t.Errorf("the renamed interface is left behind: %+v\n%s", left, n.log)
		}
		n.engine.Stop(true)
		synctest.Wait()
		if held := n.journal.Held(); n.host.VMAC(vmacName).Name != "" || len(held) > 0 {
			t.Errorf("left after a stop: %+v, journal %q", n.host.VMAC(vmacName), held)
		}
	})
}
