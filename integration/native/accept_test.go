//go:build linux

package native_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestNoAccept: a MASTER with no_accept does not answer on its virtual address, but does on its
// own, as keepalived does. It answers ARP for both.
func TestNoAccept(t *testing.T) {
	for _, kind := range []pair.Kind{stage.Keepalived(), stage.Director()} {
		t.Run(kind.Name(), func(t *testing.T) {
			t.Parallel()
			stage.Require(t)
			l := lab.New(t)
			front := l.Network("front")
			h, client := l.Host("dir1"), l.Host("client")
			h.Attach(front, "eth0", "192.0.2.2/24")
			client.Attach(front, "eth0", "192.0.2.9/24")
			conf := "global_defs {\n    nftables lb\n}\nvrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n" +
				"    version 3\n    priority 200\n" +
				"    advert_int 0.1\n    no_accept\n    virtual_ipaddress {\n        " + pair.VIP + "/24\n    }\n}\n"
			d := pair.Start(t, kind, h, conf)
			l.Until(10*time.Second, "the virtual address is there", func() bool { return h.HasAddress("eth0", pair.VIP) })

			// Nothing listens on the port: what answers is the host's refusal.
			answers := func(address string) bool {
				var answered bool
				if err := client.Do(func() error {
					c, err := net.DialTimeout("tcp", net.JoinHostPort(address, "9"), 500*time.Millisecond)
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
			if !answers("192.0.2.2") {
				t.Error("the host does not answer on its own address")
			}
			if answers(pair.VIP) {
				t.Errorf("%s answers on the virtual address in spite of no_accept", kind.Name())
			}
			if out := client.Run("ip", "neigh", "show", pair.VIP); len(out) == 0 || !containsMAC(out, h.HardwareAddr("eth0")) {
				t.Errorf("ARP for the virtual address was not answered: %q", out)
			}
			d.Terminate()
			d.WaitEnd(5 * time.Second)
			h.Address("eth0", pair.VIP+"/24") // now the address is not the daemon's
			if !answers(pair.VIP) {
				t.Errorf("%s failed to remove its filter, still present", kind.Name())
			}
		})
	}
}

func containsMAC(text string, mac net.HardwareAddr) bool {
	return len(mac) > 0 && strings.Contains(text, mac.String())
}
