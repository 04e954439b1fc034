package checkers

import (
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// TestTicksAreOfTheMonotonicClock: a check whose time is of the wall clock would wait for an hour
// when that is set back by one.
func TestTicksAreOfTheMonotonicClock(t *testing.T) {
	if at := together(time.Now(), tick); !strings.Contains(at.String(), " m=") {
		t.Errorf("the time of the next run is %v, without the monotonic clock", at)
	} else if at.Nanosecond()%int(tick) != 0 {
		t.Errorf("%v is no tick", at)
	}
}

// TestTick: few checks with long pauses begin together at fewer times, and none is made later or
// earlier by more than a twentieth of its pause.
func TestTick(t *testing.T) {
	for _, test := range []struct {
		pause  time.Duration
		second float64 // checks in one
		want   time.Duration
	}{
		{time.Second, 1, 100 * time.Millisecond},
		{2 * time.Second, 1, 200 * time.Millisecond},
		{5 * time.Second, 100.0001, 500 * time.Millisecond}, // as a sum of five hundred fifths may be
		{time.Hour, 0.1, 500 * time.Millisecond},
		{5100 * time.Millisecond, 100, 100 * time.Millisecond},
		{5 * time.Second, 200.0001, 200 * time.Millisecond},
		{5 * time.Second, 2000, 100 * time.Millisecond},
	} {
		s := Schedule{longest: longestTick(test.second)}
		if got := s.tick(test.pause); got != test.want {
			t.Errorf("a pause of %v, %v checks a second: a tick of %v, want %v", test.pause, test.second, got, test.want)
		}
	}
}

// proberFunc is a prober that is a function.
type proberFunc func(probe.Target, func(probe.Result)) func()

func (f proberFunc) Start(t probe.Target, done func(probe.Result)) func() { return f(t, done) }

// TestRunsKnowWhenTheyWereDue: a run is told the time for which the schedule meant it, which is a tick
// no further than half of one from the end of the run before and delay_loop. So who measures how late
// runs begin measures no rounding: an end just before the middle of two ticks is due at one of them or
// at the other, never a whole tick late.
func TestRunsKnowWhenTheyWereDue(t *testing.T) {
	for _, took := range []time.Duration{time.Millisecond, 49 * time.Millisecond, 51 * time.Millisecond, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			c := conf.Checker{Kind: conf.TCPCheck, ConnectIP: netip.MustParseAddr("10.0.0.2"), ConnectPort: 80,
				Timeout: 5 * time.Second, Interval: 1100 * time.Millisecond} // a tick of a tenth of a second
			var ended time.Time
			runs := 0
			s := New(Options{
				Log: slog.New(slog.DiscardHandler), Rand: rand.New(rand.NewPCG(1, 1)),
				Events: func([]event.RealServerState) {}, Results: func(event.CheckResult) {},
				Prober: proberFunc(func(target probe.Target, done func(probe.Result)) func() {
					if late := time.Since(target.Due); late != 0 {
						t.Errorf("a run began %v after its time on a host with nothing else to do", late)
					}
					if runs++; runs > 1 {
						off := (target.Due.Sub(ended) - c.Interval).Abs()
						if off > tick/2 || target.Due.Nanosecond()%int(tick) != 0 {
							t.Errorf("a run of %v: the next one is due %v off its delay_loop, at %v", took, off, target.Due)
						}
					}
					timer := time.AfterFunc(took, func() {
						ended = time.Now()
						done(probe.Result{OK: true})
					})
					return func() { timer.Stop() }
				}),
			})
			s.Apply(&conf.Config{VirtualServers: []*conf.VirtualServer{{
				Key: conf.ServiceKey{Protocol: conf.TCP, Address: netip.MustParseAddr("10.0.0.1"), Port: 80},
				RealServers: []*conf.RealServer{{Key: conf.ServerKey{Address: c.ConnectIP, Port: 80}, Protocol: conf.TCP,
					Checkers: []conf.Checker{c}}},
			}}}, nil)
			time.Sleep(time.Minute)
			s.Close()
			if runs < 10 {
				t.Errorf("only %d runs in a minute", runs)
			}
		})
	}
}
