//go:build linux

package native_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/stage"
)

// reporter stands in for the test of a lab that is itself under test.
type reporter struct {
	*testing.T
	ended string
}

func (r *reporter) Failed() bool { return false }

func (r *reporter) Fatalf(format string, args ...any) { r.ended = fmt.Sprintf(format, args...) }

// TestLimitsOfTime: a limit grows by the time that the lab was starved, and by
// nothing else.
func TestLimitsOfTime(t *testing.T) {
	stage.Require(t)
	const limit = 200 * time.Millisecond
	for _, starved := range []time.Duration{0, 10 * time.Second} {
		t.Run(starved.String(), func(t *testing.T) {
			account := filepath.Join(t.TempDir(), "starved")
			write := func(d time.Duration) {
				if err := os.WriteFile(account, fmt.Appendf(nil, "%020d", d), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			write(time.Hour) // what was before does not count
			t.Setenv(lab.StarvedVar, account)
			r := &reporter{T: t}
			l := lab.New(r)
			begun := time.Now()
			write(time.Hour + starved)
			l.Until(limit, "it happens", func() bool { return r.ended != "" || time.Since(begun) > 5*limit })
			if ended := r.ended != ""; ended != (starved == 0) {
				t.Errorf("starved for %v: the test was ended: %q", starved, r.ended)
			}
			if got := l.Starved(begun, time.Now()); got != starved {
				t.Errorf("starved for %v, want %v", got, starved)
			}
		})
	}
}
