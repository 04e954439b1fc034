package control_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/program"
	"github.com/lvs-director/director/supervisor/control"
)

func TestHandoverTimes(t *testing.T) {
	now := time.Unix(1_000_000_000, 0)
	for text, want := range map[string]time.Time{
		"": {}, "10m": now.Add(10 * time.Minute), "720h": now.Add(720 * time.Hour),
	} {
		if got, err := (control.HandoverRequest{For: text}).Until(now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"0s", "-1s", "721h", "10", "soon"} {
		if got, err := (control.HandoverRequest{For: text}).Until(now); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestOutcomes(t *testing.T) {
	for want, o := range map[string]control.HandoverOutcome{
		"VI: remains BACKUP":                                 {Was: event.Backup, Settled: true},
		"VI: remains BACKUP, MASTER is 192.0.2.252":          {Was: event.Backup, Settled: true, Master: "192.0.2.252"},
		"VI: 192.0.2.252 is MASTER after 600ms":              {Was: event.Master, Settled: true, Master: "192.0.2.252"},
		"VI: BACKUP; nobody was heard within 600ms":          {Was: event.Master, State: event.Backup},
		"VI: the handover was ended meanwhile; it is BACKUP": {Ended: true, State: event.Backup},
	} {
		o.Instance, o.After = "VI", 600*time.Millisecond
		if got := control.OutcomeText(o); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestScripts: one that runs has not failed, one that failed says how.
func TestScripts(t *testing.T) {
	at := time.Unix(1_000_000_000, 0)
	got := control.Scripts([]notify.Last{
		{Object: "INSTANCE VI", Script: "notify_master", Running: true, Exit: program.Exit{Argv: []string{"a"}, Started: at}},
		{Object: "INSTANCE VI", Script: "notify", Exit: program.Exit{Argv: []string{"b"}, Started: at, Ended: at, Code: 3}},
		{Object: "INSTANCE VI", Script: "notify_stop", Exit: program.Exit{Argv: []string{"c"}, Started: at, Ended: at}},
	})
	for n, want := range []struct {
		running, failed bool
		result          string
	}{{true, false, ""}, {false, true, "exit status 3"}, {false, false, got[2].Result}} {
		if g := got[n]; g.Running != want.running || g.Failed != want.failed || g.Result != want.result {
			t.Errorf("%+v, want %+v", g, want)
		}
	}
}
