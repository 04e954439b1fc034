//go:build linux

package integration_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/integration/guest"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// lifeVIP is the virtual address of the tests here.
const lifeVIP = "192.0.2.100"

// lone is the configuration of one router at 100 ms, with further lines.
func lone(iface string, priority int, lines ...string) string {
	return fmt.Sprintf(`vrrp_instance VI_1 {
    %s
    virtual_router_id 51
    version 3
    priority %d
    advert_int 0.1
    virtual_ipaddress {
        %s/32
    }
    %s
}
`, iface, priority, lifeVIP, strings.Join(lines, "\n    "))
}

// within calls f with the host's network and ends the test on an error.
func within(t *testing.T, h *lab.Host, what string, f func() error) {
	t.Helper()
	if err := h.Do(f); err != nil {
		t.Fatalf("host %s: %s: %v", h.Name, what, err)
	}
}

// has says whether an interface exists and carries the virtual address.
func has(t *testing.T, h *lab.Host, iface string) bool {
	t.Helper()
	missing := false
	within(t, h, "look for "+iface, func() error {
		_, err := netlink.LinkByName(iface)
		missing = errors.As(err, &netlink.LinkNotFoundError{})
		if missing {
			return nil
		}
		return err
	})
	return !missing && h.HasAddress(iface, lifeVIP)
}

// changes counts the transitions in a daemon's log since a moment.
func changes(d *pair.Daemon, since time.Time) (n int) {
	for _, line := range d.Log() {
		if !line.Time.Before(since) && strings.Contains(line.Text, "state changed") {
			n++
		}
	}
	return n
}

// addVLAN puts a VLAN with an address on an interface.
func addVLAN(name, parent, address string) error {
	under, err := netlink.LinkByName(parent)
	if err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex = name, under.Attrs().Index
	vlan := &netlink.Vlan{LinkAttrs: attrs, VlanId: 10}
	if err := netlink.LinkAdd(vlan); err != nil {
		return fmt.Errorf("add VLAN %s: %w", name, err)
	}
	addr, err := netlink.ParseAddr(address)
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(vlan, addr); err != nil {
		return err
	}
	return netlink.LinkSetUp(vlan)
}

// addBond joins ports to a bond of which one works at a time.
func addBond(name string, ports ...string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	bond := netlink.NewLinkBond(attrs)
	bond.Mode, bond.Miimon = netlink.BOND_MODE_ACTIVE_BACKUP, 50
	if err := netlink.LinkAdd(bond); err != nil {
		return fmt.Errorf("add bond %s: %w", name, err)
	}
	for _, port := range ports {
		l, err := netlink.LinkByName(port)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetDown(l); err != nil {
			return err
		}
		if err := netlink.LinkSetBondSlave(l, bond); err != nil {
			return fmt.Errorf("put %s into %s: %w", port, name, err)
		}
	}
	return netlink.LinkSetUp(bond)
}

// rename renames an interface. It sets the interface down first, as older kernels require.
func rename(from, to string) error {
	l, err := netlink.LinkByName(from)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetDown(l); err != nil {
		return err
	}
	if err := netlink.LinkSetName(l, to); err != nil {
		return err
	}
	return netlink.LinkSetUp(l)
}

