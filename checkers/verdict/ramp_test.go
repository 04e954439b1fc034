package verdict_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/lvs-director/director/checkers/verdict"
)

// TestRamp: the steps of a slow start, from the beginning to all of the weight.
func TestRamp(t *testing.T) {
	for _, test := range []struct {
		total time.Duration
		want  []int
	}{
		{0, []int{100}},
		{time.Nanosecond, []int{100}},
		{time.Second, []int{25, 50, 100}},
		{3 * time.Second, []int{16, 33, 66, 100}},
		{time.Minute, []int{5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100}},
		{7*time.Second + 1, []int{7, 14, 28, 42, 57, 71, 85, 100}},
		{math.MaxInt64, []int{5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100}},
	} {
		var got []int
		at := time.Duration(0)
		for range 20 {
			percent, lasts := verdict.Ramp(at, test.total)
			got = append(got, percent)
			if lasts <= 0 {
				break
			}
			at += lasts
		}
		if !slices.Equal(got, test.want) || at != test.total && test.total > 1 {
			t.Errorf("%v: %v until %v, want %v", test.total, got, at, test.want)
		}
	}
	if percent, lasts := verdict.Ramp(-time.Hour, time.Minute); percent != 5 || lasts != 6*time.Second {
		t.Errorf("before its beginning: %d%% for %v", percent, lasts)
	}
	if percent, _ := verdict.Ramp(time.Hour, time.Minute); percent != 100 {
		t.Errorf("long after: %d%%", percent)
	}
}
