package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What nobody may overlook is not what merely differs.
func TestWhatIsSaidOfTheConfiguration(t *testing.T) {
	now := time.Unix(1000, 0)
	soon := now.Add(4*time.Minute + 30*time.Second)
	for name, tc := range map[string]struct {
		state              configState
		attention, remarks []string
	}{
		"the file runs": {configState{Config: "a.conf"}, nil, nil},
		"another file": {configState{Config: "a.conf", FileDiffers: true}, nil,
			[]string{"a.conf differs from what runs: director plan shows how, director reload applies it"}},
		"a broken file": {configState{Config: "a.conf", FileDiffers: true, FileErrors: 2}, nil,
			[]string{"a.conf differs from what runs, and has 2 errors: director check shows them"}},
		"a fall-back": {configState{Config: "a.conf", Number: 7, Fallback: "a.conf has 2 errors"},
			[]string{"NOT a.conf BUT AN EARLIER CONFIGURATION RUNS (NUMBER 7 OF THE HISTORY): a.conf has 2 errors"}, nil},
		"not confirmed": {configState{ConfirmUntil: &soon},
			[]string{"the configuration is not confirmed: the one before comes back in 4m30s unless you type: director confirm"}, nil},
		"no history": {configState{HistoryError: "read-only"}, nil, []string{"no history is kept: read-only"}},
	} {
		if diff := cmp.Diff(tc.attention, tc.state.attention(now)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(tc.remarks, tc.state.remarks()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	var b strings.Builder
	r := statusReport{configState: configState{Config: "a.conf", Digest: strings.Repeat("ab", 32), Fallback: "x", FileDiffers: true}}
	printStatus(&b, r, now)
	if !strings.Contains(b.String(), "digest abababababab\n! ATTENTION: NOT a.conf") || !strings.Contains(b.String(), "\n- a.conf differs") {
		t.Error(b.String())
	}
	if r.exitStatus() != exitDegraded {
		t.Error("a fall-back is no degradation")
	}
}

func TestConfirmationTimes(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "5m": 5 * time.Minute, "24h": 24 * time.Hour, "25h": -1, "-1s": -1, "0s": -1, "5": -1, "soon": -1} {
		o, err := reloadRequest{Confirm: text}.order()
		if (err != nil) != (want < 0) || err == nil && o.confirm != want {
			t.Errorf("%q: %v, %v", text, o.confirm, err)
		}
	}
}
