package table_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

func TestTheWeightHasOneOrder(t *testing.T) {
	n := func(w int) *int { return &w }
	all := table.Contributors{Configured: 1, Check: n(20), Operator: n(30), Kernel: n(40)}
	with := func(change func(*table.Contributors)) table.Contributors {
		c := all
		change(&c)
		return c
	}
	for _, test := range []struct {
		name   string
		c      table.Contributors
		weight int
		source event.WeightSource
	}{
		{"configured", table.Contributors{Configured: 3}, 3, event.WeightConfigured},
		{"a checker asks for the configured one", table.Contributors{Configured: 3, Check: n(3)}, 3, event.WeightChecked},
		{"a share while it starts slowly", table.Contributors{Configured: 50, Starting: 10}, 5, event.WeightStarting},
		{"of what a checker asks for", table.Contributors{Configured: 50, Check: n(200), Starting: 33}, 66,
			event.WeightStarting},
		{"at least 1", table.Contributors{Configured: 5, Starting: 10}, 1, event.WeightStarting},
		{"a weight of 1 is all there is", table.Contributors{Configured: 1, Starting: 10}, 1, event.WeightConfigured},
		{"0 stays 0", table.Contributors{Configured: 5, Check: n(0), Starting: 10}, 0, event.WeightChecked},
		{"operator over slow start", table.Contributors{Configured: 50, Starting: 10, Operator: n(30)}, 30,
			event.WeightSet},
		{"operator over check", table.Contributors{Configured: 1, Check: n(20), Operator: n(30)}, 30, event.WeightSet},
		{"by hand over operator", all, 40, event.WeightKernel},
		{"quorum rule", with(func(c *table.Contributors) { c.Aside = true }), 0, event.WeightQuorum},
		{"drain before quorum rule", with(func(c *table.Contributors) { c.Aside, c.Drain = true, true }), 0,
			event.WeightDrained},
		{"checks before all", with(func(c *table.Contributors) { c.Aside, c.Drain, c.Down = true, true, true }), 0,
			event.WeightChecked},
		{"never below 0", table.Contributors{Check: n(-5)}, 0, event.WeightChecked},
		{"never above what the kernel takes", table.Contributors{Operator: n(1 << 40)}, 1<<31 - 1, event.WeightSet},
	} {
		if weight, source := test.c.Combine(); weight != test.weight || source != test.source {
			t.Errorf("%s: %d by %s, want %d by %s", test.name, weight, source, test.weight, test.source)
		}
	}
}

func TestDrainStep(t *testing.T) {
	since := time.Unix(1000, 0)
	for _, test := range []struct {
		name        string
		drain       table.Drain
		after       time.Duration
		connections uint64
		counted     time.Duration
		over        bool
		next        time.Duration // after since; 0 is never
	}{
		{"not counted yet", table.Drain{Timeout: time.Minute}, 0, 0, 0, false, time.Second},
		{"empty", table.Drain{Timeout: time.Minute}, time.Second, 0, time.Second, true, 0},
		{"busy", table.Drain{Timeout: time.Minute}, time.Second, 1, time.Second, false, 2 * time.Second},
		{"near the end", table.Drain{Timeout: 1500 * time.Millisecond}, time.Second, 1, time.Second, false,
			1500 * time.Millisecond},
		{"over", table.Drain{Timeout: time.Minute}, time.Minute, 9, time.Minute, true, 0},
		{"without a limit", table.Drain{}, time.Hour, 1, time.Hour, false, time.Hour + time.Second},
		{"UDP", table.Drain{Timeout: time.Hour, UDP: true}, table.UDPGrace, 9, time.Second, true, 0},
		{"UDP with less", table.Drain{Timeout: time.Second, UDP: true}, time.Second, 9, time.Second, true, 0},
		{"stays", table.Drain{Timeout: time.Second, Stays: true}, time.Hour, 0, time.Hour, false, 0},
	} {
		test.drain.Since = since
		over, next := test.drain.Step(since.Add(test.after), test.connections, since.Add(test.counted))
		var want time.Time
		if test.next > 0 {
			want = since.Add(test.next)
		}
		if over != test.over || !next.Equal(want) {
			t.Errorf("%s: over %v, next %v, want %v, %v", test.name, over, next, test.over, want)
		}
	}
}

func TestWantedDaemons(t *testing.T) {
	s := conf.LVSSync{Interface: "eth1", Instance: "V", ID: 7}
	for state, want := range map[event.VRRPState]table.DaemonRole{
		event.Master: table.SyncMaster, event.Backup: table.SyncBackup, event.Fault: table.SyncBackup, 0: table.SyncBackup,
	} {
		if got := table.WantedDaemons(s, state); len(got) != 1 || got[0].Role != want || got[0].ID != 7 {
			t.Errorf("state %v: %+v", state, got)
		}
	}
	s.Instance = ""
	if got := table.WantedDaemons(s, event.Backup); len(got) != 2 {
		t.Errorf("without inst: %+v", got)
	}
	if got := table.WantedDaemons(conf.LVSSync{}, event.Master); len(got) != 0 {
		t.Errorf("not configured: %+v", got)
	}
}

// The journal is a file: what is in it may be anything.
func FuzzParseNote(f *testing.F) {
	for _, text := range []string{
		"weight tcp 10.0.0.1:80 10.1.0.1:80 5 0", "hand fwmark 5 inet6 [2001:db8::1]:0 7 1",
		"leaving udp 10.0.0.1:53 10.1.0.1:53 1700000000 120", "weight tcp 10.0.0.1:80", "weight", "hand x y z 1 2", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, ok := table.ParseNote(text)
		if !ok {
			return
		}
		if again, ok := table.ParseNote(n.String()); !ok || again != n {
			t.Errorf("%q is %+v, written %q, read back %+v, %v", text, n, n, again, ok)
		}
	})
}
