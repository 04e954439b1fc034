package plan_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/plan"
	"github.com/lvs-director/director/vrrp/track"
)

// onHost is a busy director on a host whose eth2 is down.
func onHost(t *testing.T) plan.Facts {
	f := busy(t)
	link := func(up bool, addresses ...string) track.Interface {
		i := track.Interface{Up: up}
		for _, a := range addresses {
			i.Addresses = append(i.Addresses, netip.MustParsePrefix(a))
		}
		return i
	}
	f.Host = &track.Host{
		Interfaces: map[string]track.Interface{
			"eth0": link(true, "10.0.0.1/24"), "eth1": link(true, "10.1.0.2/24"), "eth2": link(false),
		},
		Trackers: map[track.Key]event.TrackerState{
			{Kind: event.TrackScript, Name: "web"}: {Kind: event.TrackScript, Name: "web", Up: true},
		},
	}
	return f
}

// TestAPlanIsTheRulesThemselves: what the new configuration does on this host as
// it is now, with its links, addresses and trackers.
func TestAPlanIsTheRulesThemselves(t *testing.T) {
	const weighted = "interface eth0\n    track_interface {\n        eth2 weight -10\n    }"
	tracking := strings.Replace(running, "interface eth0", weighted, 1)
	for _, test := range []struct {
		name, before string // empty is the running one
		old, new     string
		change       func(*plan.Facts)
		want         []string
	}{
		{"nothing", "", "", "", nil, nil},
		{"an address on no interface", "", "10.0.0.101/24", "10.0.0.101/24 dev eth9", nil, []string{
			"clients: outside goes from MASTER to FAULT: interface eth9 of address 10.0.0.101/24 does not exist: " +
				"its addresses leave this host: 10.0.0.100/24 on eth0, 10.0.0.101/24 on eth0"}},
		{"a bad link is tracked", "", "interface eth1", "interface eth1\n    track_interface {\n        eth2\n    }", nil,
			[]string{
				"clients: inside goes from BACKUP to FAULT: tracked interface eth2 is down: it cannot take over from a peer any " +
					"more",
				"quiet: inside: track_interface eth2 weight 0 is new"}},
		{"a weight becomes 0", tracking, "eth2 weight -10", "eth2", nil, []string{
			"clients: outside goes from MASTER to FAULT: tracked interface eth2 is down: " +
				"its addresses leave this host: 10.0.0.100/24 on eth0, 10.0.0.101/24 on eth0",
			"quiet: outside: track_interface eth2 weight -10 becomes eth2 weight 0"}},
		{"a weight comes", "", "interface eth0", weighted, nil, []string{
			"clients: outside: priority falls from 150 to 140 (interface eth2 is down: -10) while MASTER: its addresses move " +
				"to a peer that has more",
			"quiet: outside: track_interface eth2 weight -10 is new"}},
		{"a link that is not there", "", "interface eth1", "interface eth7", nil, []string{
			"clients: inside (virtual router 52 on eth7) starts in FAULT: interface eth7 does not exist: its addresses do " +
				"not come up here",
			"quiet: inside (virtual router 52 on eth1) is removed; it is BACKUP here, so no address moves"}},
		{"out of FAULT", strings.Replace(tracking, " weight -10", "", 1), "    track_interface {\n        eth2\n    }", "",
			func(f *plan.Facts) {
				f.Instances["outside"] = event.Fault
			}, []string{
				"clients: outside leaves FAULT and takes part in the election again",
				"quiet: outside: track_interface eth2 weight 0 is removed"}},
		{"a new script", "", "vrrp_script web {", "vrrp_script other {\n    script /bin/other\n}\nvrrp_script web {", nil,
			[]string{
				"quiet: vrrp_script other is new"}},
		{"a new script that is tracked", "vrrp_script other {\n    script /bin/other\n}\n" + running, "        web\n",
			"        web\n        other\n", nil, []string{
				"quiet: outside tracks script other, which has no result yet: if it fails, outside goes to FAULT",
				"quiet: outside: track_script other weight 0 is new"}},
		{"a script that fails", "", "router_id lb1", "router_id lb2", func(f *plan.Facts) {
			f.Host.Trackers[track.Key{Kind: event.TrackScript, Name: "web"}] = event.TrackerState{Reason: "exit status 1"}
			f.Instances["outside"] = event.Fault
		}, []string{"quiet: router_id lb1 becomes lb2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := running
			if test.before != "" {
				before = test.before
			}
			after := strings.Replace(before, test.old, test.new, 1)
			if test.old != "" && after == before {
				t.Fatal("nothing was replaced")
			}
			f := onHost(t)
			if test.change != nil {
				test.change(&f)
			}
			got := said(plan.Make(loaded(t, before), loaded(t, after), f))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestAFaultIsThatOfTheGroup.
func TestAFaultIsThatOfTheGroup(t *testing.T) {
	before := running + "vrrp_sync_group both {\n    group {\n        outside\n        inside\n    }\n}\n"
	after := strings.Replace(before, "10.1.0.1/24", "10.1.0.1/24 dev eth2", 1)
	f := onHost(t)
	f.Instances["inside"] = event.Master
	p := plan.Make(loaded(t, before), loaded(t, after), f)
	want := []string{
		"clients: outside goes from MASTER to FAULT: inside of its sync group: interface eth2 of address 10.1.0.1/24 is " +
			"down: " +
			"its addresses leave this host: 10.0.0.100/24 on eth0, 10.0.0.101/24 on eth0",
		"clients: inside goes from MASTER to FAULT: interface eth2 of address 10.1.0.1/24 is down: " +
			"its addresses leave this host: 10.1.0.1/24 on eth1",
	}
	if diff := cmp.Diff(want, said(p)); diff != "" {
		t.Error(diff)
	}
}

// TestSwappedVirtualRouters: an address is said to stay here or to come up, not both.
func TestSwappedVirtualRouters(t *testing.T) {
	before := strings.Replace(running, "interface eth1", "interface eth0", 1)
	after := strings.Replace(before, "virtual_router_id 51", "virtual_router_id 99", 1)
	after = strings.Replace(after, "virtual_router_id 52", "virtual_router_id 51", 1)
	after = strings.Replace(after, "virtual_router_id 99", "virtual_router_id 52", 1)
	for _, inside := range []event.VRRPState{event.Master, event.Backup} {
		f := onHost(t)
		f.Instances["inside"] = inside
		p := plan.Make(loaded(t, before), loaded(t, after), f)
		for _, address := range []string{"10.0.0.100/24", "10.0.0.101/24", "10.1.0.1/24"} {
			var about []string
			for _, l := range said(p) {
				for _, what := range []string{"comes up", "stays here", "leaves this host"} {
					if strings.Contains(l, address) && strings.Contains(l, what) {
						about = append(about, l)
					}
				}
			}
			if len(about) > 1 || inside == event.Master && (len(about) != 1 || !strings.Contains(about[0], "stays here")) {
				t.Errorf("%s with inside %s: %q", address, inside, about)
			}
		}
	}
}

// TestAgainstKernelEvaluates: taking over from keepalived on a host that lacks
// something.
func TestAgainstKernelEvaluates(t *testing.T) {
	f := onHost(t)
	delete(f.Host.Interfaces, "eth1")
	p := plan.AgainstKernel(loaded(t, running), f)
	want := "inside (virtual router 52 on eth1) starts in FAULT: interface eth1 does not exist"
	if len(p.Clients) == 0 || p.Clients[0] != want {
		t.Errorf("%q, want %q", p.Clients, want)
	}
}
