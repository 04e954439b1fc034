package track_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/vrrp/track"
)

func TestEvaluate(t *testing.T) {
	type items = []track.Item
	const up, down, unknown, ignored = track.Up, track.Down, track.Unknown, track.Ignored
	file := func(value, weight int, reverse bool) track.Item {
		return track.Item{What: "file f", Status: up, Counted: true, Value: value, Weight: weight, Reverse: reverse}
	}
	for _, tt := range []struct {
		name     string
		priority uint8
		items    items
		want     track.Effect
	}{
		{"nothing tracked", 100, nil, track.Effect{Priority: 100}},
		{"weight 0 and up", 100, items{{Status: up}}, track.Effect{Priority: 100}},
		{"weight 0 and down", 100, items{{What: "interface a", Status: up}, {What: "interface b", Status: down}},
			track.Effect{Fault: "tracked interface b is down", Priority: 100}},
		{"the fault says why", 100, items{{What: "script chk", Status: down, Why: "exit status 1"}},
			track.Effect{Fault: "tracked script chk is down (exit status 1)", Priority: 100}},
		{"weight 0 reverse and up", 100, items{{What: "interface a", Status: up, Reverse: true}},
			track.Effect{Fault: "tracked interface a is up", Priority: 100}},
		{"weight 0 reverse and down", 100, items{{Status: down, Reverse: true}}, track.Effect{Priority: 100}},
		{"positive weight counts while up", 100, items{{Status: up, Weight: 20}, {Status: down, Weight: 3}},
			track.Effect{Priority: 120}},
		{"negative weight counts while down", 100, items{{Status: up, Weight: -20}, {Status: down, Weight: -3}},
			track.Effect{Priority: 97}},
		{"reverse negates: a positive weight is taken off while down", 100,
			items{{Status: up, Weight: 20, Reverse: true}, {Status: down, Weight: 3, Reverse: true}},
			track.Effect{Priority: 97}},
		{"weights add up", 100, items{{Status: up, Weight: 10}, {Status: up, Weight: 5}}, track.Effect{Priority: 115}},
		{"not below 1", 100, items{{Status: down, Weight: -253}}, track.Effect{Priority: 1}},
		{"not above 254", 100, items{{Status: up, Weight: 253}}, track.Effect{Priority: 254}},
		{"the owner's stays", 255, items{{Status: down, Weight: -253}}, track.Effect{Priority: 255}},
		{"an unknown one is waited for", 100, items{{What: "script chk", Status: unknown}},
			track.Effect{Waiting: "waiting for the first result of script chk", Priority: 100}},
		{"not when it has a weight, which does not count yet", 100,
			items{{Status: unknown, Weight: 20}, {Status: unknown, Weight: -20}}, track.Effect{Priority: 100}},
		{"nor a patient one", 100, items{{Status: unknown, Patient: true}}, track.Effect{Priority: 100}},
		{"an ignored one does nothing", 100, items{{Status: ignored}, {Status: ignored, Weight: -20}},
			track.Effect{Priority: 100}},
		{"a file's value times its weight", 100, items{file(3, 7, false), file(-5, 2, false)}, track.Effect{Priority: 111}},
		{"a file reversed", 100, items{file(3, 7, true)}, track.Effect{Priority: 79}},
		{"a file of -254 is a fault", 100, items{file(-127, 2, false)},
			track.Effect{Fault: "tracked file f has the value -127, times 2", Priority: 100}},
		{"a file of -253 is not", 100, items{file(-253, 1, false)}, track.Effect{Priority: 1}},
		{"a huge file value", 1, items{file(math.MaxInt, 254, false)}, track.Effect{Priority: 254}},
		{"a file without weight that is not 0", 100, items{file(1, 0, false)},
			track.Effect{Fault: "tracked file f has the value 1", Priority: 100}},
		{"a file without weight that is 0", 100, items{file(0, 0, false)}, track.Effect{Priority: 100}},
		{"an unknown file is 0", 100, items{{Counted: true}}, track.Effect{Priority: 100}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, track.Evaluate(tt.priority, tt.items)); diff != "" {
				t.Errorf("unexpected effect (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	items := []track.Item{
		{What: "interface a", Status: track.Down, Weight: -30},
		{What: "script b", Status: track.Up, Weight: 5, Why: "exit status 0"},
		{What: "script c", Status: track.Down, Weight: 5},
		{What: "file d", Counted: true, Value: 4, Weight: 2},
		{What: "file e", Counted: true, Value: -10, Weight: 1},
	}
	want := "interface a is down: -30, script b is up (exit status 0): +5, file d has the value 4: +8, file e: -10"
	if got := track.Explain(items); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
