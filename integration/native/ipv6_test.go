//go:build linux

package native_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestIPv6Pairs is TestPairs over IPv6: a link-local and a global virtual
// address, and an IPv4 one that is excluded.
func TestIPv6Pairs(t *testing.T) {
	director, keepalived := stage.Director(), stage.Keepalived()
	for _, kinds := range [][2]pair.Kind{{director, director}, {director, keepalived}, {keepalived, director}} {
		t.Run(fmt.Sprintf("%s over %s", kinds[0].Name(), kinds[1].Name()), func(t *testing.T) {
			t.Parallel()
			site := vrrpOnly(t)
			site.UseIPv6()
			testFailoverBothWays(t, site, 3, kinds)
			for i, kind := range kinds {
				if kind.Name() == "director" {
					judgeNeighborAdvertisements(t, site.Dirs[i], pair.LinkLocalVIP, pair.VIP6)
				}
			}
		})
	}
}

// judgeNeighborAdvertisements has tcpdump -v read the unsolicited ones that a
// router, whose kernel forwards, has sent for its virtual addresses.
func judgeNeighborAdvertisements(t *testing.T, h *lab.Host, vips ...string) {
	t.Helper()
	mac := h.HardwareAddr("eth0").String()
	text := h.Capture("eth0").Decode("-nn", "-v", "-e", "icmp6 and ether dst 33:33:00:00:00:01 and ether src "+mac)
	text = strings.ReplaceAll(text, "\n\t", " ")
	for _, vip := range vips {
		seen := false
		for line := range strings.Lines(text) {
			if !strings.Contains(line, "tgt is "+vip+",") {
				continue
			}
			seen = true
			for _, wanted := range []string{
				"hlim 255,", vip + " > ff02::1:", "[icmp6 sum ok]", "neighbor advertisement", "Flags [router, override]",
				"destination link-address option (2), length 8 (1): " + mac,
			} {
				if !strings.Contains(line, wanted) {
					t.Errorf("tcpdump does not see %q in: %s", wanted, line)
				}
			}
		}
		if !seen {
			t.Errorf("tcpdump saw no neighbour advertisement of %s:\n%s", vip, text)
		}
	}
}

