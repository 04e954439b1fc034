package table_test

import (
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

// The standing of a real server is asked for several times at each change, for forty thousand of
// them when a table is filled: it leaves no garbage behind.
func TestStandingAllocatesNothing(t *testing.T) {
	vs := web("wlc", "10.1.0.1:80", "10.1.0.2:80")
	rs := vs.RealServers[0]
	f := &table.Facts{
		Verdicts: table.Verdicts{rs.Key: {Told: true, Up: true, Checked: true, Weight: 7}},
		Hands:    map[conf.ServerKey]int{at("10.1.0.2:80"): 3},
	}
	var got [2]table.Standing
	n := testing.AllocsPerRun(100, func() {
		for i, rs := range vs.RealServers {
			got[i] = f.Of(vs, rs, rs.Key)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
	if got[0].Weight != 7 || got[0].Source != event.WeightChecked || got[1].Weight != 3 ||
		got[1].Source != event.WeightKernel {
		t.Errorf("%+v, want what the check asks for and what was set by hand", got)
	}
}
