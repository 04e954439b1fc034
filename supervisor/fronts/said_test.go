package fronts

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/worker/front"
)

// TestAProblemBesideAnother: what a front cannot do is in the log, each once, also when it comes right after
// something else that it cannot do.
func TestAProblemBesideAnother(t *testing.T) {
	var log strings.Builder
	k := New(Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	var c complaints
	start := time.Unix(1_700_000_000, 0)
	for second := range 60 {
		problems := []string{"metrics are not served"}
		if second >= 3 {
			problems = append(problems, "the page is not served")
		}
		if second == 5 {
			problems = append(problems, "of a moment")
		}
		c.reported(k, problems, start.Add(time.Duration(second)*time.Second))
	}
	for _, p := range []string{"metrics are not served", "the page is not served"} {
		if n := strings.Count(log.String(), p); n != 1 {
			t.Errorf("%s: %d times in\n%s", p, n, log.String())
		}
	}
	c.reported(k, nil, start.Add(time.Minute))
	if !strings.Contains(log.String(), "does all that is asked for") {
		t.Errorf("that it is over is not said:\n%s", log.String())
	}
}

// TestWrongTokens: who shows the page wrong tokens is an event and a line of the log, which stays short, and
// who is not listened to a problem until that is over.
func TestWrongTokens(t *testing.T) {
	var log strings.Builder
	var told []string
	k := New(Options{
		Log:     slog.New(slog.NewTextHandler(&log, nil)),
		Refused: func(r front.Refused) { told = append(told, RefusedRecord(r).Text) },
	})
	k.Apply(front.Settings{Web: front.Web{Listen: "127.0.0.1:1"}})
	problems := func(at time.Time) string {
		s := k.State()
		return strings.Join(s.lockedOut(at), "\n")
	}
	var w wrongTokens
	start := time.Unix(1_700_000_000, 0)
	w.heard(k, []front.Refused{{From: "192.0.2.7", Times: 2}}, start)
	if len(told) != 1 || told[0] != "192.0.2.7 (2 wrong)" || !strings.Contains(log.String(), told[0]) {
		t.Errorf("told %q, log\n%s", told, log.String())
	}
	if got := problems(start); got != "" {
		t.Errorf("it is a problem already: %s", got)
	}
	until := start.Add(40 * time.Second)
	w.heard(k, []front.Refused{{From: "192.0.2.7", Times: 3, Until: until}}, start.Add(time.Second))
	if got := problems(start.Add(time.Second)); !strings.Contains(got, "no token from 192.0.2.7 until "+
		until.Local().Format(time.TimeOnly)) {
		t.Errorf("the problem: %q", got)
	}
	w.heard(k, []front.Refused{{Until: start.Add(time.Hour)}}, start.Add(2*time.Second)) // a front that lies
	if got := problems(start.Add(3 * time.Second)); !strings.Contains(got, "no token from anybody") {
		t.Errorf("the problem: %q", got)
	}
	if got := problems(start.Add(63 * time.Second)); got != "" {
		t.Errorf("it is not over: %s", got)
	}
	for n := range 1000 {
		at := start.Add(time.Duration(n) * time.Second / 10)
		w.heard(k, []front.Refused{{From: fmt.Sprintf("10.0.%d.%d", n/250, n%250), Times: 1, Until: at.Add(time.Minute)}}, at)
	}
	if lines := strings.Count(log.String(), "\n"); lines > 12 {
		t.Errorf("%d lines of the log in 100 s", lines)
	}
	if got := problems(start.Add(100 * time.Second)); strings.Count(got, "\n") > mostNamed {
		t.Errorf("too many problems:\n%s", got)
	}
}