// TestIPv6NeighboursAreTold: a host that has sent to the virtual addresses sends to the new
// master's hardware address, without another neighbour solicitation.
func TestIPv6NeighboursAreTold(t *testing.T) {
	director := stage.Director()
	site := vrrpOnly(t)
	site.UseIPv6()
	site.Client.Address("eth0", "2001:db8:1::10/64")
	r := site.Run(t, [2]pair.Kind{director, director}, func(_ int, c *pair.Config) {
		c.Service, c.Interval = false, 200*time.Millisecond
	})
	learned := func(i int) func() bool {
		return func() bool {
			for _, vip := range []string{pair.VIP6, pair.LinkLocalVIP} {
				out, _ := site.Client.Output("ip", "-6", "neigh", "show", "to", vip, "dev", "eth0")
				if !strings.Contains(out, "lladdr "+site.Dirs[i].HardwareAddr("eth0").String()) {
					return false
				}
			}
			return true
		}
	}
	if err := site.Client.Do(func() error {
		for _, to := range []string{pair.VIP6, pair.LinkLocalVIP + "%eth0"} {
			conn, err := net.Dial("udp6", net.JoinHostPort(to, "9"))
			if err != nil {
				return err
			}
			if _, err := conn.Write([]byte("hello")); err != nil {
				return err
			}
			conn.Close()
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	r.Lab.Until(5*time.Second, "the client has found dir1", learned(0))
	r.Dirs[0].Crash()
	r.UntilMaster(1, r.Configs[1].MasterDownInterval()+slack)
	r.Lab.Until(time.Second, "the client knows dir2", learned(1))
}

// TestIPv6WorkerKilled: a worker that is restarted distinguishes its virtual link-local address
// from the interface's own, and goes on.
func TestIPv6WorkerKilled(t *testing.T) {
	director := stage.PlainDirector()
	site := vrrpOnly(t)
	site.UseIPv6()
	r := site.Run(t, [2]pair.Kind{director, director}, func(_ int, c *pair.Config) {
		c.Service, c.Interval = false, 100*time.Millisecond
	})
	killed := r.Daemons[0].KillWorker(pair.VRRP)
	r.Lab.Steady(2*time.Second, "dir1 alone holds the virtual addresses", func() bool {
		return r.Holds(0) && !r.HoldsAny(1)
	})
	if sent := r.Advertised(1, killed); len(sent) > 0 {
		t.Errorf("dir2 sent advertisements: %+v", sent)
	}
	if sent := r.Advertised(0, killed); len(sent) < 15 {
		t.Errorf("dir1 sent %d advertisements in 2 s from its own address", len(sent))
	}
	if strange := pair.From(pair.Advertisements(r.Dirs[0].Capture("eth0"), killed), pair.LinkLocalVIP); len(strange) > 0 {
		t.Errorf("advertisements left from the virtual address: %+v", strange)
	}
}

const excludedVIP6 = "2001:db8:1::200"

// TestDualStack: an instance of each family, with one VRID and in one sync
// group, each with an excluded address of the other family. All of them move
// together, and each is announced in its own way.
func TestDualStack(t *testing.T) {
	director, keepalived := stage.Director(), stage.Keepalived()
	for _, kinds := range [][2]pair.Kind{{director, keepalived}, {keepalived, director}} {
		t.Run(fmt.Sprintf("%s over %s", kinds[0].Name(), kinds[1].Name()), func(t *testing.T) {
			t.Parallel()
			site := vrrpOnly(t)
			site.UseIPv6()
			r := site.Run(t, kinds, func(_ int, c *pair.Config) {
				c.Service, c.Interval = false, 200*time.Millisecond
				c.Before = append(c.Before, "vrrp_sync_group G {\n    group {\n        VI_1\n        VI_4\n    }\n}",
					fmt.Sprintf(`vrrp_instance VI_4 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    version 3
    priority %d
    advert_int 0.2
    virtual_ipaddress {
        %s/24
    }
    virtual_ipaddress_excluded {
        %s
    }
}`, c.Priority, pair.VIP, excludedVIP6))
			})
			untilAll := func(i int, limit time.Duration) {
				t.Helper()
				r.UntilMaster(i, limit)
				r.Lab.Until(time.Second, r.Dirs[i].Name+" alone holds the addresses of the IPv4 instance too", func() bool {
					for n, h := range r.Dirs {
						if h.On() && (h.HasAddress("eth0", pair.VIP) != (n == i) || h.HasAddress("eth0", excludedVIP6) != (n == i)) {
							return false
						}
					}
					return true
				})
			}
			untilAll(0, 5*time.Second)
			r.Daemons[0].Terminate()
			untilAll(1, 2*time.Second)
			r.Daemons[0].WaitEnd(5 * time.Second)
			r.StartDaemon(0, kinds[0])
			untilAll(0, 10*time.Second)
			r.Dirs[0].Unplug("eth1") // only the IPv6 instance tracks it
			untilAll(1, 5*time.Second)
			r.Dirs[0].Plug("eth1")
			untilAll(0, 10*time.Second)
			r.Dirs[0].Crash()
			untilAll(1, r.Configs[1].MasterDownInterval()+slack)
			for i, kind := range kinds {
				if kind.Name() != "director" {
					continue
				}
				decodeWithTcpdump(t, r.Dirs[i].Capture("eth0"), r.LinkLocalAddress(i), 3)
				decodeWithTcpdump(t, r.Dirs[i].Capture("eth0"), pair.DirectorAddress(i), 3)
				judgeNeighborAdvertisements(t, r.Dirs[i], pair.LinkLocalVIP, pair.VIP6, excludedVIP6)
				text := r.Dirs[i].Capture("eth0").Decode("-nn", "arp and ether src "+r.Dirs[i].HardwareAddr("eth0").String())
				if !strings.Contains(text, "Request who-has "+pair.VIP+" (ff:ff:ff:ff:ff:ff) tell "+pair.VIP) {
					t.Errorf("tcpdump saw no gratuitous ARP of %s:\n%s", pair.VIP, text)
				}
			}
		})
	}
}

// TestIPv6AddressThatIsBeingChecked: at a boot, and after an interface was down, the link-local
// address is unusable for a second or two (duplicate address detection). The instance reports that
// and goes into service by itself.
func TestIPv6AddressThatIsBeingChecked(t *testing.T) {
	stage.Require(t)
	l := lab.New(t)
	h := l.Host("dir1")
	h.Sysctl("net.ipv6.conf.default.accept_dad", "1")
	h.Sysctl("net.ipv6.conf.default.dad_transmits", "2")
	h.Attach(l.Network("front"), "eth0")
	conf := strings.ReplaceAll(soloConf, pair.VIP+"/24", pair.LinkLocalVIP+"/64\n        "+pair.VIP6)
	d := pair.Start(t, stage.Director(), h, conf)
	inService := func() bool { return h.HasAddress("eth0", pair.LinkLocalVIP) && h.HasAddress("eth0", pair.VIP6) }
	l.Until(10*time.Second, "the virtual addresses are there", inService)
	if !d.Printed(time.Time{}, "is being checked for duplicates") {
		t.Error("director did not report what it waited for")
	}
	down := time.Now()
	h.LinkDown("eth0")
	l.Until(5*time.Second, "the fault is told", func() bool { return d.Printed(down, "to=FAULT") })
	up := time.Now()
	h.LinkUp("eth0")
	l.Until(10*time.Second, "the virtual addresses are there again", inService)
	if time.Since(up) < time.Second {
		t.Errorf("the addresses were there after %v: the link-local address was not checked", time.Since(up))
	}
}
