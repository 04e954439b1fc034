//go:build linux

package native_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
)

// finding is one of "director doctor --json".
type finding struct{ Severity, Code, Cause, Evidence, Cure string }

// examine asks a host's director what it finds, by code.
func (w *watched) examine(h *lab.Host) map[string]finding {
	w.t.Helper()
	out, _ := w.ask(h, "doctor", "--json") // 1 and 2 mean findings
	var report struct{ Findings []finding }
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		w.t.Fatalf("director doctor --json: %v\n%s", err, out)
	}
	found := make(map[string]finding)
	for _, f := range report.Findings {
		w.Logf("%s: %s %s: %s; %s; cure: %s", h.Name, f.Severity, f.Code, f.Cause, f.Evidence, f.Cure)
		if other, there := found[f.Code]; there {
			f.Cause += "; " + other.Cause
			f.Evidence += "; " + other.Evidence
		}
		found[f.Code] = f
	}
	return found
}

// peer is a block for another director, with the key that a test's directors have.
func (w *watched) peer(address string) string {
	w.t.Helper()
	w.director.Named = true
	key := filepath.Join(w.a.Dir(), "peer.key")
	if err := os.WriteFile(key, []byte("hex:"+strings.Repeat("5a", 32)+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprintf("peer %s {\n    key file:%s\n}\n", address, key)
}

// says checks that a finding is there and names what was seen.
func says(t *testing.T, found map[string]finding, code, severity string, words ...string) {
	t.Helper()
	f, there := found[code]
	if !there || f.Severity != severity {
		t.Errorf("found %v, want %s %s", found, severity, code)
		return
	}
	for _, word := range words {
		if text := f.Cause + "; " + f.Evidence + "; " + f.Cure; !strings.Contains(text, word) {
			t.Errorf("%s does not name %q: %s", code, word, text)
		}
	}
}

// surveyed are the codes that a healthy pair must not have.
var surveyed = []string{"duplicate-address", "two-masters", "multicast-lost", "path-mtu", "tunnel-mtu",
	"asymmetric-path"}

func healthy(t *testing.T, found map[string]finding) {
	t.Helper()
	for _, code := range surveyed {
		if f, there := found[code]; there {
			t.Errorf("found on a healthy pair: %+v", f)
		}
	}
}

// TestDoctorFindsDuplicates: a host that is no router has the virtual addresses of the pair too, in both families.
// The questions of the doctor change nothing on it, and claim nothing.
func TestDoctorFindsDuplicates(t *testing.T) {
	t.Parallel()
	w := watch(t)
	const vip6 = "2001:db8::10"
	for _, h := range []*lab.Host{w.a, w.b, w.c} {
		h.Run("ip", "address", "add", "2001:db8::"+h.Name+"/64", "dev", "eth0", "nodad")
	}
	six := instance("VI_6", 52, 150, "eth0", vip6+"/64")
	// The MASTER of a virtual MAC has two hardware addresses, and is one host.
	six += instance("VI_MAC", 53, 150, "eth0", "192.0.2.20/24", "use_vmac")
	w.startPair(base(150)+six, base(100)+strings.ReplaceAll(six, "priority 150", "priority 100"))
	w.Until(15*time.Second, "a has the IPv6 address", func() bool { return w.a.HasAddress("eth0", vip6) })
	healthy(t, w.examine(w.a))
	healthy(t, w.examine(w.b))

	w.c.Run("ip", "address", "add", frontVIP+"/32", "dev", "eth0")
	w.c.Run("ip", "address", "add", vip6+"/128", "dev", "eth0", "nodad")
	asked := time.Now()
	mac := w.c.HardwareAddr("eth0").String()
	says(t, w.examine(w.a), "duplicate-address", "error", "eth0", mac)
	says(t, w.examine(w.b), "duplicate-address", "error", mac, w.a.HardwareAddr("eth0").String())
	probes := 0
	for _, p := range w.c.Capture("eth0").Packets(asked) {
		f := p.Frame
		if len(f) >= 42 && f[12] == 0x08 && f[13] == 0x06 && f[21] == 1 && !p.Outgoing &&
			string(f[38:42]) == "\xc0\x00\x02\x0a" {
			if probes++; string(f[28:32]) != "\x00\x00\x00\x00" {
				t.Errorf("a request for the virtual address names a sender: % x", f)
			}
		}
	}
	if probes == 0 {
		t.Error("no ARP probe was seen")
	}
	if got := w.c.Run("ip", "address", "show", "dev", "eth0"); strings.Contains(got, "dadfailed") {
		t.Errorf("the other host lost an address:\n%s", got)
	}
}

// TestDoctorFindsSnooping: a switch that snoops multicast without a querier passes no advertisement any more, so
// that both directors are MASTER, while unicast goes on.
func TestDoctorFindsSnooping(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.startPair(base(150)+w.peer("192.0.2.252"), base(100)+w.peer("192.0.2.251"))
	w.Until(20*time.Second, "the directors talk to each other", func() bool {
		text, _ := w.ask(w.a, "status", "--pair")
		return strings.Contains(text, "MASTER") && strings.Contains(text, "BACKUP")
	})
	healthy(t, w.examine(w.b))
	w.front.Snoop()
	w.Until(takeover, "both are MASTER", func() bool {
		return w.a.HasAddress("eth0", frontVIP) && w.b.HasAddress("eth0", frontVIP)
	})
	w.Until(10*time.Second, "each knows of the other that it is MASTER", func() bool {
		a, _ := w.ask(w.a, "status", "--pair")
		b, _ := w.ask(w.b, "status", "--pair")
		return strings.Count(a, "MASTER") > 1 && strings.Count(b, "MASTER") > 1
	})
	for h, other := range map[*lab.Host]*lab.Host{w.a: w.b, w.b: w.a} {
		found := w.examine(h)
		says(t, found, "multicast-lost", "error", "VI_1", "VRID 51", "224.0.0.18", other.HardwareAddr("eth0").String(),
			"as this one is", "says that it is MASTER", "IGMP")
		says(t, found, "duplicate-address", "error", frontVIP)
	}
}

// TestDoctorFindsMTU: the port of the peer passes smaller packets than the interface, and so does the way through
// which a tunnel goes.
func TestDoctorFindsMTU(t *testing.T) {
	t.Parallel()
	w := watch(t)
	peers := "unicast_peer {\n 192.0.2.%d\n }"
	conf := func(priority int, peer string) string {
		return base(priority, strings.Replace(peers, "%d", peer, 1)) + `
virtual_server 192.0.2.10 80 {
    lb_algo rr
    lb_kind TUN
    protocol TCP
    real_server 198.51.100.254 80 {
    }
}
`
	}
	w.a.Run("ip", "link", "set", "eth1", "mtu", "1600")
	w.back.MTU(1600)
	w.c.Run("ip", "link", "set", "eth1", "mtu", "1600")
	for _, h := range []*lab.Host{w.a, w.b} {
		h.Run("ip", "address", "add", "2001:db8::"+h.Name+"/64", "dev", "eth0", "nodad")
	}
	w.startPair(conf(150, "252")+w.peer("2001:db8::b"), conf(100, "251")+w.peer("2001:db8::a"))
	found := w.examine(w.a)
	delete(found, "module") // of a host without IPVS
	healthy(t, found)
	says(t, w.examine(w.b), "tunnel-mtu", "note", "198.51.100.254", "eth1 has the MTU 1500", "1520")

	w.b.PortMTU("eth0", 1400)
	w.c.PortMTU("eth1", 1500)
	found = w.examine(w.a)
	says(t, found, "path-mtu", "warning", "192.0.2.252 answers a ping of 1400 bytes, and none of 1500",
		"2001:db8::b answers a ping of 1400 bytes, and none of 1500")
	says(t, found, "tunnel-mtu", "warning", "198.51.100.254", "needs 1520", "a ping of 1500 bytes", "none of 1600")
}

// TestDoctorFindsAsymmetricPath: the route to the peer is by another interface than its advertisements, which strict
// reverse path filtering drops.
func TestDoctorFindsAsymmetricPath(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.b.Sysctl("net.ipv4.conf.eth0.rp_filter", "1")
	w.startPair(base(150), base(100))
	healthy(t, w.examine(w.b))
	w.b.Run("ip", "route", "replace", "192.0.2.0/25", "dev", "eth1")
	w.b.Run("ip", "route", "replace", "192.0.2.128/25", "dev", "eth1")
	w.Until(takeover, "b drops what a advertises and takes over", func() bool { return w.b.HasAddress("eth0", frontVIP) })
	says(t, w.examine(w.b), "asymmetric-path", "warning", "eth0", "eth1", "VI_1", "rp_filter")
}
