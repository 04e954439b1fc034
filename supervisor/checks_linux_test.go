package supervisor

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/worker"
)

const (
	vs1 = "[192.0.2.10]:tcp:80"
	rs1 = "[10.0.0.3]:tcp:80"
)

// ran is what a worker remembers of a checker of the real server that has run some times.
func ran(checker string, runs uint64, reason string) event.CheckHistory {
	return event.CheckHistory{
		VirtualServer: vs1, RealServer: rs1, Checker: checker, Runs: runs,
		Results: []event.CheckResult{{
			VirtualServer: vs1, RealServer: rs1, Checker: checker, Reason: reason, At: time.Now(), Took: time.Millisecond,
		}},
	}
}

// remembers has the lvs worker remember these checks.
func (r *rig) remembers(list ...event.CheckHistory) {
	r.t.Helper()
	text, err := json.Marshal(list)
	if err != nil {
		r.t.Fatal(err)
	}
	r.does(worker.LVS, remembers, string(text))
}

func (r *rig) checks(name string) (report control.ChecksReport) {
	r.t.Helper()
	r.ask(http.MethodPost, "/v1/checks", control.ChecksRequest{Name: name}, &report)
	return report
}

// answeredChecks asks until the worker has answered in time: this machine may be slow.
func (r *rig) answeredChecks(name string) (report control.ChecksReport) {
	r.t.Helper()
	r.until("the results of checks come", func() bool { report = r.checks(name); return report.Error == "" })
	return report
}

// asksNothing waits until no question is open: one that was answered takes no memory.
func (r *rig) asksNothing() {
	r.t.Helper()
	r.until("no question is open", func() (none bool) {
		err := r.s.do(context.Background(), func() { none = len(r.s.asking.open) == 0 })
		return err == nil && none
	})
}

// TestChecksOfAName: the worker is asked for what people may mean by it, and all parts of
// its answer are shown, in order.
func TestChecksOfAName(t *testing.T) {
	t.Parallel()
	r := running(t, service)
	r.remembers(ran("TCP_CHECK b", 7, "connection refused"), ran("HTTP_GET a", 3, "no"), ran("TCP_CHECK c", 1, "ok"))
	for name, tc := range map[string]struct{ virtual, real string }{
		vs1:             {vs1, ""},
		"192.0.2.10":    {vs1, ""},
		"192.0.2.10:80": {vs1, ""},
		rs1:             {vs1, rs1},
		"10.0.0.3":      {vs1, rs1},
	} {
		report := r.answeredChecks(name)
		var got []string
		for _, c := range report.Checkers {
			got = append(got, c.Checker)
		}
		if strings.Join(got, ", ") != "HTTP_GET a, TCP_CHECK b, TCP_CHECK c" {
			t.Errorf("%s: the checkers are %q", name, got)
		} else if c := report.Checkers[1]; c.Runs != 7 || len(c.Results) != 1 || c.Results[0].Reason != "connection refused" {
			t.Errorf("%s: the second checker is %+v", name, c)
		}
		asked := r.toldOf(worker.LVS, "ask")
		q := asked[len(asked)-1].Asked
		if strings.Join(q.VirtualServers, " ") != tc.virtual || strings.Join(q.RealServers, " ") != tc.real || q.Latest {
			t.Errorf("%s: the worker was asked for %+v", name, q)
		}
	}
	r.asksNothing()
	before := len(r.toldOf(worker.LVS, "ask"))
	if report := r.checks("10.0.0.33"); report.Error != "" || len(report.Checkers) != 0 {
		t.Errorf("of a name that nothing has: %+v", report)
	}
	if n := len(r.toldOf(worker.LVS, "ask")); n != before {
		t.Error("the worker is asked for what there is not, which means for everything")
	}
}

// TestChecksThatNobodyAnswers: who asks is told so, soon, and never half an answer.
func TestChecksThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	half := func(r *rig) {
		r.remembers(ran("a", 1, ""), ran("b", 1, ""))
		r.does(worker.LVS, halfway, "")
	}
	for name, tc := range map[string]struct {
		spoil func(r *rig)
		want  string
	}{
		"no answer":   {func(*rig) {}, "does not answer within 300ms"},
		"half of one": {half, "does not answer within 300ms"},
		"half of one, and it dies": {func(r *rig) {
			half(r)
			r.does(worker.LVS, diesAsked, "")
		}, "does not answer within 300ms"},
		"no worker": {func(r *rig) {
			r.does(worker.LVS, dies, "")
			kill(r.t, r.awaitTold(worker.LVS, "started", 1).Pid)
			r.until("it does not run", func() bool { return strings.Contains(r.log.String(), "worker died") })
		}, "the lvs worker does not"}, // run, or answer before it dies
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := running(t, service)
			tc.spoil(r)
			report := r.checks("192.0.2.10")
			wants(t, report.Error, tc.want)
			if len(report.Checkers) != 0 {
				t.Errorf("the answer has %+v", report.Checkers)
			}
			// The next one who asks gets his own answer, and all of it.
			for _, what := range []string{halfway, diesAsked, dies} {
				_ = os.Remove(behaviour(r.opts.RunDir, worker.LVS, what)) // most are not there
			}
			r.remembers(ran("c", 1, ""))
			r.until("the worker answers again", func() bool {
				report = r.checks("192.0.2.10")
				return report.Error == "" && len(report.Checkers) == 1 && report.Checkers[0].Checker == "c"
			})
		})
	}
}

