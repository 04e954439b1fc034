package link_test

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"os"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/vrrp/link"
	vrrppacket "github.com/lvs-director/director/vrrp/packet"
)

func virtualMACs(t *testing.T) link.VMACs {
	t.Helper()
	m, err := kernel(t).VMACs()
	check(t, err)
	t.Cleanup(func() { check(t, m.Close()) })
	return m
}

func macvlan(name, parent string) link.VMAC {
	return link.VMAC{Name: name, Parent: parent, MAC: link.HardwareAddress{0, 0, 0x5e, 0, 1, 10}, Group: 7}
}

func TestAVirtualMACInterfaceIsMadeFoundAndRemoved(t *testing.T) {
	wire(t)
	m := virtualMACs(t)
	v := macvlan("vrrp.10", "left")
	if _, err := m.Find(v); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Find before Make: %v", err)
	}
	check(t, m.Make(v))
	marked := v
	marked.Marked = true
	if got, err := m.Find(v); err != nil || got != marked {
		t.Errorf("Find: %+v, %v, want %+v", got, err, marked)
	}
	if err := m.Make(v); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Make of what is there: %v, want fs.ErrExist", err)
	}
	check(t, m.Prepare(v))
	for name, want := range map[string]int{"arp_ignore": 1, "arp_filter": 0, "rp_filter": 0, "promote_secondaries": 1} {
		if got, err := m.Setting(v.Name, name); err != nil || got != want {
			t.Errorf("%s is %d, %v, want %d", name, got, err, want)
		}
	}
	// An address made of the virtual MAC would be on every router (RFC 9568 section 7.4).
	dev, err := netlink.LinkByName(v.Name)
	check(t, err)
	addrs, err := netlink.AddrList(dev, netlink.FAMILY_ALL)
	check(t, err)
	if len(addrs) > 0 {
		t.Errorf("the new interface has addresses: %v", addrs)
	}
	check(t, m.Remove(v.Name))
	check(t, m.Remove(v.Name))
}

func TestWhatIsNoMacvlanHasNoParent(t *testing.T) {
	wire(t)
	got, err := virtualMACs(t).Find(link.VMAC{Name: "left"})
	if err != nil || got.Name != "left" || got.Parent != "" {
		t.Errorf("Find: %+v, %v", got, err)
	}
}