// TestVLANOnABond: director starts before its interface exists. A VLAN on a bond comes late, loses
// ports, is deleted, made again and renamed. The instance follows each change by itself.
func TestVLANOnABond(t *testing.T) {
	stage.Require(t)
	l := lab.New(t)
	front := l.Network("front")
	h := l.Host("dir1")
	h.Attach(front, "p0")
	h.Attach(front, "p1")
	d := pair.Start(t, stage.Director(), h, lone("interface bond0.10", 200))
	const limit = 10 * time.Second
	// The address is there a moment before the log line. The count from here on must not include
	// that line.
	master := func(since time.Time, what string) {
		t.Helper()
		l.Until(limit, "MASTER "+what, func() bool { return has(t, h, "bond0.10") && d.Printed(since, "to=MASTER") })
	}
	l.Until(limit, "FAULT without the interface", func() bool {
		return d.Printed(time.Time{}, "interface bond0.10 does not exist")
	})

	within(t, h, "make the bond", func() error { return addBond("bond0", "p0", "p1") })
	within(t, h, "make the VLAN", func() error { return addVLAN("bond0.10", "bond0", "192.0.2.2/24") })
	master(time.Time{}, "on an interface that comes late")

	lost := time.Now()
	h.Unplug("p0")
	l.Steady(1500*time.Millisecond, "MASTER with one port of two", func() bool {
		return has(t, h, "bond0.10") && changes(d, lost) == 0
	})
	h.Unplug("p1")
	l.Until(limit, "FAULT without a port", func() bool { return !has(t, h, "bond0.10") && d.Printed(lost, "to=FAULT") })
	h.Plug("p0")
	h.Plug("p1")
	master(lost, "with its ports back")

	deleted := time.Now()
	within(t, h, "delete the VLAN", func() error {
		vlan, err := netlink.LinkByName("bond0.10")
		if err != nil {
			return err
		}
		return netlink.LinkDel(vlan)
	})
	l.Until(limit, "FAULT without the VLAN", func() bool { return d.Printed(deleted, "to=FAULT") })
	within(t, h, "make the VLAN again", func() error { return addVLAN("bond0.10", "bond0", "192.0.2.2/24") })
	master(deleted, "on a VLAN that was made again")

	renamed := time.Now()
	within(t, h, "rename the VLAN", func() error { return rename("bond0.10", "lan0") })
	l.Until(limit, "nothing of ours on the renamed interface", func() bool { return !h.HasAddress("lan0", lifeVIP) })
	within(t, h, "rename it back", func() error { return rename("lan0", "bond0.10") })
	master(renamed, "with its name back")
}

// TestVRF: the routers of a pair inside a VRF hear each other, by multicast and by unicast without
// an interface.
func TestVRF(t *testing.T) {
	stage.Require(t)
	for _, c := range []struct{ name, from string }{
		{"multicast", "interface eth0"},
		{"vmac", "interface eth0\n    use_vmac vrrp.51"},
		{"unicast", "vrf blue\n    unicast_src_ip 192.0.2.%d\n    unicast_peer {\n        192.0.2.%d\n    }"},
		{"IPv6", "interface eth0"},
		{"IPv6 unicast", "vrf blue\n    unicast_src_ip 2001:db8:1::%d\n    unicast_peer {\n        2001:db8:1::%d\n    }"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := lab.New(t)
			front := l.Network("front")
			var hosts [2]*lab.Host
			var daemons [2]*pair.Daemon
			carrier := "eth0"
			if c.name == "vmac" {
				carrier = "vrrp.51"
			}
			for i := range hosts {
				h := l.Host(fmt.Sprintf("dir%d", i+1))
				hosts[i] = h
				h.Attach(front, "eth0", fmt.Sprintf("192.0.2.%d/24", 2+i))
				within(t, h, "make a VRF", func() error {
					attrs := netlink.NewLinkAttrs()
					attrs.Name = "blue"
					vrf := &netlink.Vrf{LinkAttrs: attrs, Table: 10}
					if err := netlink.LinkAdd(vrf); err != nil {
						return err
					}
					eth0, err := netlink.LinkByName("eth0")
					if err != nil {
						return err
					}
					if err := netlink.LinkSetMaster(eth0, vrf); err != nil {
						return err
					}
					return netlink.LinkSetUp(vrf)
				})
				h.Address("eth0", pair.GlobalAddress(i)+"/64") // an interface loses its IPv6 addresses in a VRF
				from := c.from
				if strings.Contains(from, "%d") {
					from = fmt.Sprintf(from, 2+i, 3-i)
				}
				conf := "global_defs {\n    default_interface eth0\n}\n" + lone(from, 200-100*i)
				if strings.HasPrefix(c.name, "IPv6") {
					conf = strings.Replace(conf, "virtual_ipaddress {\n",
						"virtual_ipaddress {\n        "+pair.LinkLocalVIP+"\n    }\n    virtual_ipaddress_excluded {\n", 1)
				}
				daemons[i] = pair.Start(t, stage.Director(), h, conf)
				if i == 0 {
					l.Until(10*time.Second, "dir1 is MASTER", func() bool { return has(t, h, carrier) })
				}
			}
			l.Until(10*time.Second, "dir2 is BACKUP", func() bool { return daemons[1].Printed(time.Time{}, "to=BACKUP") })
			l.Steady(time.Second, "dir2 hears dir1", func() bool {
				return has(t, hosts[0], carrier) && !has(t, hosts[1], carrier)
			})
			if vrf := inVRF(t, hosts[0], carrier); vrf != "blue" {
				t.Errorf("%s is in VRF %q", carrier, vrf)
			}
			hosts[0].Crash()
			l.Until(5*time.Second, "dir2 takes over", func() bool { return has(t, hosts[1], carrier) })
		})
	}
}

