package vrrp_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/packet"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

const linkVIP, globalVIP = "fe80::10:100/128", "2001:db8::100/128"

// instance6 is instance with IPv6 addresses, the link-local one first.
func instance6(priority uint8, changes ...func(*conf.Instance)) *conf.Instance {
	return with(instance("VI6", priority, linkVIP, globalVIP), func(i *conf.Instance) {
		i.IPv6 = true
		for _, change := range changes {
			change(i)
		}
	})
}

// start gives nodes their instances and lets them find out who is MASTER.
func start(nodes []*node, instances ...*conf.Instance) {
	for n, i := range instances {
		nodes[n].apply(i)
	}
	for _, n := range nodes {
		n.engine.AllowMaster()
	}
	after(5 * time.Second)
}

// pair6 is two nodes with link-local addresses, a with the higher priority.
func pair6(t *testing.T, changes ...func(*conf.Instance)) (w *vrrptest.Wire, a, b *node) {
	t.Helper()
	w = &vrrptest.Wire{}
	a, b = newNode(t, w, "fe80::1/64"), newNode(t, w, "fe80::2/64")
	start([]*node{a, b}, instance6(150, changes...), instance6(100, changes...))
	a.want("VI6", event.Master)
	b.want("VI6", event.Backup)
	return w, a, b
}

// onWire are the advertisements that were on a wire, parsed.
func onWire(t *testing.T, w *vrrptest.Wire) (list []packet.Advertisement) {
	t.Helper()
	for _, p := range w.Packets() {
		var a packet.Advertisement
		if reason := packet.Parse(p.Data, &a); reason != packet.Accepted {
			t.Fatalf("a packet on the wire is bad: %v", reason)
		}
		list = append(list, a)
	}
	return list
}

func TestIPv6Pair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair6(t, func(i *conf.Instance) {
			i.ExcludedAddresses = []conf.Address{{Prefix: netip.MustParsePrefix(vip), Device: "eth0"}}
		})
		for _, adv := range onWire(t, w) {
			if adv.TTL != 255 || adv.Destination != packet.Multicast6 || adv.Version != 3 || len(adv.Addresses) != 2 ||
				adv.Addresses[0] != netip.MustParseAddr("fe80::10:100") || !adv.Source.IsLinkLocalUnicast() {
				t.Fatalf("on the wire is %+v", adv)
			}
		}
		a.wantAddress(true, linkVIP, globalVIP, vip)
		b.wantAddress(false, linkVIP, globalVIP, vip)
		if got := b.state("VI6").Peer; got != "fe80::1" {
			t.Errorf("the backup's master is %q", got)
		}
		a.crash(w)
		after(downInterval(time.Second, 100) + time.Millisecond)
		b.want("VI6", event.Master)
		b.wantAddress(true, linkVIP, globalVIP, vip)
		announced := map[string]int{}
		for _, n := range w.Announcements() {
			if n.From == b.host {
				announced[n.Addr.String()]++
			}
		}
		for _, addr := range []string{"fe80::10:100", "2001:db8::100", "10.0.0.100"} {
			if announced[addr] != 5 {
				t.Errorf("%s was announced %d times, want 5", addr, announced[addr])
			}
		}
		b.engine.Stop(true)
		if sent := onWire(t, w); sent[len(sent)-1].Priority != 0 {
			t.Errorf("the last advertisement was %+v, want priority 0", sent[len(sent)-1])
		}
		b.wantAddress(false, linkVIP, globalVIP, vip)
	})
}

func TestIPv6TieIsBrokenByAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a, b := newNode(t, w, "fe80::1/64"), newNode(t, w, "fe80::a000:0:0:2/64")
		w.Cut(a.host, true)
		start([]*node{a, b}, instance6(100), instance6(100))
		a.want("VI6", event.Master)
		b.want("VI6", event.Master)
		w.Cut(a.host, false)
		after(2 * time.Second)
		a.want("VI6", event.Backup)
		b.want("VI6", event.Master)
	})
}

