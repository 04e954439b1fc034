package tracking_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/program"
	"github.com/lvs-director/director/notify/tracking"
)

// scripts is a Runner whose programs take and end as a test says.
type scripts struct {
	mu      sync.Mutex
	took    time.Duration
	code    int
	starts  []time.Time
	running int
	most    int // at the same time
}

func (s *scripts) Run(ctx context.Context, cmd program.Command, _ func(int)) program.Exit {
	s.mu.Lock()
	s.starts = append(s.starts, time.Now())
	s.running++
	s.most = max(s.most, s.running)
	took := s.took
	s.mu.Unlock()
	timeout := time.After(cmd.Timeout)
	exit := program.Exit{Argv: cmd.Argv}
	select {
	case <-time.After(took):
	case <-timeout:
		exit.TimedOut, exit.Signal = true, "terminated"
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	exit.Code = s.code
	s.running--
	return exit
}

// seen is when programs were started, and how many ran at the same time.
func (s *scripts) seen() (starts []time.Time, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.starts), s.most
}

func (s *scripts) set(took time.Duration, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took, s.code = took, code
}

func script(name string, change func(*conf.TrackScript)) *conf.TrackScript {
	s := &conf.TrackScript{
		Name: name, Script: conf.Script{Argv: []string{"/bin/" + name}}, Interval: 2 * time.Second, Rise: 1, Fall: 1,
	}
	if change != nil {
		change(s)
	}
	return s
}

// using is a configuration with an instance that tracks all scripts.
func using(list ...*conf.TrackScript) *conf.Config {
	i := &conf.Instance{Name: "VI"}
	for _, s := range list {
		i.TrackScripts = append(i.TrackScripts, conf.Track{Name: s.Name})
	}
	return &conf.Config{Instances: []*conf.Instance{i}, Scripts: list}
}

// watching runs trackers for a time and collects the states.
type watching struct {
	*tracking.Trackers
	states []event.TrackerState
}

func newWatching(t *testing.T, s *scripts, check func(program.Command) error) *watching {
	if check == nil {
		check = func(program.Command) error { return nil }
	}
	w := &watching{Trackers: tracking.New(tracking.Options{Log: slog.New(slog.DiscardHandler), Runner: s, Check: check})}
	t.Cleanup(func() { w.Stop(context.Background()) })
	return w
}

func (w *watching) during(d time.Duration) {
	end := time.After(d)
	for {
		select {
		case r := <-w.Results():
			if s, changed := w.Take(r); changed {
				w.states = append(w.states, s)
			}
		case <-end:
			return
		}
	}
}

func (w *watching) want(t *testing.T, want ...event.TrackerState) {
	t.Helper()
	ignore := cmpopts.IgnoreFields(event.TrackerState{}, "Since")
	if diff := cmp.Diff(want, w.States(), ignore, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func TestScriptIsRunFromStartToStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripts{took: time.Second / 2}
		w := newWatching(t, s, nil)
		begin := time.Now()
		w.Apply(using(script("chk", nil)))
		w.want(t) // unknown
		w.during(5 * time.Second)
		w.want(t, event.TrackerState{Name: "chk", Up: true, Reason: "exit status 0"})
		var got []time.Duration
		starts, _ := s.seen()
		for _, at := range starts {
			got = append(got, at.Sub(begin))
		}
		if diff := cmp.Diff([]time.Duration{0, 2 * time.Second, 4 * time.Second}, got); diff != "" {
			t.Errorf("starts (-want +got):\n%s", diff)
		}
		s.set(0, 1)
		w.during(2 * time.Second)
		w.want(t, event.TrackerState{Name: "chk", Reason: "exit status 1"})
		if len(w.states) != 2 {
			t.Errorf("%d states were told, want 2: %v", len(w.states), w.states)
		}
	})
}

func TestSlowScriptFailsAndNeverOverlaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripts{took: time.Hour}
		w := newWatching(t, s, nil)
		w.Apply(using(script("chk", func(c *conf.TrackScript) { c.Timeout = 5 * time.Second })))
		w.during(13 * time.Second)
		w.want(t, event.TrackerState{Name: "chk", Reason: "timed out"})
		if starts, most := s.seen(); most != 1 || len(starts) != 3 {
			t.Errorf("%d runs, %d at the same time; want 3 (at 0, 6 and 12 s) and 1", len(starts), most)
		}
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripts{}
		w := newWatching(t, s, nil)
		w.Apply(using(script("a", nil), script("b", nil)))
		w.during(time.Second)
		up := event.TrackerState{Name: "a", Up: true, Reason: "exit status 0"}
		// b is gone, a has another pace, c is new.
		w.Apply(using(script("a", func(c *conf.TrackScript) { c.Interval = time.Minute }),
			script("c", func(c *conf.TrackScript) {
				c.InitFail = true
			})))
		w.want(t, up, event.TrackerState{Name: "c", Reason: "init_fail"})
		w.during(time.Second)
		w.want(t, up, event.TrackerState{Name: "c", Up: true, Reason: "exit status 0"})
		w.Apply(&conf.Config{Scripts: []*conf.TrackScript{script("a", nil)}}) // nobody tracks it
		w.want(t)
		before, _ := s.seen()
		w.during(time.Minute)
		if after, _ := s.seen(); len(after) != len(before) {
			t.Error("a script that nobody tracks is run")
		}
	})
}

func TestScriptThatCannotRunIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripts{}
		w := newWatching(t, s, func(program.Command) error { return errors.New("no such file") })
		w.Apply(using(script("chk", nil)))
		w.during(5 * time.Second)
		w.want(t, event.TrackerState{Name: "chk", Ignored: true, Reason: "no such file"})
		if starts, _ := s.seen(); len(starts) > 0 {
			t.Error("it was run")
		}
	})
}

func TestStopEndsWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripts{took: time.Hour}
		w := newWatching(t, s, nil)
		w.Apply(using(script("chk", func(c *conf.TrackScript) { c.Timeout = time.Hour })))
		synctest.Wait()
		w.Stop(context.Background())
		if s.running != 0 {
			t.Error("it still runs")
		}
	})
}