// inVRF is the VRF that an interface is in.
func inVRF(t *testing.T, h *lab.Host, iface string) (name string) {
	t.Helper()
	within(t, h, "look at "+iface, func() error {
		l, err := netlink.LinkByName(iface)
		if err != nil {
			return err
		}
		above, err := netlink.LinkByIndex(l.Attrs().MasterIndex)
		if err == nil {
			name = above.Attrs().Name
		}
		return err
	})
	return name
}

// TestBootBeforeTheNetwork: director starts before its unicast source address exists. It goes into
// service by itself when the address comes.
func TestBootBeforeTheNetwork(t *testing.T) {
	stage.Require(t)
	l := lab.New(t)
	h := l.Host("dir1")
	h.Attach(l.Network("front"), "eth0")
	const unicast = "unicast_src_ip 192.0.2.2\n    unicast_peer {\n        192.0.2.3\n    }"
	d := pair.Start(t, stage.Director(), h, lone("interface eth0\n    "+unicast, 200))
	l.Until(10*time.Second, "FAULT without its address", func() bool { return d.Printed(time.Time{}, "to=FAULT") })
	h.Address("eth0", "192.0.2.2/24")
	l.Until(5*time.Second, "MASTER", func() bool { return has(t, h, "eth0") })
}

// TestStartupDelay: director sends nothing until the delay is over. A worker that replaces a dead
// one does not wait a second time.
func TestStartupDelay(t *testing.T) {
	stage.Require(t)
	const delay = 4 * time.Second
	l := lab.New(t)
	h := l.Host("dir1")
	h.Attach(l.Network("front"), "eth0", "192.0.2.2/24")
	began := time.Now()
	d := pair.Start(t, stage.Director(), h, "global_defs {\n    vrrp_startup_delay 4\n}\n"+lone("interface eth0", 200))
	l.Until(15*time.Second, "MASTER", func() bool { return has(t, h, "eth0") })
	sent := pair.Advertisements(h.Capture("eth0"), began)
	if len(sent) == 0 || sent[0].Time.Sub(began) < delay {
		t.Errorf("%d advertisements, the first one before the delay was over", len(sent))
	}
	killed := d.KillWorker(pair.VRRP)
	l.Until(delay-500*time.Millisecond, "the new worker advertises", func() bool {
		for _, a := range pair.Advertisements(h.Capture("eth0"), killed) {
			if a.Time.Sub(killed) > 100*time.Millisecond && a.Priority == 200 {
				return true
			}
		}
		return false
	})
}

// lifePair is a pair at 100 ms of which the first is MASTER.
func lifePair(t *testing.T, lines ...string) (*lab.Lab, [2]*lab.Host, [2]*pair.Daemon) {
	t.Helper()
	l := lab.New(t)
	front := l.Network("front")
	var hosts [2]*lab.Host
	var daemons [2]*pair.Daemon
	for i := range hosts {
		h := l.Host(fmt.Sprintf("dir%d", i+1))
		hosts[i] = h
		h.Attach(front, "eth0", fmt.Sprintf("192.0.2.%d/24", 2+i))
		daemons[i] = pair.Start(t, stage.Director(), h, lone("interface eth0", 200-100*i, lines...))
		if i == 0 {
			l.Until(15*time.Second, "dir1 is MASTER", func() bool { return has(t, h, "eth0") })
		}
	}
	l.Until(15*time.Second, "dir2 is BACKUP", func() bool { return daemons[1].Printed(time.Time{}, "to=BACKUP") })
	return l, hosts, daemons
}

