package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/plan"
	"github.com/lvs-director/director/vrrp/track"
)

// TestAbsences: a name that this host does not have takes down what works.
func TestAbsences(t *testing.T) {
	const fault = " to FAULT, and there is a new finding: "
	master := "vrrp_instance outside would go from MASTER" + fault
	backup := "vrrp_instance inside would go from BACKUP" + fault
	grouped := "vrrp_sync_group G {\n    group {\n        outside\n        inside\n    }\n}\n" + running
	file := "track_file tf {\n    file /no/such/file\n    weight 0 reverse\n}\n"
	for _, tc := range []struct {
		name, before, old, new string
		change                 func(*plan.Facts)
		want                   []string
	}{
		{"nothing", "", "", "", nil, nil},
		{"interface", "", "interface eth0", "interface ethO", nil, []string{
			master + "lb.conf:7:5: warning: this host has no interface ethO"}},
		{"address", "", "10.0.0.101/24", "10.0.0.101/24 dev eth9", nil, []string{
			master + "lb.conf:12:9: warning: this host has no interface eth9"}},
		{"a new address", "", "10.0.0.101/24", "10.0.0.101/24\n10.0.0.102/24 dev eth9", nil, []string{
			master + "lb.conf:13:1: warning: this host has no interface eth9"}},
		{"an address that is not tracked", "", "10.0.0.101/24", "10.0.0.101/24 dev eth9 no_track", nil, nil},
		{"route", "", "interface eth1", "interface eth1\nvirtual_routes {\n10.9.0.0/16 dev eth9\n}", nil, []string{
			backup + "lb.conf:25:1: warning: this host has no interface eth9"}},
		{"tracked", "", "interface eth1", "interface eth1\ntrack_interface {\neth9\n}", nil, []string{
			backup + "lb.conf:25:1: warning: this host has no interface eth9"}},
		{"tracked with a weight", "", "interface eth1", "interface eth1\ntrack_interface {\neth9 weight -10\n}", nil, nil},
		{"source", "", "interface eth1", "interface eth1\nunicast_src_ip 10.1.0.9\nunicast_peer {\n10.1.0.3\n}",
			nil, []string{
				backup + "lb.conf:24:1: warning: this host has no address 10.1.0.9"}},
		{"a source that is there", "", "interface eth1",
			"interface eth1\nunicast_src_ip 10.1.0.2\nunicast_peer {\n10.1.0.3\n}", nil, nil},
		{"the file of a tracker", "", "vrrp_script web {", file + "vrrp_script web {", nil, nil},
		{"a tracked file", "", "interface eth1", "interface eth1\ntrack_file {\ntf\n}", func(f *plan.Facts) {
			f.Host.Trackers[track.Key{Kind: event.TrackFile, Name: "tf"}] = event.TrackerState{
				Kind: event.TrackFile, Name: "tf", Up: true, Reason: "counts as 0: open /no/such/file: no such file or directory"}
		}, []string{
			backup + "lb.conf:2:5: warning: track_file tf counts as 0: open /no/such/file: no such file or directory"}},
		{"the fault of one is that of its group", grouped, "10.0.0.101/24", "10.0.0.101/24 dev eth9", nil, []string{
			master + "lb.conf:18:9: warning: this host has no interface eth9",
			backup + "lb.conf:18:9: warning: this host has no interface eth9"}},
		{"it was so before", strings.Replace(running, "10.0.0.101/24", "10.0.0.101/24 dev eth9", 1), "priority 150",
			"priority 140", nil, nil},
		{"in FAULT already", "", "interface eth0", "interface ethO", func(f *plan.Facts) {
			f.Instances["outside"] = event.Fault
		}, nil},
		{"interfaces that come later", "global_defs {\n    dynamic_interfaces\n}\n" + running, "interface eth0",
			"interface ethO", nil, nil},
		{"a link that is down", "", "interface eth0", "interface eth2", nil, nil},
		{"the host is not known", "", "interface eth0", "interface ethO", func(f *plan.Facts) { f.Host = nil }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := running
			if tc.before != "" {
				before = tc.before
			}
			after := strings.Replace(before, tc.old, tc.new, 1)
			if tc.name == "a tracked file" {
				after = file + after
			}
			f := onHost(t)
			if tc.change != nil {
				tc.change(&f)
			}
			var got []string
			for _, a := range plan.Absences(loaded(t, before), loaded(t, after), f.Host, f.Instances) {
				got = append(got, a.String())
			}
			slices.Sort(got)
			slices.Sort(tc.want)
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}
