package tracking

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/program"
)

// failing is a runner whose programs fail.
type failing struct{}

func (failing) Run(context.Context, program.Command, func(int)) program.Exit {
	return program.Exit{Code: 1}
}

// TestResume: what was known stays known: a script that is up is not down
// after its first failure, and a file is not written anew.
func TestResume(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	cfg := &conf.Config{
		Files:   []*conf.TrackFile{{Name: "f", Path: path, Init: true, InitValue: 5, Overwrite: true}},
		Scripts: []*conf.TrackScript{{Name: "s", Script: conf.Script{Argv: []string{"/x"}}, Interval: 1, Rise: 1, Fall: 3}},
		Instances: []*conf.Instance{{
			TrackFiles: []conf.Track{{Name: "f"}}, TrackScripts: []conf.Track{{Name: "s"}},
		}},
	}
	if err := os.WriteFile(path, []byte("7"), 0o600); err != nil {
		t.Fatal(err)
	}
	up := event.TrackerState{Kind: event.TrackScript, Name: "s", Up: true, Reason: "exit status 0"}
	tr := New(Options{Log: slog.New(slog.DiscardHandler), Runner: failing{},
		Check: func(program.Command) error { return nil }})
	tr.Resume(cfg, []State{
		{Kind: event.TrackScript, Name: "s", Decided: true, Up: true, Against: 1, State: up, Known: true},
		{Kind: event.TrackFile, Name: "f", State: event.TrackerState{Kind: event.TrackFile, Name: "f", Up: true, Value: 7},
			Known: true},
		{Kind: event.TrackFile, Name: "gone"},
	})
	if s := tr.States(); len(s) != 2 || s[0] != up {
		t.Errorf("the states are %+v", s)
	}
	failures := 0
	for r := range tr.Results() {
		if s, changed := tr.Take(r); changed {
			if s.Name != "s" || s.Up {
				t.Errorf("told %+v", s)
			}
			break
		} else if r.watch.kind == event.TrackScript {
			failures++
		}
	}
	if failures != 1 {
		t.Errorf("down after %d failures and one before, want the third to decide", failures+1)
	}
	if text, _ := os.ReadFile(path); string(text) != "7" {
		t.Errorf("the file holds %q", text)
	}
	was := tr.Export()
	tr.Stop(t.Context())
	if len(was) != 2 || len(tr.Export()) != 0 {
		t.Errorf("exported %+v", was)
	}
}
