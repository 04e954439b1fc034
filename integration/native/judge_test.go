//go:build linux

package native_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/lvs-director/director/integration/lab"
)

// judge has tcpdump -v, which knows nothing of director, read what a router
// has sent: every advertisement has a good checksum, a TTL of 255, the
// multicast destination and the version it should have.
func judge(t *testing.T, c *lab.Capture, source string, version int) {
	t.Helper()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Fatalf("tcpdump is needed to judge packets: as root, run: apt-get install tcpdump")
	}
	filter, wanted := "proto 112 and src host "+source, []string{"ttl 255,", "> 224.0.0.18:", "Advertisement", fmt.Sprintf("VRRPv%d", version)}
	if strings.Contains(source, ":") {
		filter, wanted = "ip6 "+filter, []string{"class 0xc0,", "hlim 255,", "> ff02::12:", "Advertisement", "VRRPv3"}
	}
	// -v prints two lines for each packet of IPv4; the second is indented.
	text := strings.ReplaceAll(c.Decode("-nn", "-v", filter), "\n    ", " ")
	packets := 0
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "VRRPv") {
			continue
		}
		packets++
		for _, w := range wanted {
			if !strings.Contains(line, w) {
				t.Errorf("tcpdump does not see %q in: %s", w, line)
			}
		}
		for _, unwanted := range []string{"bad", "incorrect", "truncated", "[|"} {
			if strings.Contains(line, unwanted) {
				t.Errorf("tcpdump sees %q in: %s", unwanted, line)
			}
		}
	}
	if packets == 0 {
		t.Errorf("tcpdump saw no advertisement of %s:\n%s", source, text)
	}
}
