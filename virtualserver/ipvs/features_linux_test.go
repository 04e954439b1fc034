package ipvs

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
)

// TestFeatures: what a kernel was built with shows in its symbols, or in its
// configuration while IPVS is not loaded.
func TestFeatures(t *testing.T) {
	const with = "0000000000000000 T ip_vs_conn_put\t[ip_vs]\n0000000000000000 t sctp_conn_schedule\t[ip_vs]\n"
	for text, want := range map[string][2]bool{
		with: {true, true},
		"0000000000000000 T ip_vs_conn_put\t[ip_vs]\n":           {false, true},
		"ffffffff81000000 t sctp_conn_schedule\n":                {true, true}, // built in
		"0000000000000000 t xsctp_conn_schedule\t[ip_vs]\nx\n\n": {false, false},
		"": {false, false},
	} {
		if built, known := SCTP.in(strings.NewReader(text)); built != want[0] || known != want[1] {
			t.Errorf("symbols %q: built %v, known %v", text, built, known)
		}
	}
	for text, want := range map[string][2]bool{
		"CONFIG_X=y\nCONFIG_IP_VS_PROTO_SCTP=y\n":            {true, true},
		"CONFIG_X=y\n# CONFIG_IP_VS_PROTO_SCTP is not set\n": {false, true},
		"CONFIG_IP_VS_PROTO_SCTPX=y\n":                       {false, true},
		"<html>nothing of a kernel</html>":                   {false, false},
	} {
		name := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if built, known := SCTP.inConfig(name); built != want[0] || known != want[1] {
			t.Errorf("configuration %q: built %v, known %v", text, built, known)
		}
	}
	if _, known := ESP.inConfig(filepath.Join(t.TempDir(), "absent.gz")); known {
		t.Error("known of a file that is not there")
	}
}

// TestRefusedBeforehand: what the kernel would take and not do is refused, with the
// option or the version that it lacks.
func TestRefusedBeforehand(t *testing.T) {
	key := conf.ServiceKey{Protocol: conf.SCTP, Address: netip.MustParseAddr("192.0.2.1"), Port: 80}
	asked := 0
	f := features{built: func(Feature) (bool, bool) { asked++; return false, true }}
	add := table.Op{Kind: table.NewService, Service: table.Service{Key: key}}
	for range 2 {
		err := f.refuse(add)
		if err == nil || Unanswered(err) || !strings.Contains(err.Error(), "CONFIG_IP_VS_PROTO_SCTP") {
			t.Errorf("SCTP: %v", err)
		}
	}
	if asked != 1 {
		t.Errorf("the kernel was looked at %d times", asked)
	}
	add.Kind = table.DelService
	if err := f.refuse(add); err != nil {
		t.Errorf("removal: %v", err)
	}
	unknown := features{built: func(Feature) (bool, bool) { return false, false }}
	add.Kind = table.NewService
	if err := unknown.refuse(add); err != nil {
		t.Errorf("a kernel of which nothing is known: %v", err)
	}
	gre := table.Op{Kind: table.NewDestination, Destination: table.Destination{Forward: table.Tunnel,
		Tunnel: table.Encapsulation{Type: conf.GRE}}}
	if err := f.refuse(gre); err != nil {
		t.Errorf("GRE: %v", err)
	}
	f.plain = true
	if err := f.refuse(gre); err == nil || Unanswered(err) || !strings.Contains(err.Error(), "gre") {
		t.Errorf("GRE on an old kernel: %v", err)
	}
}

// TestMissingModule: the one module that is missing is named.
func TestMissingModule(t *testing.T) {
	sip := table.Service{Scheduler: "mh", Engine: "sip"}
	for loaded, want := range map[string]string{
		"ip_vs_mh":     "the kernel has no persistence engine sip (modprobe ip_vs_pe_sip)",
		"ip_vs_pe_sip": "the kernel has no scheduler mh (modprobe ip_vs_mh)",
		"": "the kernel has no scheduler mh (modprobe ip_vs_mh) or no persistence engine sip " +
			"(modprobe ip_vs_pe_sip)",
	} {
		if got := missingModule(sip, func(name string) bool { return name == loaded }); got != want {
			t.Errorf("with %s loaded: %s", loaded, got)
		}
	}
}
