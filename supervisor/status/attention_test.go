package status_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/status"
)

// What nobody may overlook is not what merely differs.
func TestWhatIsSaidOfTheConfiguration(t *testing.T) {
	now := time.Unix(1000, 0)
	soon := now.Add(4*time.Minute + 30*time.Second)
	for name, tc := range map[string]struct {
		state              control.ConfigState
		attention, remarks []string
	}{
		"the file runs": {control.ConfigState{Config: "a.conf"}, nil, nil},
		"another file": {control.ConfigState{Config: "a.conf", FileDiffers: true}, nil,
			[]string{"a.conf differs from what runs: director plan shows how, director reload applies it"}},
		"a broken file": {control.ConfigState{Config: "a.conf", FileDiffers: true, FileErrors: 2}, nil,
			[]string{"a.conf differs from what runs, and has 2 errors: director check shows them"}},
		"a fall-back": {control.ConfigState{Config: "a.conf", Number: 7, Fallback: "a.conf has 2 errors"},
			[]string{"NOT a.conf BUT AN EARLIER CONFIGURATION RUNS (NUMBER 7 OF THE HISTORY): a.conf has 2 errors"}, nil},
		"not confirmed": {control.ConfigState{ConfirmUntil: &soon},
			[]string{"the configuration is not confirmed: the previous one comes back in 4m30s unless you type: director " +
				"confirm"}, nil},
		"no history": {control.ConfigState{HistoryError: "read-only"}, nil, []string{"no history is kept: read-only"}},
	} {
		if diff := cmp.Diff(tc.attention, status.Attention(tc.state, now)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(tc.remarks, status.Remarks(tc.state)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
