package table_test

import (
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
)

// TestPathOfOverflow: ovf passes a real server by that has more connections than its weight. A connection that a
// silent real server does not answer counts for a minute: with the weight 1 the third check would be refused by
// IPVS itself, and tell nothing of the real server.
func TestPathOfOverflow(t *testing.T) {
	for scheduler, least := range map[string]int{"ovf": 1000, "rr": 1, "mh": 1} {
		vs := web(scheduler, "10.1.0.1:80")
		vs.RealServers[0].Weight = 0 // for clients
		vs.RealServers[0].Checkers = []conf.Checker{{AsClient: true, FWMark: conf.FirstCheckMark}}
		paths := table.Paths([]*conf.VirtualServer{vs})
		if len(paths) != 1 || len(paths[0].RealServers) != 1 {
			t.Fatalf("%s: %+v", scheduler, paths)
		}
		if w := paths[0].RealServers[0].Weight; w < least {
			t.Errorf("%s: the way of the checks has weight %d, want %d at least", scheduler, w, least)
		}
	}
}
