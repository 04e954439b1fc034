package control_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/control"
)

func TestConfirmationTimes(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "5m": 5 * time.Minute, "24h": 24 * time.Hour, "25h": -1,
		"-1s": -1, "0s": -1, "5": -1, "soon": -1} {
		got, err := control.ReloadRequest{Confirm: text}.Wait()
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