func TestIPv6OwnerIsMasterAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "fe80::1/64")
		a.host.Put("eth0", globalVIP)
		owner := instance6(255)
		owner.Addresses = owner.Addresses[1:]
		a.apply(owner)
		a.engine.AllowMaster()
		a.want("VI6", event.Master)
		a.engine.Stop(true)
		a.wantAddress(true, globalVIP) // it is the host's
	})
}

// TestIPv6SourceComesLate: an instance waits for duplicate address detection,
// says so, and goes into service by itself.
func TestIPv6SourceComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.apply(instance6(150))
		a.engine.AllowMaster()
		wantFault := func(words string) {
			t.Helper()
			after(5 * time.Second)
			a.want("VI6", event.Fault)
			if got := a.state("VI6").Reason; !strings.Contains(got, words) {
				t.Errorf("the reason is %q, want %q", got, words)
			}
		}
		wantFault("eth0 has no IPv6 link-local address")
		a.host.CheckDuplicate("eth0", "fe80::1/64", link.DADTentative)
		wantFault("fe80::1 of interface eth0 is being checked")
		a.host.CheckDuplicate("eth0", "fe80::1/64", link.DADFailed)
		wantFault("another host's too")
		a.host.CheckDuplicate("eth0", "fe80::1/64", link.DADPassed)
		after(5 * time.Second)
		a.want("VI6", event.Master)
		a.host.Take("eth0", "fe80::1/64")
		a.want("VI6", event.Fault)
		a.wantAddress(false, linkVIP, globalVIP)
	})
}

// TestIPv6VirtualAddressIsNoSource: whether left behind or just added, and
// even if it is the first link-local address on the interface.
func TestIPv6VirtualAddressIsNoSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := &node{t: t, host: &vrrptest.Host{}, journal: &journal{held: map[string]bool{"address eth0 " + linkVIP: true}}}
		a.host.Plug(2, "eth0", w, linkVIP)
		a.run()
		a.apply(instance6(150))
		a.engine.AllowMaster()
		a.want("VI6", event.Fault)
		a.host.Put("eth0", "fe80::1/64")
		after(5 * time.Second)
		a.want("VI6", event.Master)
		a.host.Deaf(false) // a snapshot
		after(5 * time.Second)
		for _, adv := range onWire(t, w) {
			if adv.Source != netip.MustParseAddr("fe80::1") {
				t.Fatalf("an advertisement left from %v", adv.Source)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) { // somebody else's leftover, not in the journal
		w := &vrrptest.Wire{}
		a := &node{t: t, host: &vrrptest.Host{}, journal: &journal{held: map[string]bool{}}}
		a.host.Plug(2, "eth0", w, linkVIP, "fe80::1/64")
		a.run()
		start([]*node{a}, instance6(150))
		a.want("VI6", event.Master)
		if adv := onWire(t, w)[0]; adv.Source != netip.MustParseAddr("fe80::1") {
			t.Errorf("an advertisement left from %v", adv.Source)
		}
	})
}

func TestIPv6Unicast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a, b := newNode(t, w, "2001:db8::1/64"), newNode(t, w, "2001:db8::2/64")
		unicast := func(source, peer string, ttl int) func(*conf.Instance) {
			return func(i *conf.Instance) {
				peers(peer)(i)
				i.SourceAddress, i.UnicastTTL = netip.MustParseAddr(source), ttl
				i.CheckUnicastSource = true
			}
		}
		a.host.CheckDuplicate("eth0", "2001:db8::1/64", link.DADTentative)
		start([]*node{a, b}, instance6(150, unicast("2001:db8::1", "2001:db8::2", 64)),
			instance6(100, unicast("2001:db8::2", "2001:db8::1", -1)))
		a.want("VI6", event.Fault)
		if got := a.state("VI6").Reason; !strings.Contains(got, "2001:db8::1 (unicast_src_ip)") {
			t.Errorf("the reason is %q", got)
		}
		b.want("VI6", event.Master)
		a.host.CheckDuplicate("eth0", "2001:db8::1/64", link.DADPassed)
		after(5 * time.Second)
		a.want("VI6", event.Master)
		b.want("VI6", event.Backup)
		for _, adv := range onWire(t, w) {
			if want := map[uint8]uint8{1: 64, 2: 255}[adv.Source.As16()[15]]; adv.TTL != want || adv.Destination.IsMulticast() {
				t.Fatalf("on the wire is %+v, want hop limit %d", adv, want)
			}
		}
		a.crash(w)
		after(5 * time.Second)
		b.want("VI6", event.Master)
	})
}

