package vrrp_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

const vmacName = "vrrp.10"

// vmacInstance is an instance with use_vmac.
func vmacInstance(name string, priority uint8) *conf.Instance {
	return with(instance(name, priority, vip), func(c *conf.Instance) {
		c.VMAC = &conf.VMAC{}
		c.Addresses[0].UseVMAC = true
	})
}

// vmacNode is a node with such an instance that has become MASTER.
func vmacNode(t *testing.T) (*vrrptest.Wire, *node) {
	w := &vrrptest.Wire{}
	n := newNode(t, w, "10.0.0.1/24")
	n.apply(vmacInstance("VI", 150))
	n.engine.AllowMaster()
	after(5 * time.Second)
	n.want("VI", event.Master)
	return w, n
}

func (n *node) wantVMAC(device string, present bool) {
	n.t.Helper()
	synctest.Wait()
	if n.host.Has(device, vip) != present {
		n.t.Errorf("%s has %s: %v, want %v\n%s", device, vip, !present, present, n.log)
	}
}

// fromVMAC fails the test unless all that was sent since a time has left the interface.
func fromVMAC(t *testing.T, w *vrrptest.Wire, since time.Time, device string) {
	t.Helper()
	count := 0
	for _, p := range w.Packets() {
		if p.At.Before(since) {
			continue
		}
		if count++; p.Device != device {
			t.Errorf("an advertisement has left %q, want %q", p.Device, device)
		}
	}
	if count == 0 {
		t.Error("there was no advertisement")
	}
}

func TestAVirtualMACInterfaceCarriesAdvertisementsAndAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := vmacNode(t)
		want := link.VMAC{Name: vmacName, Parent: "eth0", MAC: link.HardwareAddress{0, 0, 0x5e, 0, 1, 10}}
		if got := n.host.VMAC(vmacName); got != want {
			t.Errorf("the interface is %+v, want %+v", got, want)
		}
		n.wantVMAC(vmacName, true)
		n.wantVMAC("eth0", false)
		fromVMAC(t, w, time.Time{}, vmacName)
		for _, a := range w.Announcements() {
			if a.Device != vmacName {
				t.Errorf("an announcement has left %s", a.Device)
			}
		}
		for _, s := range []string{"arp_ignore", "arp_announce"} {
			if n.host.Setting("eth0", s) == 0 {
				t.Errorf("%s of the parent is not set: neighbours may learn its own address", s)
			}
		}
		n.engine.Stop(true)
		synctest.Wait()
		if n.host.VMAC(vmacName).Name != "" || n.host.Setting("eth0", "arp_ignore") != 0 || len(n.journal.Held()) > 0 {
			t.Errorf("left after a stop: %+v, arp_ignore %d, journal %q",
				n.host.VMAC(vmacName), n.host.Setting("eth0", "arp_ignore"), n.journal.Held())
		}
	})
}

func TestABackupHearsAndHasItsVirtualMACInterfaceReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a := vmacNode(t)
		b := newNode(t, w, "10.0.0.2/24")
		b.apply(vmacInstance("VI", 100))
		b.engine.AllowMaster()
		after(10 * time.Second)
		b.want("VI", event.Backup)
		b.wantVMAC(vmacName, false)
		if b.host.VMAC(vmacName).Name == "" {
			t.Error("the backup has no virtual MAC interface")
		}
		a.crash(w)
		after(5 * time.Second)
		b.want("VI", event.Master)
		b.wantVMAC(vmacName, true)
	})
}

func TestARemovedVirtualMACInterfaceIsMadeAgainAndNoMastershipIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := vmacNode(t)
		before, announced := n.states("VI"), len(w.Announcements())
		n.host.RemoveVMAC(vmacName)
		synctest.Wait()
		n.wantVMAC(vmacName, true)
		if len(w.Announcements()) == announced {
			t.Error("the address was not announced again")
		}
		since := time.Now()
		after(3 * time.Second)
		fromVMAC(t, w, since, vmacName)
		if got := n.states("VI"); !slices.Equal(got, before) {
			t.Errorf("transitions: %v", got)
		}
		if n.log.count("made it again", vmacName) != 1 {
			t.Errorf("it has to be said once:\n%s", n.log)
		}
	})
}

