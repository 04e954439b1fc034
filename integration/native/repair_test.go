//go:build linux

package native_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"

	"github.com/lvs-director/director/integration/lab"
)

// sayTo sends a datagram to an address, from another if one is given.
func sayTo(from, to string) error {
	dialer := net.Dialer{}
	if from != "" {
		dialer.LocalAddr = &net.UDPAddr{IP: net.ParseIP(from)}
	}
	conn, err := dialer.Dial("udp", net.JoinHostPort(to, "9"))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte("hello"))
	return err
}

// TestVirtualMACOnAMacvlan: the interface is itself a macvlan, of this host or, as in a container,
// of another network namespace. Director makes the virtual interface once, and it serves.
func TestVirtualMACOnAMacvlan(t *testing.T) {
	for _, container := range []bool{false, true} {
		t.Run(fmt.Sprintf("container %v", container), func(t *testing.T) {
			t.Parallel()
			w := watch(t)
			h := w.a
			// The interface below has no address, and does not answer for others.
			w.a.Run("ip", "addr", "flush", "dev", "eth0")
			w.a.Sysctl("net.ipv4.conf.eth0.arp_ignore", "1")
			w.a.Run("ip", "link", "add", "link", "eth0", "name", "mv0", "type", "macvlan", "mode", "private")
			if container {
				h = w.Host("container")
				inside := h.Start("sleep", "1000")
				w.a.Run("ip", "link", "set", "mv0", "netns", fmt.Sprint(inside.Pid))
			}
			h.Run("ip", "link", "set", "mv0", "up")
			h.Run("ip", "addr", "add", "192.0.2.251/24", "dev", "mv0")
			began := time.Now()
			d := w.start(h, strings.ReplaceAll(base(150, "use_vmac"), "interface eth0", "interface mv0"))
			w.Until(15*time.Second, "the virtual address answers", func() bool { return len(w.answering("eth0", frontVIP)) > 0 })
			links := h.Run("ip", "-o", "link")
			w.Steady(2*time.Second, "the interfaces are the same", func() bool { return h.Run("ip", "-o", "link") == links })
			if macs := w.answering("eth0", frontVIP); len(macs) != 1 || macs[0] != "00:00:5e:00:01:33" {
				t.Errorf("%v answer for %s", macs, frontVIP)
			}
			if list := complaints(d, began); len(list) > 0 {
				t.Errorf("director complains:\n%s", strings.Join(list, "\n"))
			}
		})
	}
}

// TestContainersComeAndGo: links of others that come and go do not make a
// MASTER add its routes anew, and leave no socket open.
func TestContainersComeAndGo(t *testing.T) {
	t.Parallel()
	w := watch(t)
	addVeth := func(name string) { w.a.Run("ip", "link", "add", name, "type", "veth", "peer", name+"p") }
	addVeth("e2")
	w.a.Run("ip", "link", "set", "e2p", "up")
	w.a.Run("ip", "link", "set", "e2", "up")
	w.start(w.a, "global_defs {\n    vrrp_garp_master_refresh 10\n}\n"+base(150,
		"virtual_routes {\n        203.0.113.0/24 via 192.0.2.254 dev eth0\n    }")+
		instance("VI_2", 52, 150, "e2", "203.0.113.10/32", "garp_master_refresh 10", "unicast_src_ip 192.0.2.251",
			"unicast_peer {\n        192.0.2.252\n    }"))
	route := func() bool { return strings.Contains(w.a.Run("ip", "route"), "203.0.113.0/24") }
	w.Until(15*time.Second, "a is MASTER of both", func() bool { return route() && w.a.HasAddress("e2", "203.0.113.10") })
	monitor := w.a.Start("ip", "-4", "monitor", "route")
	time.Sleep(300 * time.Millisecond)
	for n := range 15 {
		name := fmt.Sprintf("c%d", n)
		addVeth(name)
		w.a.Run("ip", "link", "del", name)
	}
	time.Sleep(time.Second)
	if monitor.Printed(time.Time{}, "203.0.113.0/24") {
		t.Errorf("the route was changed while nobody touched it:\n%v", monitor.Log())
	}
	sockets := func() int { return strings.Count(w.a.Run("cat", "/proc/net/packet"), "\n") }
	before := sockets()
	for range 3 {
		w.a.Run("ip", "link", "del", "e2")
		addVeth("e2")
		w.a.Run("ip", "link", "set", "e2p", "up")
		w.a.Run("ip", "link", "set", "e2", "up")
		w.Until(10*time.Second, "a is MASTER again", func() bool { return w.a.HasAddress("e2", "203.0.113.10") })
	}
	w.a.Run("ip", "link", "del", "e2")
	w.Until(3*time.Second, "sockets of interfaces that are gone are closed", func() bool { return sockets() <= before })
}

// TestRulesetIsFlushed: "nft flush ruleset", with which Debian's own nftables.conf begins, removes
// the filter of no_accept. Director restores it almost at once, and also a chain and a set that
// were emptied.
func TestRulesetIsFlushed(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.start(w.a, base(150, "no_accept"))
	w.Until(15*time.Second, "the filter works", func() bool {
		return w.a.HasAddress("eth0", frontVIP) && !answersTCP(t, w.c, frontVIP)
	})
	flush := map[string]func(c *nftables.Conn) error{
		"ruleset": func(c *nftables.Conn) error { c.FlushRuleset(); return nil },
		"chains": func(c *nftables.Conn) error {
			chains, err := c.ListChains()
			for _, chain := range chains {
				c.FlushChain(chain)
			}
			return err
		},
		"sets": func(c *nftables.Conn) error {
			tables, err := c.ListTables()
			for _, table := range tables {
				sets, err := c.GetSets(table)
				if err != nil {
					return err
				}
				for _, set := range sets {
					c.FlushSet(set)
				}
			}
			return err
		},
	}
	for _, what := range []string{"ruleset", "chains", "sets"} {
		flushed := time.Now()
		err := w.a.Do(func() error {
			c, err := nftables.New()
			if err == nil {
				err = flush[what](c)
			}
			if err == nil {
				err = c.Flush()
			}
			return err
		})
		if err != nil {
			t.Fatalf("flush the %s: %v", what, err)
		}
		w.Until(2*time.Second, "the filter is back after the "+what+" went", func() bool {
			return !answersTCP(t, w.c, frontVIP)
		})
		w.Logf("the %s flushed: no answer any more after %v, of which the attempt took up to 150 ms", what,
			time.Since(flushed).Round(time.Millisecond))
		w.Steady(500*time.Millisecond, "the filter works", func() bool { return !answersTCP(t, w.c, frontVIP) })
	}
}

// answersTCP reports whether an address answers a connection, be it with a
// refusal.
func answersTCP(t *testing.T, from *lab.Host, address string) (answered bool) {
	t.Helper()
	if err := from.Do(func() error {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(address, "9"), 150*time.Millisecond)
		if err == nil {
			c.Close()
		}
		timeout, is := err.(net.Error)
		answered = err == nil || !is || !timeout.Timeout()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return answered
}