func TestAStrictFilterForAllInterfacesDoesNotDropWhatIsForVirtualAddresses(t *testing.T) {
	wire(t)
	m := virtualMACs(t)
	check(t, m.Set("all", "rp_filter", 1))
	t.Cleanup(func() { check(t, m.Set("all", "rp_filter", 0)) })
	check(t, m.Make(macvlan("vrrp.10", "left")))
	if got, err := m.Setting("vrrp.10", "rp_filter"); err != nil || got != 2 {
		t.Errorf("rp_filter is %d, %v, want 2: strict would drop what is routed by the parent", got, err)
	}
	check(t, m.Remove("vrrp.10"))
	check(t, m.Set("all", "arp_filter", 1))
	t.Cleanup(func() { check(t, m.Set("all", "arp_filter", 0)) })
	if err := m.Make(macvlan("vrrp.10", "left")); err == nil {
		t.Error("with arp_filter for all interfaces ARP is never answered, and nothing is said")
	}
	if _, err := m.Find(link.VMAC{Name: "vrrp.10"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what could not be prepared is left: %v", err)
	}
}

// Both routers of a pair have an interface with the same hardware address. A
// frame from the one has to reach the other's parent.
func TestAParentHearsAnAdvertisementFromItsOwnVirtualMAC(t *testing.T) {
	left, right := wire(t)
	m := virtualMACs(t)
	check(t, m.Make(macvlan("vrrp.10", "left")))
	check(t, m.Make(macvlan("vrrp1.10", "right")))
	conn, ready := open(t, right)
	f, err := kernel(t).Frames()
	check(t, err)
	t.Cleanup(func() { check(t, f.Close()) })
	dev, err := netlink.LinkByName("vrrp.10")
	check(t, err)
	from := link.Interface{Index: dev.Attrs().Index, Name: "vrrp.10", HardwareAddr: dev.Attrs().HardwareAddr}
	sent := advertisement(t, "10.0.0.1")
	check(t, f.Send(from, sent, vrrppacket.Multicast4))
	waitReady(t, ready)
	batch := make([]link.Datagram, 4)
	n, err := conn.Receive(batch)
	check(t, err)
	if n != 1 || string(batch[0].Data) != string(sent) {
		t.Errorf("%d packets arrived, want the one that was sent", n)
	}
	if err := f.Send(left, sent, vrrppacket.Multicast4); err != nil {
		t.Error(err)
	}
	if err := f.Send(from, nil, vrrppacket.Multicast4); err == nil {
		t.Error("an empty packet was sent")
	}
}

// TestAVirtualMACInterfaceInAContainer: /proc/sys is read-only there, and what
// cannot be set without it is said and does not keep it from serving.
func TestAVirtualMACInterfaceInAContainer(t *testing.T) {
	wire(t)
	readOnlyProc(t)
	m := virtualMACs(t)
	v := macvlan("vrrp.10", "left")
	err := m.Make(v)
	var degraded *link.Degraded
	if !errors.As(err, &degraded) {
		t.Fatalf("Make: %v, want that it is degraded", err)
	}
	t.Cleanup(func() { check(t, m.Remove(v.Name)) })
	dev, err := netlink.LinkByName(v.Name)
	check(t, err)
	if dev.Attrs().Flags&net.FlagUp == 0 {
		t.Error("it is not enabled")
	}
	addrs, err := netlink.AddrList(dev, netlink.FAMILY_ALL)
	check(t, err)
	if len(addrs) > 0 {
		t.Errorf("it has made up addresses: %v", addrs)
	}
	if err := m.Prepare(v); !errors.As(err, &degraded) {
		t.Errorf("Prepare: %v, want that it is degraded", err)
	}
}

// TestAMacvlanOnAMacvlanIsFound: the kernel attaches it to the lower device.
func TestAMacvlanOnAMacvlanIsFound(t *testing.T) {
	wire(t)
	dev, err := netlink.LinkByName("left")
	check(t, err)
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex = "mv0", dev.Attrs().Index
	check(t, netlink.LinkAdd(&netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE}))
	m := virtualMACs(t)
	v := macvlan("vrrp.10", "mv0")
	check(t, m.Make(v))
	t.Cleanup(func() { check(t, m.Remove(v.Name)) })
	if got, err := m.Find(v); err != nil || got.Parent != "mv0" || got.MAC != v.MAC {
		t.Errorf("Find: %+v, %v", got, err)
	}
	// Nor is one in another network namespace mistaken for another interface.
	v.Parent = "right"
	if got, err := m.Find(v); err != nil || got.Parent != "" {
		t.Errorf("Find of one on another interface: %+v, %v", got, err)
	}
}

// TestIPVLAN: a device with the hardware address of its parent, made, found,
// marked and removed as a macvlan is.
func TestIPVLAN(t *testing.T) {
	left, _ := wire(t)
	m := virtualMACs(t)
	for _, mode := range []string{"bridge", "private", "vepa"} {
		v := link.VMAC{Name: "ipv.10", Parent: "left", IPVLAN: mode, Group: 7}
		err := m.Make(v)
		if errors.Is(err, unix.EOPNOTSUPP) {
			t.Skip("SKIP: no ipvlan in this kernel:", err)
		}
		check(t, err)
		marked := v
		marked.Marked = true
		if got, err := m.Find(v); err != nil || got != marked {
			t.Errorf("Find: %+v, %v, want %+v", got, err, marked)
		}
		marked.Parent = ""
		if list, err := m.Marked(); err != nil || !slices.Equal(list, []link.VMAC{marked}) {
			t.Errorf("Marked: %+v, %v", list, err)
		}
		if err := m.Make(v); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Make of what is there: %v, want fs.ErrExist", err)
		}
		check(t, m.Prepare(v))
		dev, err := netlink.LinkByName(v.Name)
		check(t, err)
		if dev.Attrs().Flags&net.FlagUp == 0 || !bytes.Equal(dev.Attrs().HardwareAddr, left.HardwareAddr) {
			t.Errorf("the device is %+v", dev.Attrs())
		}
		changeIPVLAN(t, m, v)
		check(t, m.Remove(v.Name))
	}
}

