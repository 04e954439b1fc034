package verdict_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lvs-director/director/checkers/verdict"
	"github.com/lvs-director/director/conf"
)

const (
	fail    = verdict.Failure
	success = verdict.Success
	unknown = verdict.Unknown

	withdrawal = verdict.Withdrawal

	loop  = 10 * time.Second // delay_loop
	retry = 2 * time.Second  // delay_before_retry
)

// step is one run: what came out and what must follow.
type step struct {
	outcome verdict.Outcome
	up      bool
	next    time.Duration
}

func TestSequences(t *testing.T) {
	plain := verdict.Rules{Retries: 2, RetryDelay: retry, Interval: loop}
	alpha := plain
	alpha.Alpha = true
	rise := plain
	rise.Rise = 3
	none := plain
	none.Retries = 0
	for _, test := range []struct {
		name  string
		rules verdict.Rules
		start bool // up before the first run
		steps []step
	}{
		{"the first failure is enough at the start", plain, true, []step{{fail, false, loop}}},
		{"alpha waits for a success", alpha, false, []step{{fail, false, loop}, {fail, false, loop}, {success, true, loop}}},
		{"retries once it was seen up", plain, true, []step{
			{success, true, loop}, {fail, true, retry}, {fail, true, retry}, {fail, false, loop}}},
		{"a success forgets failures", plain, true, []step{
			{success, true, loop}, {fail, true, retry}, {fail, true, retry}, {success, true, loop},
			{fail, true, retry}, {fail, true, retry}, {fail, false, loop}}},
		{"down is polled without retries, one success is up, with all retries again", plain, true, []step{
			{fail, false, loop}, {fail, false, loop}, {success, true, loop}, {fail, true, retry}, {fail, true, retry},
			{fail, false, loop}}},
		{"no retries", none, true, []step{{success, true, loop}, {fail, false, loop}, {success, true, loop},
			{fail, false, loop}}},
		{"alpha has its retries after the first success", alpha, false, []step{{success, true, loop}, {fail, true, retry}}},
		{"rise: so many successes in a row", rise, true, []step{
			{success, true, loop}, {fail, true, retry}, {success, true, loop}, {withdrawal, false, loop},
			{success, false, loop}, {success, false, loop}, {fail, false, loop}, {success, false, loop},
			{unknown, false, loop}, {success, false, loop}, {success, true, loop}, {fail, true, retry}}},
		{"a withdrawal is not tried again", plain, true, []step{
			{success, true, loop}, {withdrawal, false, loop}, {success, true, loop}, {fail, true, retry},
			{withdrawal, false, loop}}},
		{"what could not be checked changes nothing", plain, true, []step{
			{unknown, true, loop}, {success, true, loop}, {fail, true, retry}, {unknown, true, loop}, {fail, true, retry},
			{fail, false, loop}, {unknown, false, loop}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := verdict.New(test.rules)
			if c.Up != test.start {
				t.Fatalf("starts up=%v, want %v", c.Up, test.start)
			}
			was := c.Up
			for i, s := range test.steps {
				d := c.Step(test.rules, s.outcome)
				if c.Up != s.up || d.Next != s.next || d.Changed != (was != s.up) {
					t.Fatalf("run %d: up=%v %+v, want up=%v next=%v changed=%v", i+1, c.Up, d, s.up, s.next, was != s.up)
				}
				if wantRetry := s.outcome == fail && was && s.up; d.Retrying != wantRetry {
					t.Fatalf("run %d: retrying=%v, want %v", i+1, d.Retrying, wantRetry)
				}
				was = c.Up
			}
		})
	}
}

// TestURLs: one URL a run; a failed one is tried again, and comes up only with all the others.
func TestURLs(t *testing.T) {
	rules := verdict.Rules{Retries: 1, RetryDelay: retry, Interval: loop, URLs: 3}
	fast := rules
	fast.FastRecovery = true
	type run struct {
		url     int
		outcome verdict.Outcome
		up      bool
		next    time.Duration
	}
	for _, test := range []struct {
		name  string
		rules verdict.Rules
		runs  []run
	}{
		{"in turn", rules, []run{{0, success, true, loop}, {1, success, true, loop}, {2, success, true, loop},
			{0, success, true, loop}}},
		{"the failed one again", rules, []run{
			{0, success, true, loop}, {1, fail, true, retry}, {1, success, true, loop}, {2, success, true, loop},
			{0, fail, true, retry}, {0, fail, false, loop}, {0, fail, false, loop}}},
		{"recovery asks all", rules, []run{
			{0, success, true, loop}, {1, fail, true, retry}, {1, fail, false, loop}, {1, success, false, loop},
			{2, success, false, loop}, {0, success, true, loop}, {1, success, true, loop}}},
		{"recovery starts over with a failure", rules, []run{
			{0, fail, false, loop}, {0, success, false, loop}, {1, fail, false, loop}, {1, success, false, loop},
			{2, success, false, loop}, {0, success, true, loop}}},
		{"fast recovery has no pauses", fast, []run{
			{0, fail, false, loop}, {0, success, false, 0}, {1, success, false, 0}, {2, success, true, loop},
			{0, success, true, loop}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := verdict.New(test.rules)
			for i, r := range test.runs {
				if c.URL != r.url {
					t.Fatalf("run %d: URL %d, want %d", i+1, c.URL, r.url)
				}
				if d := c.Step(test.rules, r.outcome); c.Up != r.up || d.Next != r.next {
					t.Fatalf("run %d: up=%v next=%v, want %v %v", i+1, c.Up, d.Next, r.up, r.next)
				}
			}
		})
	}
}

func TestRestoreAndAdopt(t *testing.T) {
	rules := verdict.Rules{Retries: 1, RetryDelay: retry, Interval: loop, Alpha: true}
	up := verdict.Restore(true)
	if d := up.Step(rules, fail); d.Changed || !d.Retrying {
		t.Errorf("a checker that was up keeps its retries: %+v", d)
	}
	down := verdict.Restore(false)
	if d := down.Step(rules, fail); d.Changed || down.Up {
		t.Errorf("a checker that was down stays down: %+v", d)
	}
	for _, alive := range []bool{true, false} {
		c := verdict.Adopt(rules, alive)
		if c.Up != alive {
			t.Errorf("added to a server with alive=%v: up=%v", alive, c.Up)
		}
		if d := c.Step(rules, fail); c.Up || d.Changed != alive || !d.First {
			t.Errorf("added to a server with alive=%v: first failure gives %+v", alive, d)
		}
	}
}

func TestOf(t *testing.T) {
	got := verdict.Of(&conf.Checker{
		Retries: 3, RetryDelay: retry, Interval: loop, Alpha: true,
		HTTP: &conf.HTTPCheck{FastRecovery: true, URLs: make([]conf.HTTPURL, 2)},
	})
	want := verdict.Rules{Retries: 3, RetryDelay: retry, Interval: loop, Alpha: true, URLs: 2, FastRecovery: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
