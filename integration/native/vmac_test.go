//go:build linux

package native_test

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSomethingElseChangesAVirtualMACInterface: another program changes the settings, the hardware
// address and the name of the interface. Director restores them while the router stays MASTER.
func TestSomethingElseChangesAVirtualMACInterface(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.start(w.a, base(150, "use_vmac vv3"))
	right := func() bool {
		return slices.Equal(w.answering("eth0", frontVIP), []string{"00:00:5e:00:01:33"})
	}
	w.Until(15*time.Second, "the virtual address answers", right)
	ignores := func(device string) bool {
		return strings.TrimSpace(w.a.Run("sysctl", "-n", "net.ipv4.conf."+device+".arp_ignore")) == "1"
	}
	for _, device := range []string{"vv3", "eth0"} {
		w.a.Sysctl("net.ipv4.conf."+device+".arp_ignore", "0")
		w.Until(5*time.Second, "arp_ignore of "+device+" is put back", func() bool { return ignores(device) })
	}
	w.a.Run("ip", "link", "set", "vv3", "address", "02:00:00:00:00:07")
	w.Until(5*time.Second, "the hardware address is put back", func() bool {
		return strings.Contains(w.a.Run("ip", "link", "show", "vv3"), "00:00:5e:00:01:33") && right()
	})
	w.a.Run("ip", "link", "set", "vv3", "down")
	w.a.Run("ip", "link", "set", "vv3", "name", "vv4")
	w.Until(10*time.Second, "the interface has its name again, and the virtual address answers", func() bool {
		links := w.a.Run("ip", "-o", "link")
		return strings.Contains(links, "vv3") && !strings.Contains(links, "vv4") && right()
	})
}