// TestStepsOfTheWallClock: a step of the wall clock by an hour, forward and back, changes no state
// and delays no advertisement.
func TestStepsOfTheWallClock(t *testing.T) {
	stage.Require(t)
	if !guest.Inside() {
		t.Skip("SKIP: the wall clock is this machine's own outside the guest")
	}
	l, hosts, daemons := lifePair(t)
	time.Sleep(time.Second)
	states := [2]int{changes(daemons[0], time.Time{}), changes(daemons[1], time.Time{})}
	for _, step := range []time.Duration{time.Hour, -2 * time.Hour, time.Hour, 200 * time.Millisecond,
		-200 * time.Millisecond} {
		now := time.Now().Add(step)
		tv := unix.NsecToTimeval(now.UnixNano())
		if err := unix.Settimeofday(&tv); err != nil {
			t.Fatalf("set the clock: %v", err)
		}
		l.Steady(time.Second, "dir1 alone holds the address", func() bool {
			return has(t, hosts[0], "eth0") && !has(t, hosts[1], "eth0")
		})
	}
	for i, d := range daemons {
		if n := changes(d, time.Time{}); n != states[i] {
			t.Errorf("%d changes of state on %s while the clock was set, want none", n-states[i], hosts[i].Name)
		}
	}
}

// TestSleepingWorkers: the vrrp process of a host does not run for two
// seconds, twenty intervals.
func TestSleepingWorkers(t *testing.T) {
	stage.Require(t)
	const sleep = 2 * time.Second
	nap := func(t *testing.T, d *pair.Daemon) (woke time.Time) {
		t.Helper()
		pid := d.Worker(pair.VRRP)
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(sleep)
		woke = time.Now()
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		return woke
	}
	t.Run("a backup, whose master lives", func(t *testing.T) {
		l, hosts, daemons := lifePair(t)
		since := time.Now()
		nap(t, daemons[1])
		l.Steady(time.Second, "dir2 stays BACKUP", func() bool { return !has(t, hosts[1], "eth0") })
		if n := changes(daemons[1], since); n != 0 {
			t.Errorf("%d changes of state", n)
		}
	})
	t.Run("a master that is the better one", func(t *testing.T) {
		l, hosts, daemons := lifePair(t)
		seen := hosts[1].Capture("eth0")
		woke := nap(t, daemons[0])
		if !daemons[1].Printed(time.Time{}, "to=MASTER") {
			t.Fatal("dir2 has not taken over from the sleeping master")
		}
		l.Until(5*time.Second, "dir1 alone holds the address", func() bool {
			return has(t, hosts[0], "eth0") && !has(t, hosts[1], "eth0")
		})
		time.Sleep(500 * time.Millisecond)
		all := pair.Advertisements(seen, woke)
		back, after := pair.From(all, "192.0.2.2"), pair.From(all, "192.0.2.3")
		if len(back) == 0 {
			t.Fatal("dir1 does not advertise")
		}
		if n := len(after); n > 0 {
			both := after[n-1].Time.Sub(back[0].Time)
			l.Logf("two masters for %v after dir1 woke", both)
			if both > 100*time.Millisecond+slack/4 {
				t.Errorf("two masters for %v", both)
			}
		}
	})
	t.Run("a master that lets its successor be", func(t *testing.T) {
		l, hosts, daemons := lifePair(t, "nopreempt", "timer_expired_backup")
		seen := hosts[1].Capture("eth0")
		woke := nap(t, daemons[0])
		l.Until(5*time.Second, "dir1 is BACKUP", func() bool {
			return daemons[0].Printed(woke, "to=BACKUP") && !has(t, hosts[0], "eth0")
		})
		l.Steady(time.Second, "dir2 stays MASTER", func() bool {
			return has(t, hosts[1], "eth0") && !has(t, hosts[0], "eth0")
		})
		if n := len(pair.From(pair.Advertisements(seen, woke), "192.0.2.2")); n != 0 {
			t.Errorf("dir1 has sent %d advertisements after it woke", n)
		}
	})
}

