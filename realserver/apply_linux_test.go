package realserver_test

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/realserver"
)

// pair gives this test's thread a network namespace of its own with a neighbour that
// is in another: ns0 10.0.0.1 here, ns1 10.0.0.2 there.
func pair(t *testing.T) (there netns.NsHandle) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	runtime.LockOSThread() // the thread ends with the test
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(unix.Unshare(unix.CLONE_NEWNET))
	there, err := netns.Get()
	must(err)
	t.Cleanup(func() { there.Close() })
	must(unix.Unshare(unix.CLONE_NEWNET))
	here, err := netns.Get()
	must(err)
	t.Cleanup(func() { here.Close() })
	must(netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "ns0"}, PeerName: "ns1"}))
	peer, err := netlink.LinkByName("ns1")
	must(err)
	must(netlink.LinkSetNsFd(peer, int(there)))
	up := func(name, address string) {
		link, err := netlink.LinkByName(name)
		must(err)
		a, err := netlink.ParseAddr(address)
		must(err)
		must(netlink.AddrAdd(link, a))
		must(netlink.LinkSetUp(link))
		lo, err := netlink.LinkByName("lo")
		must(err)
		must(netlink.LinkSetUp(lo))
	}
	up("ns0", "10.0.0.1/24")
	must(netns.Set(there))
	up("ns1", "10.0.0.2/24")
	must(netns.Set(here))
	t.Cleanup(func() { _ = netns.Set(here) })
	return there
}

// answers says whether somebody answers ARP for an address when the neighbour asks.
func answers(t *testing.T, there netns.NsHandle, address string) bool {
	t.Helper()
	here, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	if err := netns.Set(there); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = netns.Set(here) }()
	link, err := netlink.LinkByName("ns1")
	if err != nil {
		t.Fatal(err)
	}
	ip := net.ParseIP(address)
	_ = netlink.NeighDel(&netlink.Neigh{LinkIndex: link.Attrs().Index, IP: ip}) // none is no error
	c, err := net.Dial("udp", address+":9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = c.Write([]byte("x")) // has the kernel ask
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		list, err := netlink.NeighList(link.Attrs().Index, unix.AF_INET)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range list {
			switch {
			case !n.IP.Equal(ip):
			case n.State&(unix.NUD_REACHABLE|unix.NUD_STALE|unix.NUD_DELAY|unix.NUD_PROBE) != 0:
				return true
			case n.State&unix.NUD_FAILED != 0:
				return false
			}
		}
	}
	t.Fatal("the kernel neither found nor gave up " + address)
	return false
}

func setting(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/net/ipv4/conf/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func hasVIP(t *testing.T) bool {
	t.Helper()
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	list, err := netlink.AddrList(lo, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if a.IP.Equal(net.ParseIP("10.0.0.100")) {
			return true
		}
	}
	return false
}

// TestARealServerHasTheAddressAndDoesNotAnswerForIt, and has nothing of it after undo.
func TestARealServerHasTheAddressAndDoesNotAnswerForIt(t *testing.T) {
	there := pair(t)
	file := filepath.Join(t.TempDir(), "state", "realserver.json")
	p, err := realserver.For([]netip.Addr{netip.MustParseAddr("10.0.0.100")}, conf.DR)
	if err != nil {
		t.Fatal(err)
	}
	ignore, announce := setting(t, "all/arp_ignore"), setting(t, "all/arp_announce")

	for range 2 { // the second time changes nothing
		if err := realserver.Apply(p, file); err != nil {
			t.Fatal(err)
		}
	}
	if !hasVIP(t) || setting(t, "all/arp_ignore") != "1" || setting(t, "all/arp_announce") != "2" {
		t.Error("not all is there")
	}
	if answers(t, there, "10.0.0.100") {
		t.Error("the real server answers ARP for the virtual address")
	}
	if !answers(t, there, "10.0.0.1") {
		t.Error("the real server does not answer for its own address")
	}

	if err := realserver.Undo(file); err != nil {
		t.Fatal(err)
	}
	if hasVIP(t) || setting(t, "all/arp_ignore") != ignore || setting(t, "all/arp_announce") != announce {
		t.Error("something is left")
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file is left: %v", err)
	}
	if err := realserver.Undo(file); err == nil {
		t.Error("nothing can be undone twice")
	}
}

// TestWhatWasThereStays: an address and a setting that were there before.
func TestWhatWasThereStays(t *testing.T) {
	pair(t)
	file := filepath.Join(t.TempDir(), "realserver.json")
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	a, _ := netlink.ParseAddr("10.0.0.100/32")
	if err := netlink.AddrAdd(lo, a); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/conf/all/arp_ignore", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	p, err := realserver.For([]netip.Addr{netip.MustParseAddr("10.0.0.100")}, conf.DR)
	if err != nil {
		t.Fatal(err)
	}
	if err := realserver.Apply(p, file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/conf/all/arp_announce", []byte("1"), 0); err != nil {
		t.Fatal(err) // somebody else's, since
	}
	if err := realserver.Undo(file); err != nil {
		t.Fatal(err)
	}
	if !hasVIP(t) || setting(t, "all/arp_ignore") != "1" || setting(t, "all/arp_announce") != "1" {
		t.Errorf("undo took what was not ours: address %v, arp_ignore %s, arp_announce %s", hasVIP(t),
			setting(t, "all/arp_ignore"), setting(t, "all/arp_announce"))
	}
}

// TestWhatWasAppliedBeforeAReboot has ended with it: what is there now is somebody
// else's, such as the permanent form of the same.
func TestWhatWasAppliedBeforeAReboot(t *testing.T) {
	pair(t)
	file := filepath.Join(t.TempDir(), "realserver.json")
	plan := func(address string) realserver.Plan {
		p, err := realserver.For([]netip.Addr{netip.MustParseAddr(address)}, conf.DR)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	reboot := func() {
		boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		earlier := strings.Replace(string(text), strings.TrimSpace(string(boot)), "an-earlier-boot", 1)
		if earlier == string(text) {
			t.Fatalf("the file does not name the boot:\n%s", text)
		}
		if err := os.WriteFile(file, []byte(earlier), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := realserver.Apply(plan("10.0.0.100"), file); err != nil {
		t.Fatal(err)
	}
	reboot()
	if err := realserver.Undo(file); err == nil || !strings.Contains(err.Error(), "since this host booted") {
		t.Errorf("undo after a reboot: %v", err)
	}
	if !hasVIP(t) || setting(t, "all/arp_ignore") != "1" {
		t.Error("undo took what was made before the reboot")
	}

	if err := realserver.Apply(plan("10.0.0.101"), file); err != nil {
		t.Fatal(err)
	}
	reboot()
	if err := realserver.Apply(plan("10.0.0.102"), file); err != nil {
		t.Fatal(err)
	}
	if err := realserver.Undo(file); err != nil {
		t.Fatal(err)
	}
	if !hasVIP(t) || setting(t, "all/arp_ignore") != "1" {
		t.Error("undo took what was made before the reboot")
	}
}

// TestADamagedFile says which one it is.
func TestADamagedFile(t *testing.T) {
	pair(t)
	file := filepath.Join(t.TempDir(), "realserver.json")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := realserver.Undo(file); err == nil || !strings.Contains(err.Error(), file+" is damaged") {
		t.Error(err)
	}
}
