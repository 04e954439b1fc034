package tracking

import (
	"cmp"
	"context"
	"reflect"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/program"
)

// scriptWatch returns the watch of a script: the present one when it runs the same
// program at the same interval, otherwise a new one. What is known is kept when
// only the interval has changed.
func (t *Trackers) scriptWatch(k id, c *conf.TrackScript, g conf.Global) *watch {
	cmd := program.Of(c.Script, g)
	cmd.Timeout = cmp.Or(c.Timeout, c.Interval)
	old := t.watches[k]
	if old != nil && old.script.Interval == c.Interval && reflect.DeepEqual(old.cmd, cmd) && !old.state.Ignored {
		old.script = c
		old.limits(c.Rise, c.Fall)
		return old
	}
	w := &watch{id: k, script: c, cmd: cmd, verdict: newVerdict(c.Rise, c.Fall, c.InitFail)}
	w.state = event.TrackerState{Kind: k.kind, Name: k.name, Since: time.Now()}
	if err := t.check(cmd); err != nil {
		// As with keepalived this causes no failover.
		w.state.Ignored, w.known = true, true
		w.state.Reason = err.Error()
		t.log.Error("failed to run a tracking script: it has no effect", "name", k.name, "error", err)
		return w
	}
	if old != nil && reflect.DeepEqual(old.cmd.Argv, cmd.Argv) && old.known && !old.state.Ignored {
		w.verdict, w.state, w.known = old.verdict, old.state, true
		w.limits(c.Rise, c.Fall)
		return w
	}
	if c.InitFail {
		w.state.Reason, w.known = "init_fail", true
	}
	return w
}

// repeat runs a script at its interval, counted from start to start. A run that
// takes longer skips the runs it was in the way of.
func (t *Trackers) repeat(ctx context.Context, w *watch, interval time.Duration, cmd program.Command) {
	next := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		w.runs.Store(true)
		exit := t.runner.Run(ctx, cmd, nil)
		w.runs.Store(false)
		if ctx.Err() != nil {
			return
		}
		select {
		case t.results <- Result{watch: w, ok: exit.OK(), reason: exit.String(), output: exit.Output, at: time.Now()}:
		case <-ctx.Done():
			return
		}
		next = following(next, time.Now(), interval)
		timer.Reset(time.Until(next))
	}
}

// following returns the first start after now in steps of interval from last.
func following(last, now time.Time, interval time.Duration) time.Time {
	next := last.Add(interval)
	if late := now.Sub(next); late > 0 {
		next = next.Add((late + interval - 1) / interval * interval)
	}
	return next
}
