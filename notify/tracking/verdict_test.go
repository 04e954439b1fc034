package tracking

import (
	"testing"
	"time"
)

// TestVerdict: results are + and -; the verdict after each is U, D or ?, and
// a changed one is marked with !.
func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		name       string
		rise, fall int
		initFail   bool
		results    string
		want       string
	}{
		{"the first success suffices", 3, 3, false, "++", "U!U"},
		{"the first failure suffices", 3, 3, false, "--", "D!D"},
		{"three failures in a row", 1, 3, false, "+---", "U!UUD!"},
		{"a success between them counts anew", 1, 3, false, "+--+---", "U!UUUUUD!"},
		{"two successes in a row", 2, 1, false, "-+-++", "D!DDDU!"},
		{"init_fail needs all of rise", 2, 1, true, "++", "DU!"},
		{"init_fail and a failure is no news", 2, 1, true, "-", "D"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := newVerdict(tt.rise, tt.fall, tt.initFail)
			got := ""
			for _, r := range tt.results {
				changed := v.result(r == '+')
				switch {
				case !v.known:
					got += "?"
				case v.up:
					got += "U"
				default:
					got += "D"
				}
				if changed {
					got += "!"
				}
			}
			if got != tt.want {
				t.Errorf("after %s: %s, want %s", tt.results, got, tt.want)
			}
		})
	}
}

func TestFollowing(t *testing.T) {
	zero := time.Unix(0, 0)
	at := func(s float64) time.Time { return zero.Add(time.Duration(s * float64(time.Second))) }
	for _, tt := range []struct{ now, want float64 }{{0.1, 2}, {2, 2}, {2.1, 4}, {4, 4}, {9, 10}} {
		if got := following(zero, at(tt.now), 2*time.Second); !got.Equal(at(tt.want)) {
			t.Errorf("after %v s the next start is at %v, want %v s", tt.now, got.Sub(zero), tt.want)
		}
	}
}
