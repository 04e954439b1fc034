package doctor_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/doctor"
)

// TestAnnounced: what keeps several active directors from carrying each other's flows.
func TestAnnounced(t *testing.T) {
	const announce = "announce edge {\n virtual_ipaddress {\n 203.0.113.100\n }\n}\n"
	at := func(scheduler string) string {
		return "virtual_server 203.0.113.100 80 {\n lb_algo " + scheduler + "\n lb_kind DR\n protocol TCP\n" +
			" real_server 10.0.0.2 80 {\n }\n}\n"
	}
	on := func(device string) []doctor.Interface {
		return []doctor.Interface{{Name: device, Addresses: []netip.Prefix{netip.MustParsePrefix("203.0.113.100/32")}}}
	}
	settings := func(value string) map[string]string {
		return map[string]string{"net.ipv4.vs.schedule_icmp": value, "net.ipv4.vs.sloppy_tcp": value}
	}
	for name, tc := range map[string]struct {
		config string
		facts  doctor.Facts
		want   []string
	}{
		"all well": {announce + at("mh\n mh-port"), doctor.Facts{Interfaces: on("announce0"), Settings: settings("1")}, nil},
		"on lo": {announce + at("mh\n mh-port"), doctor.Facts{Interfaces: on("lo")},
			[]string{"error announced-place"}},
		"wlc":       {announce + at("wlc"), doctor.Facts{}, []string{"warning announced-scheduler"}},
		"addresses": {announce + at("mh"), doctor.Facts{}, []string{"warning announced-mh-port"}},
		"settings": {announce + at("mh\n mh-port"), doctor.Facts{Settings: settings("0")},
			[]string{"warning announced-schedule-icmp", "warning announced-sloppy-tcp"}},
		"not announced": {at("wlc"), doctor.Facts{Interfaces: on("lo"), Settings: settings("0")}, nil},
	} {
		cfg, findings := load.LoadText("t", tc.config, load.Options{})
		if cfg == nil {
			t.Fatalf("%s: %v", name, findings)
		}
		tc.facts.Config = cfg
		var got []string
		for _, f := range doctor.Examine(tc.facts) {
			got = append(got, string(f.Severity)+" "+f.Code)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