func TestAVirtualMACInterfaceIsAdoptedAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := vmacNode(t)
		n.crash(w)
		w.Cut(n.host, false)
		made := n.log.count("virtual MAC interface made")
		events := len(n.states("VI"))
		n.run()
		since := time.Now()
		n.applyResuming(map[string]vrrp.Resume{"VI": {State: event.Master, SilentFor: time.Second}}, vmacInstance("VI", 150))
		after(2 * time.Second)
		n.want("VI", event.Master)
		n.wantVMAC(vmacName, true)
		fromVMAC(t, w, since, vmacName)
		if got := n.states("VI"); len(got) != events || made != 1 || n.log.count("made") != 0 {
			t.Errorf("transitions %v, log:\n%s", got, n.log)
		}
		n.engine.Stop(true)
		if n.host.Setting("eth0", "arp_ignore") != 0 || len(n.journal.Held()) != 0 {
			t.Errorf("the settings from before the crash are not back; journal %q", n.journal.Held())
		}
	})
}

func TestAForeignInterfaceOfTheNameIsLeftAloneAndSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		n := newNode(t, w, "10.0.0.1/24")
		n.host.Plug(7, vmacName, w)
		n.apply(vmacInstance("VI", 150))
		n.engine.AllowMaster()
		after(5 * time.Second)
		n.want("VI", event.Fault)
		if got, want := n.state("VI").Reason, "interface vrrp.10 is there and director did not make it: remove it "+
			"(ip link delete vrrp.10), or give the virtual MAC interface another name (use_vmac NAME)"; got != want {
			t.Errorf("the reason is %q", got)
		}
		n.host.Unplug(vmacName)
		after(6 * time.Second)
		n.want("VI", event.Master)
		n.wantVMAC(vmacName, true)
	})
}

func TestAVirtualMACInterfaceThatCannotBeMadeIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		n.host.RefuseVMACs(errors.New("no room"))
		n.apply(vmacInstance("VI", 150))
		n.engine.AllowMaster()
		after(5 * time.Second)
		n.want("VI", event.Fault)
		n.host.RefuseVMACs(nil)
		after(6 * time.Second)
		n.want("VI", event.Master)
	})
}

func TestAParentThatComesBackGetsItsVirtualMACInterface(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := vmacNode(t)
		n.host.RemoveVMAC(vmacName)
		n.host.Unplug("eth0")
		after(3 * time.Second)
		n.want("VI", event.Fault)
		n.host.Plug(9, "eth0", w, "10.0.0.1/24")
		after(5 * time.Second)
		n.want("VI", event.Master)
		n.wantVMAC(vmacName, true)
	})
}

func TestAReloadTakesAVirtualMACInterfaceInAndOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		n := newNode(t, w, "10.0.0.1/24")
		n.apply(instance("VI", 150, vip))
		n.engine.AllowMaster()
		after(5 * time.Second)
		before := n.states("VI")
		n.apply(vmacInstance("VI", 150))
		after(2 * time.Second)
		n.wantVMAC(vmacName, true)
		n.wantVMAC("eth0", false)
		since := time.Now()
		after(2 * time.Second)
		fromVMAC(t, w, since, vmacName)
		n.apply(instance("VI", 150, vip))
		after(2 * time.Second)
		n.wantVMAC("eth0", true)
		if n.host.VMAC(vmacName).Name != "" {
			t.Error("the virtual MAC interface is still there")
		}
		since = time.Now()
		after(2 * time.Second)
		fromVMAC(t, w, since, "")
		if got := n.states("VI"); !slices.Equal(got, before) {
			t.Errorf("transitions: %v\n%s", got, n.log)
		}
	})
}

