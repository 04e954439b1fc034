package checkers_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// A check is not taken for frozen before its total_timeout is over: its verdict counts.
func TestTotalTimeoutIsNotFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(func(probe.Target) probe.Result {
			return probe.Result{Reason: "the answer is not complete within 5m0s (total_timeout)"}
		})
		l.took = 5 * time.Minute // total_timeout is over
		c := tcpChecker()
		c.Kind, c.TotalTimeout, c.Retries = conf.HTTPGet, 5*time.Minute, 0
		c.HTTP = &conf.HTTPCheck{URLs: []conf.HTTPURL{{Path: "/"}}}
		l.Apply(config([]conf.Checker{c}), nil)
		pause(30 * time.Minute)
		l.Close()
		e := l.events[len(l.events)-1]
		if e.Verdict() != event.Dead {
			t.Errorf("verdict %v up %v cancelled %d: %v", e.Verdict(), e.Up, l.cancelled, e.Unknown)
		}
	})
}
