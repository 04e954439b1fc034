package traffic_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/integration/traffic"
)

// requests makes one request every 20 ms from zero on, with the outcomes in
// the order given, each answered after 5 ms by rs1.
func requests(zero time.Time, outcomes ...traffic.Outcome) []traffic.Request {
	var list []traffic.Request
	for i, o := range outcomes {
		r := traffic.Request{Start: zero.Add(time.Duration(i) * traffic.Pace), Took: 5 * time.Millisecond, Outcome: o}
		if o == traffic.Answered {
			r.Server = "rs1"
		}
		list = append(list, r)
	}
	return list
}

func TestSummaryCountsFailuresAndFindsTheGap(t *testing.T) {
	zero := time.Unix(1000, 0)
	list := requests(zero, traffic.Answered, traffic.Reset, traffic.NoAnswer, traffic.Answered, traffic.Answered)

	got := traffic.Summarize(list, zero, zero.Add(100*time.Millisecond))

	if got.Sent != 5 || got.Failed != 2 || got.Outcomes[traffic.Reset] != 1 || got.Servers["rs1"] != 3 {
		t.Errorf("summary %+v, want 5 sent, 2 failed, 1 reset, 3 by rs1", got)
	}
	if got.LongestGap != 60*time.Millisecond || !got.GapStart.Equal(zero.Add(5*time.Millisecond)) {
		t.Errorf("gap %v from %v, want 60 ms from the first answer", got.LongestGap, got.GapStart.Sub(zero))
	}
}

func TestGapReachesToTheEndOfTheStretch(t *testing.T) {
	zero := time.Unix(1000, 0)
	list := requests(zero, traffic.Answered, traffic.NoAnswer, traffic.NoAnswer)

	got := traffic.Summarize(list, zero, zero.Add(time.Second))

	if got.LongestGap != 995*time.Millisecond {
		t.Errorf("gap %v, want 995 ms: nothing was answered to the end", got.LongestGap)
	}
}

func TestRequestsOutsideTheStretchDoNotCount(t *testing.T) {
	zero := time.Unix(1000, 0)
	list := requests(zero, traffic.Reset, traffic.Answered, traffic.Answered, traffic.Reset)

	got := traffic.Summarize(list, zero.Add(15*time.Millisecond), zero.Add(50*time.Millisecond))

	if got.Sent != 2 || got.Failed != 0 {
		t.Errorf("%d sent, %d failed; want 2 and none", got.Sent, got.Failed)
	}
}