// The names are those that keepalived 2.2.7 gives.
func TestNamesOfVirtualMACInterfaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		n := newNode(t, w, "10.0.0.1/24")
		n.host.Plug(3, "eth1", w, "10.1.0.1/24")
		first := with(vmacInstance("A", 150), func(c *conf.Instance) {
			c.VMACAddr = true
			c.Addresses = append(c.Addresses, conf.Address{Prefix: netip.MustParsePrefix("10.1.0.100/24"), Device: "eth1"})
		})
		named := with(vmacInstance("N", 150), func(c *conf.Instance) {
			c.VRID, c.VMAC = 11, &conf.VMAC{Name: "front", MAC: "02:00:00:00:00:77"}
		})
		six := with(vmacInstance("B", 150), func(c *conf.Instance) {
			c.IPv6 = true
			c.Addresses = []conf.Address{{Prefix: netip.MustParsePrefix("fe80::100/128"), Device: "eth0", UseVMAC: true}}
		})
		n.apply(first, named, six)
		for name, want := range map[string]string{
			"vrrp.10": "eth0 00:00:5e:00:01:0a", "vrrp1.10": "eth1 00:00:5e:00:01:0a",
			"vrrp6.10": "eth0 00:00:5e:00:02:0a", "front": "eth0 02:00:00:00:00:77",
		} {
			if v := n.host.VMAC(name); v.Parent+" "+v.MAC.String() != want {
				t.Errorf("%s is %+v, want %s", name, v, want)
			}
		}
		// What is there keeps its name when the order changes.
		n.apply(six, named, first)
		after(time.Second)
		if n.log.count("virtual MAC interface made") != 4 {
			t.Errorf("an interface has got another name:\n%s", n.log)
		}
	})
}

func TestVMACXmitBaseSendsFromTheInterfaceItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		n := newNode(t, w, "10.0.0.1/24")
		n.apply(with(vmacInstance("VI", 150), func(c *conf.Instance) { c.VMACXmit = true }))
		n.engine.AllowMaster()
		after(5 * time.Second)
		n.wantVMAC(vmacName, true)
		fromVMAC(t, w, time.Time{}, "")
	})
}

// TestAnIPVLANDeviceCarriesTheAddresses: it has the hardware address of its
// interface, from which the advertisements leave.
func TestAnIPVLANDeviceCarriesTheAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		n := newNode(t, w, "10.0.0.1/24")
		first := with(instance("VI", 150, vip), func(c *conf.Instance) { c.IPVLAN = &conf.IPVLAN{Mode: "private", Group: 3} })
		second := with(instance("VI2", 150, "10.0.0.102/32"), func(c *conf.Instance) {
			c.VRID, c.IPVLAN = 11, &conf.IPVLAN{Name: "ipv0"}
		})
		n.apply(first, second)
		n.engine.AllowMaster()
		after(5 * time.Second)
		n.want("VI", event.Master)
		n.want("VI2", event.Master)
		for _, want := range []link.VMAC{
			{Name: "vrrp.10", Parent: "eth0", IPVLAN: "private", Group: 3}, {Name: "ipv0", Parent: "eth0", IPVLAN: "bridge"},
		} {
			if got := n.host.VMAC(want.Name); got != want {
				t.Errorf("the device is %+v, want %+v", got, want)
			}
		}
		n.wantVMAC("vrrp.10", true)
		if !n.host.Has("ipv0", "10.0.0.102/32") {
			t.Error("the second address is not on its device")
		}
		fromVMAC(t, w, time.Time{}, "")
		announced := slices.ContainsFunc(w.Announcements(), func(a vrrptest.Announcement) bool {
			return a.Device == "vrrp.10"
		})
		if !announced {
			t.Error("the address was not announced from its device")
		}
		// A new life takes the devices over by its journal.
		n.engine.Stop(false)
		n.run()
		n.applyResuming(map[string]vrrp.Resume{"VI": {State: event.Master}, "VI2": {State: event.Master}}, first, second)
		after(time.Second)
		n.want("VI", event.Master)
		n.wantVMAC("vrrp.10", true)
		n.engine.Stop(true)
		synctest.Wait()
		if n.host.VMAC("vrrp.10").Name != "" || n.host.VMAC("ipv0").Name != "" || len(n.journal.Held()) > 0 {
			t.Errorf("left: journal %v", n.journal.Held())
		}
	})
}