// TestChecksOfAClientThatGivesUp: an answer that comes later is nobody's, and harms nobody.
func TestChecksOfAClientThatGivesUp(t *testing.T) {
	t.Parallel()
	r := running(t, service)
	c, err := net.Dial("unix", r.opts.RunDir.Control())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte(post("/v1/checks", `{"name":"192.0.2.10"}`))); err != nil {
		t.Fatal(err)
	}
	id := r.awaitTold(worker.LVS, "ask", 1).Asked.ID
	c.Close()
	r.until("its question is forgotten", func() (forgotten bool) {
		err := r.s.do(context.Background(), func() { forgotten = r.s.asking.open[id] == nil })
		return err == nil && forgotten
	})
	late := worker.Message{CheckHistory: &worker.CheckHistory{
		ID: id, Last: true, List: []event.CheckHistory{ran("late", 1, "")},
	}}
	r.says(worker.LVS, late, late) // and a second last part
	r.remembers(ran("own", 1, ""))
	if report := r.answeredChecks("192.0.2.10"); len(report.Checkers) != 1 || report.Checkers[0].Checker != "own" {
		t.Errorf("the answer is %+v", report)
	}
	if n := len(r.toldOf(worker.LVS, "started")); n != 1 {
		t.Errorf("the lvs worker was started %d times", n)
	}
}

// TestStatusHasTheLatestChecks, which no worker tells while they change nothing.
func TestStatusHasTheLatestChecks(t *testing.T) {
	t.Parallel()
	r := running(t, service)
	r.says(worker.LVS, worker.Message{Check: &ran("TCP_CHECK", 1, "as it was told").Results[0]})
	lastCheck := func() string {
		if c := r.status().VirtualServers[0].RealServers[0].LastCheck; c != nil {
			return c.Reason
		}
		return ""
	}
	r.until("status has what was told", func() bool { return lastCheck() == "as it was told" })
	r.remembers(ran("TCP_CHECK", 2, "as it is remembered"))
	r.until("status has what is remembered", func() bool { return lastCheck() == "as it is remembered" })
}

// TestAReplacedWorkerKnowsTheChecks of the one before, or what that told when it cannot
// give a whole answer.
func TestAReplacedWorkerKnowsTheChecks(t *testing.T) {
	t.Parallel()
	const tcp, ping = "TCP_CHECK 10.0.0.3:80", "PING_CHECK 10.0.0.3"
	checked := strings.Replace(service, " weight 1\n", " weight 1\n TCP_CHECK {\n }\n PING_CHECK {\n }\n", 1)
	both := func(r *rig) { r.remembers(ran(tcp, 40, "remembered"), ran(ping, 50, "remembered")) }
	half := func(r *rig) {
		both(r)
		r.does(worker.LVS, halfway, "")
	}
	for name, tc := range map[string]struct {
		spoil func(r *rig)
		runs  uint64 // of both checkers together
	}{
		"it answers":    {both, 90},
		"it does not":   {func(*rig) {}, 2},
		"it gives half": {half, 2},
		"it gives half and dies": {func(r *rig) {
			half(r)
			r.does(worker.LVS, diesAsked, "")
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := running(t, checked)
			r.says(worker.LVS, worker.Message{Check: &ran(tcp, 1, "told").Results[0]},
				worker.Message{Check: &ran(ping, 1, "told").Results[0]})
			r.until("both are known", func() (both bool) {
				err := r.s.do(context.Background(), func() { both = len(r.s.known.CheckHistories()) == 2 })
				return err == nil && both
			})
			tc.spoil(r)
			r.s.post(func() { r.s.tellRollout(rollout.Replace{Workers: []rollout.Worker{rollout.LVS}}) })
			r.until("it was replaced", func() bool { return strings.Contains(r.log.String(), "worker replaced") })
			r.asksNothing()
			list := r.toldOf(worker.LVS, "configure")
			for _, c := range list[1:] {
				var runs uint64
				for _, h := range c.Checks {
					runs += h.Runs
				}
				if len(c.Checks) != 2 || runs != tc.runs {
					t.Errorf("a new worker was told of %d checkers with %d runs, want 2 with %d", len(c.Checks), runs, tc.runs)
				}
			}
			if len(list) < 2 {
				t.Error("no new worker was told anything")
			}
			const late = "does not tell in time what it remembers of its checks"
			if n := strings.Count(r.log.String(), late); n != len(list)-1 && tc.runs == 2 || n > 0 && tc.runs != 2 {
				t.Errorf("the log says %d times that the answer is missing", n)
			}
		})
	}
}

// Of many checks the answer takes long: of 2000 that have run often there are 40,000 results.
func TestTheTimeForAllResultsGrows(t *testing.T) {
	for checks, want := range map[int]time.Duration{
		0: 300 * time.Millisecond, 1: 300500 * time.Microsecond, 2000: 1300 * time.Millisecond,
		40_000: 1300 * time.Millisecond, 80_000: 2300 * time.Millisecond, 1_000_000: 3 * time.Second,
	} {
		if got := wholePatience(checks); got != want {
			t.Errorf("for %d checks it is %v, want %v", checks, got, want)
		}
	}
}