// changeIPVLAN changes the mode, its flag and the MTU of an ipvlan device: all of it is
// found and put back, and the device stays the same one.
func changeIPVLAN(t *testing.T, m link.VMACs, v link.VMAC) {
	t.Helper()
	if got, err := m.Drifted(v); err != nil || len(got) > 0 {
		t.Errorf("Drifted of a new one: %v, %v", got, err)
	}
	dev, err := netlink.LinkByName(v.Name)
	check(t, err)
	made := dev.(*netlink.IPVlan)
	for _, change := range []netlink.IPVlan{
		{Mode: netlink.IPVLAN_MODE_L3, Flag: made.Flag},
		{Mode: netlink.IPVLAN_MODE_L2, Flag: (made.Flag + 1) % 3},
	} {
		check(t, netlink.LinkSetDown(dev)) // only then LinkModify may say the name
		change.LinkAttrs = netlink.NewLinkAttrs()
		change.Name, change.Index, change.ParentIndex = v.Name, made.Index, made.ParentIndex
		check(t, netlink.LinkModify(&change))
		check(t, netlink.LinkSetUp(dev))
		check(t, netlink.LinkSetMTU(dev, 1300))
		want := []string{"ipvlan mode", "mtu"}
		if got, err := m.Drifted(v); err != nil || !slices.Equal(got, want) {
			t.Errorf("Drifted: %v, %v, want %v", got, err, want)
		}
		check(t, m.Prepare(v))
		dev, err = netlink.LinkByName(v.Name)
		check(t, err)
		is := dev.(*netlink.IPVlan)
		if is.Mode != made.Mode || is.Flag != made.Flag || is.MTU != made.MTU || is.Index != made.Index {
			t.Errorf("put back: %+v, want %+v", is, made)
		}
	}
	if got, err := m.Drifted(v); err != nil || len(got) > 0 {
		t.Errorf("Drifted of what was put back: %v, %v", got, err)
	}
}

func TestWhatSomethingElseChangesOfAVirtualMACInterfaceIsFoundAndPutBack(t *testing.T) {
	wire(t)
	m := virtualMACs(t)
	v := macvlan("vrrp.10", "left")
	check(t, m.Make(v))
	if got, err := m.Drifted(v); err != nil || len(got) > 0 {
		t.Errorf("Drifted of a new one: %v, %v", got, err)
	}
	check(t, m.Set(v.Name, "arp_ignore", 0))
	check(t, m.Set(v.Name, "arp_filter", 1))
	want := []string{"net.ipv4.conf.vrrp.10.arp_filter", "net.ipv4.conf.vrrp.10.arp_ignore"}
	if got, err := m.Drifted(v); err != nil || !slices.Equal(got, want) {
		t.Errorf("Drifted: %v, %v, want %v", got, err, want)
	}
	dev, err := netlink.LinkByName(v.Name)
	check(t, err)
	check(t, netlink.LinkSetAlias(dev, "somebody else's"))
	check(t, netlink.LinkSetMTU(dev, 1300))
	check(t, netlink.LinkSetMacvlanMode(dev, netlink.MACVLAN_MODE_VEPA))
	check(t, os.WriteFile("/proc/sys/net/ipv6/conf/vrrp.10/autoconf", []byte("1"), 0))
	check(t, os.WriteFile("/proc/sys/net/ipv6/conf/vrrp.10/addr_gen_mode", []byte("0"), 0))
	want = append([]string{"alias", "macvlan mode", "mtu"}, want...)
	want = append(want, "net.ipv6.conf.vrrp.10.addr_gen_mode", "net.ipv6.conf.vrrp.10.autoconf")
	if got, err := m.Drifted(v); err != nil || !slices.Equal(got, want) {
		t.Errorf("Drifted: %v, %v, want %v", got, err, want)
	}
	check(t, netlink.LinkSetHardwareAddr(dev, net.HardwareAddr{2, 0, 0, 0, 0, 7}))
	check(t, m.Prepare(v))
	dev, err = netlink.LinkByName(v.Name)
	check(t, err)
	is, ok := dev.(*netlink.Macvlan)
	if !ok || is.Mode != netlink.MACVLAN_MODE_BRIDGE || is.MTU != 1500 || is.Alias != link.AliasMark {
		t.Errorf("after Prepare it is %+v", dev)
	}
	if got, err := m.Drifted(v); err != nil || len(got) > 0 {
		t.Errorf("Drifted after Prepare: %v, %v", got, err)
	}
	if got, err := m.Find(v); err != nil || got.MAC != v.MAC {
		t.Errorf("Find after Prepare: %+v, %v, want the address %v", got, err, v.MAC)
	}
}