// mute drops everything that leaves a host by eth0, or stops dropping.
func mute(t *testing.T, h *lab.Host, on bool) {
	t.Helper()
	within(t, h, "cut eth0", func() error {
		eth0, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		loss := netlink.NewNetem(netlink.QdiscAttrs{
			LinkIndex: eth0.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT,
		}, netlink.NetemQdiscAttrs{Loss: 100})
		if on {
			return netlink.QdiscAdd(loss)
		}
		return netlink.QdiscDel(loss)
	})
}

// gratuitous counts the gratuitous ARP packets for an address by the sender's hardware address.
// last is the sender of the most recent one.
func gratuitous(c *lab.Capture, since time.Time, address string) (from map[string]int, last string) {
	from = make(map[string]int)
	ip := net.ParseIP(address).To4()
	for _, p := range c.Packets(since) {
		f := p.Frame
		if len(f) >= 42 && f[12] == 0x08 && f[13] == 0x06 && bytes.Equal(f[28:32], ip) && bytes.Equal(f[38:42], ip) {
			last = net.HardwareAddr(f[6:12]).String()
			from[last]++
		}
	}
	return from, last
}

// TestAPartitionHeals: two masters meet after a partition. The one that remains announces all
// addresses of its sync group again, and a script reports that there were two masters.
func TestAPartitionHeals(t *testing.T) {
	stage.Require(t)
	l := lab.New(t)
	front := l.Network("front")
	client := l.Host("client")
	client.Attach(front, "eth0", "192.0.2.10/24")
	const second = "192.0.2.101"
	var hosts [2]*lab.Host
	var macs [2]string
	record := ""
	for i := range hosts {
		h := l.Host(fmt.Sprintf("dir%d", i+1))
		hosts[i] = h
		h.Attach(front, "eth0", fmt.Sprintf("192.0.2.%d/24", 2+i))
		within(t, h, "read its hardware address", func() error {
			eth0, err := netlink.LinkByName("eth0")
			macs[i] = eth0.Attrs().HardwareAddr.String()
			return err
		})
		told := filepath.Join(h.Dir(), "lower")
		if i == 0 {
			record = told
		}
		script := h.WriteFile("lower.sh", "#!/bin/sh\necho lower >>"+told+"\n")
		if err := os.Chmod(script, 0o755); err != nil {
			t.Fatal(err)
		}
		one := lone("interface eth0", 200-100*i, "garp_lower_prio_repeat 3", "garp_master_delay 0",
			fmt.Sprintf("notify_master_rx_lower_pri %q root", script))
		two := strings.NewReplacer("VI_1", "VI_2", "_id 51", "_id 52", lifeVIP, second, "notify_", "#").Replace(one)
		pair.Start(t, stage.Director(), h, "vrrp_sync_group G {\n    group {\n        VI_1\n        VI_2\n    }\n}\n"+one+two)
		if i == 0 {
			l.Until(15*time.Second, "dir1 is MASTER", func() bool { return has(t, h, "eth0") })
		}
	}
	time.Sleep(time.Second)
	for _, h := range hosts {
		mute(t, h, true)
	}
	l.Until(10*time.Second, "both are MASTER", func() bool { return has(t, hosts[0], "eth0") && has(t, hosts[1], "eth0") })
	time.Sleep(500 * time.Millisecond)
	healed := time.Now()
	mute(t, hosts[1], false) // dir1 hears dir2's advertisements first
	time.Sleep(200 * time.Millisecond)
	mute(t, hosts[0], false)
	l.Until(5*time.Second, "dir1 alone is MASTER", func() bool {
		return has(t, hosts[0], "eth0") && !has(t, hosts[1], "eth0")
	})
	time.Sleep(500 * time.Millisecond)
	seen := client.Capture("eth0")
	for _, address := range []string{lifeVIP, second} {
		from, last := gratuitous(seen, healed, address)
		l.Logf("%s: announced by %v, last by %s", address, from, last)
		if from[macs[0]] == 0 || last != macs[0] {
			t.Errorf("%s: after the partition announced by %v, last by %s, want %s", address, from, last, macs[0])
		}
	}
	l.Until(5*time.Second, "the script has run", func() bool {
		text, _ := os.ReadFile(record)
		return len(text) > 0
	})
}
