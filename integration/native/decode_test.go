//go:build linux

package native_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// decodeWithTcpdump has tcpdump -v, which knows nothing of director, read what a router
// has sent: every advertisement has a good checksum, a TTL of 255, the
// multicast destination and the version it should have.
func decodeWithTcpdump(t *testing.T, c *lab.Capture, source string, version int) {
	t.Helper()
	stage.RequireTool(t, "tcpdump", "tcpdump")
	filter, wanted := "(proto 112 or ah) and src host "+source, []string{"ttl 255,", "> 224.0.0.18:", "Advertisement",
		fmt.Sprintf("VRRPv%d", version)}
	if strings.Contains(source, ":") {
		filter, wanted = "ip6 proto 112 and src host "+source, []string{"class 0xc0,", "hlim 255,", "> ff02::12:",
			"Advertisement", "VRRPv3"}
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

// TestNoFaultOnTheWire has tcpdump and tshark read all that a director sends
// from its first advertisement to the last, and its gratuitous ARP.
func TestNoFaultOnTheWire(t *testing.T) {
	stage.RequireTool(t, "tshark", "tshark")
	for _, wire := range []struct {
		name    string
		version int
		options []string
	}{
		{"v2", 2, nil},
		{"v2 PASS", 2, authentication("PASS", "s3cret")},
		{"v2 AH", 2, authentication("AH", "s3cret")},
		{"v3", 3, nil},
	} {
		t.Run(wire.name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && wire.version == 2 && wire.name != "v2 AH" {
				t.Skip("SKIP: v2 with AH stands for all of version 2 in the short form")
			}
			interval := time.Second
			if wire.version == 3 {
				interval = 100 * time.Millisecond
			}
			s := newStations(t, "director", wire.version, interval, append(wire.options, "garp_master_delay 1")...)
			router := s.list[0]
			router.start()
			s.untilAlone(0, 15*time.Second)
			time.Sleep(1500 * time.Millisecond) // more advertisements, and the repeated ARP
			router.terminate()
			capture := router.host.Capture("eth0")
			decodeWithTcpdump(t, capture, pair.DirectorAddress(0), wire.version)

			advertisements := tshark(t, capture, "vrrp", "ip.src", "ip.ttl", "ip.checksum.status", "vrrp.version",
				"vrrp.checksum.status", "vrrp.addr_count", "vrrp.ip_addr")
			if len(advertisements) < 3 {
				t.Errorf("tshark sees %d advertisements", len(advertisements))
			}
			const good = "1"
			want := fmt.Sprintf("%s 255 %s %d %s 1 %s", pair.DirectorAddress(0), good, wire.version, good, pair.VIP)
			for _, got := range advertisements {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("an advertisement, as tshark reads it (-want +got):\n%s", diff)
				}
			}
			mac := router.host.HardwareAddr("eth0").String()
			announced := tshark(t, capture, "arp", "eth.src", "eth.dst", "arp.isgratuitous", "arp.src.hw_mac",
				"arp.src.proto_ipv4", "arp.dst.proto_ipv4")
			if len(announced) < 10 {
				t.Errorf("tshark sees %d gratuitous ARP packets, want five at once and five later", len(announced))
			}
			for _, got := range announced {
				if want := fmt.Sprintf("%s ff:ff:ff:ff:ff:ff 1 %[1]s %[2]s %[2]s", mac, pair.VIP); got != want {
					t.Errorf("an ARP packet, as tshark reads it: %q, want %q", got, want)
				}
			}
		})
	}
}

// tshark reads the packets of a capture that a filter lets through, one line
// of fields for each. What it finds odd about any of them is an error.
func tshark(t *testing.T, c *lab.Capture, filter string, fields ...string) []string {
	t.Helper()
	c.Flush()
	argv := []string{"-n", "-r", c.Path, "-Y", filter, "-o", "ip.check_checksum:TRUE", "-T", "fields", "-E", "separator=|",
		"-e", "_ws.expert.message", "-e", "_ws.malformed"}
	for _, field := range fields {
		argv = append(argv, "-e", field)
	}
	out, err := exec.Command("tshark", argv...).Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	var rows []string
	for line := range strings.Lines(string(out)) {
		parts := strings.Split(strings.TrimRight(line, "\n"), "|")
		if parts[0] != "" || parts[1] != "" {
			t.Errorf("tshark finds fault with a packet: %q %q: %v", parts[0], parts[1], parts[2:])
		}
		rows = append(rows, strings.Join(parts[2:], " "))
	}
	return rows
}
