package table_test

import (
	"testing"

	"github.com/lvs-director/director/virtualserver/table"
)

// The kernel changes lengths that it does not take: then the daemon runs as wanted.
func TestDaemonRuns(t *testing.T) {
	for _, c := range []struct {
		role       table.DaemonRole
		want, have int
		runs       bool
	}{
		{table.SyncBackup, 500, 1024, true},
		{table.SyncBackup, 1472, 1472, true},
		{table.SyncMaster, 500, 500, true},
		{table.SyncMaster, 500, 1024, false},
		{table.SyncMaster, 65535, 65507, true},
		{table.SyncBackup, 1472, 1500, false},
		{table.SyncMaster, 0, 1472, true},
	} {
		want := table.Daemon{Role: c.role, Interface: "eth1", MaxLen: c.want}
		have := table.Daemon{Role: c.role, Interface: "eth1", MaxLen: c.have}
		if want.Runs(have) != c.runs {
			t.Errorf("%s: %d wanted, %d there: runs %t", c.role, c.want, c.have, !c.runs)
		}
	}
}
