//go:build linux

package native_test

import (
	"strings"
	"testing"
	"time"
)

// TestAnnouncedAfterAFlap: an interface goes down and up. With one announcement for each address,
// that announcement reaches the wire.
func TestAnnouncedAfterAFlap(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.start(w.a, base(150, "garp_master_repeat 1", "garp_master_delay 0",
		"virtual_ipaddress_excluded {\n        "+backVIP+"/24 dev eth1\n    }")+
		instance("VI_2", 52, 150, "eth1", "198.51.100.20/24", "garp_master_repeat 1", "garp_master_delay 0"))
	w.Until(15*time.Second, "a is MASTER of both", func() bool {
		return w.a.HasAddress("eth1", backVIP) && w.a.HasAddress("eth1", "198.51.100.20")
	})
	for range 5 {
		w.a.LinkDown("eth1")
		time.Sleep(300 * time.Millisecond)
		up := time.Now()
		w.a.LinkUp("eth1")
		for _, address := range []string{backVIP, "198.51.100.20"} {
			w.Until(takeover, address+" is announced", func() bool { return w.announced("eth1", address, up) > 0 })
		}
	}
}

// TestVirtualMACAlone: a MASTER with a virtual MAC address loses its neighbour entries. It does not
// tell its neighbours its physical MAC address.
func TestVirtualMACAlone(t *testing.T) {
	t.Parallel()
	const virtual = "00:00:5e:00:01:33"
	w := watch(t)
	w.start(w.a, base(150, "use_vmac"))
	w.Until(15*time.Second, "the virtual address answers from the virtual MAC", func() bool {
		macs := w.answering("eth0", frontVIP)
		return len(macs) == 1 && macs[0] == virtual
	})
	from := time.Now()
	for range 3 {
		w.a.Run("ip", "neigh", "flush", "all")
		// Once a sends from the virtual address, once c sends to it.
		_ = w.a.Do(func() error { return sayTo(frontVIP, "192.0.2.254") })
		time.Sleep(200 * time.Millisecond)
		w.a.Run("ip", "neigh", "flush", "all")
		_ = w.c.Do(func() error { return sayTo("", frontVIP) })
		time.Sleep(200 * time.Millisecond)
	}
	for _, p := range arpOf(w.c.Capture("eth0"), from, frontVIP) {
		if p.hardware.String() != virtual && !p.outgoing {
			t.Errorf("an ARP packet says that %s is at %s", frontVIP, p.hardware)
		}
	}
	if out := w.c.Run("ip", "neigh", "show", frontVIP); !strings.Contains(out, virtual) {
		t.Errorf("c has learnt: %s", out)
	}
}
