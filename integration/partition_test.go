//go:build linux

package integration_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

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