// TestIPv6UnicastSourceByItself: without unicast_src_ip it is an address that
// peers can have been told of.
func TestIPv6UnicastSourceByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a, b := newNode(t, w, "fe80::1/64"), newNode(t, w, "fe80::2/64")
		start([]*node{a, b}, instance6(150, peers("2001:db8::2")), instance6(100, peers("2001:db8::1")))
		a.want("VI6", event.Fault)
		if got := a.state("VI6").Reason; !strings.Contains(got, "unicast_src_ip") {
			t.Errorf("the reason is %q", got)
		}
		for n, node := range []*node{a, b} {
			node.host.Put("eth0", []string{"fd00::1/64", "fd00::2/64"}[n])
			node.host.Put("eth0", []string{"2001:db8::1/64", "2001:db8::2/64"}[n])
		}
		after(5 * time.Second)
		a.want("VI6", event.Master)
		b.want("VI6", event.Backup)
		if got := b.state("VI6").Peer; got != "2001:db8::1" {
			t.Errorf("the backup's master is %q", got)
		}
	})
}

func TestIPv6FirstAddressThatIsNotLinkLocalIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, b := pair6(t, func(i *conf.Instance) { slices.Reverse(i.Addresses) })
		after(10 * time.Second)
		if n := b.log.count("accepted an unusual advertisement", "first-address-not-link-local"); n != 1 {
			t.Errorf("it was said %d times, want once:\n%s", n, b.log)
		}
	})
}

// TestBothFamiliesOfOneVRID: they are two virtual routers (RFC 9568 section
// 5.2.3), and what one of them hears is not the other's.
func TestBothFamiliesOfOneVRID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		var nodes []*node
		for n, priorities := range [][2]uint8{{150, 100}, {100, 150}} {
			node := newNode(t, w, []string{"10.0.0.1/24", "10.0.0.2/24"}[n])
			node.host.Put("eth0", []string{"fe80::1/64", "fe80::2/64"}[n])
			node.apply(instance("VI", priorities[0], vip), instance6(priorities[1]))
			nodes = append(nodes, node)
		}
		start(nodes)
		for n, want := range [][2]event.VRRPState{{event.Master, event.Backup}, {event.Backup, event.Master}} {
			nodes[n].want("VI", want[0])
			nodes[n].want("VI6", want[1])
			if n := nodes[n].log.count("packet dropped"); n != 0 {
				t.Errorf("%d packets were dropped", n)
			}
		}
	})
}

// TestStrangersOfBothFamiliesAreCounted: the sockets of an interface count together.
func TestStrangersOfBothFamiliesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.host.Put("eth0", "fe80::1/64")
		a.apply(instance("VI", 150, vip), instance6(150))
		for _, adv := range []packet.Advertisement{
			{Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.9")}, Source: netip.MustParseAddr("10.0.0.8"),
				Destination: packet.Multicast4},
			{Addresses: []netip.Addr{netip.MustParseAddr("fe80::9")}, Source: netip.MustParseAddr("fe80::8"),
				Destination: packet.Multicast6},
		} {
			adv.Version, adv.VRID, adv.Priority, adv.Interval = 3, 99, 100, time.Second
			data, err := packet.Append(nil, &adv)
			if err != nil {
				t.Fatal(err)
			}
			w.Inject(data)
		}
		synctest.Wait()
		stats, err := a.engine.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := stats.Dropped["eth0"][packet.UnknownVRID.String()]; got != 2 {
			t.Errorf("%d advertisements of strangers were counted, want 2: %v", got, stats.Dropped)
		}
	})
}
