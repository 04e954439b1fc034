//go:build linux

package native_test

import (
	"fmt"
	"strings"
	"testing"

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
			site := vrrpOnly(t)
			site.UseIPv6()
			testFailoverBothWays(t, site, 3, kinds)
			for i, kind := range kinds {
				if kind.Name() == "director" {
					judgeNeighborAdvertisements(t, site.Dirs[i].Capture("eth0"), site.Dirs[i].HardwareAddr("eth0").String())
				}
			}
		})
	}
}

// judgeNeighborAdvertisements has tcpdump -v read the unsolicited ones that a
// router, whose kernel forwards, has sent for its virtual addresses.
func judgeNeighborAdvertisements(t *testing.T, c *lab.Capture, mac string) {
	t.Helper()
	text := c.Decode("-nn", "-v", "-e", "icmp6 and ether dst 33:33:00:00:00:01 and ether src "+mac)
	text = strings.ReplaceAll(text, "\n\t", " ")
	for _, vip := range []string{pair.LinkLocalVIP, pair.VIP6} {
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
