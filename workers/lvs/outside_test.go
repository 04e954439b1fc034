package lvs

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

// supervised makes the checks of the rig that the supervisor takes part in as the prober
// does, and answers what is asked of the supervisor: a program ends with the status of
// exit after a second, and runs for ever below 0.
func (r *rig) supervised(exit func() int) (asked func() []worker.RunProgram) {
	var list []worker.RunProgram
	r.probes.other = func(t probe.Target, done func(probe.Result)) func() {
		if f := t.Checker.File; f != nil {
			return r.host.files.value(f.Name, func(v probe.FileValue) {
				done(probe.Result{OK: !v.Missing, Wish: event.Wish{Kind: event.WishMore, N: v.Value * f.Weight}})
			})
		}
		if t.Checker.BFD != "" {
			return r.host.sessions.session(t.Checker.BFD, func(s probe.Session) {
				done(probe.Result{OK: s.Up && !s.Missing, Withdrawn: !s.Up || s.Missing, Reason: s.Why})
			})
		}
		return r.host.programs.run(t.Checker.Misc.ProgramID(), func(e event.ProgramEnd) {
			p := probe.Result{OK: e.Code != 1, Reason: e.String()}
			if e.Code > 1 {
				p.Wish = event.Wish{Kind: event.WishWeight, N: e.Code - 2}
			}
			done(p)
		})
	}
	r.look = func(m worker.Message) {
		if m.RunProgram == nil {
			return
		}
		list = append(list, *m.RunProgram)
		code := exit()
		if m.RunProgram.Cancel || code < 0 {
			return
		}
		go func() {
			time.Sleep(time.Second)
			r.in <- worker.Message{ProgramEnded: &worker.ProgramEnded{ID: m.RunProgram.ID, End: event.ProgramEnd{Code: code}}}
		}()
	}
	return func() []worker.RunProgram {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.Clone(list)
	}
}

// weight is the weight of the only real server in the kernel, -1 if it is not there.
func (r *rig) weight() int {
	for _, e := range r.kernel.Table() {
		for _, d := range e.Destinations {
			return d.Weight
		}
	}
	return -1
}

func dynamic(weight int) *conf.Config {
	cfg := configuration(first)
	rs := cfg.VirtualServers[0].RealServers[0]
	rs.Weight = weight
	rs.Checkers = []conf.Checker{{
		Kind: conf.MiscCheck, Interval: 10 * time.Second,
		Misc: &conf.MiscCheckParams{Dynamic: true, Script: conf.Script{Argv: []string{"/w"}}},
	}}
	return cfg
}

// TestDynamicWeightOverAReload: what a check asks for goes into the kernel's table, and stays
// there over a reload that makes the configured weight what the check has asked for.
func TestDynamicWeightOverAReload(t *testing.T) {
	bubble(t, func(r *rig) {
		code := 52
		asked := r.supervised(func() int { return code })
		is := func(when string, want int) {
			t.Helper()
			synctest.Wait()
			if got := r.weight(); got != want {
				t.Errorf("%s: weight %d in the kernel, want %d", when, got, want)
			}
		}
		r.configure(1, dynamic(10), nil)
		is("after the first run", 50)
		r.configure(2, dynamic(50), nil)
		is("after a reload to the same weight", 50)
		r.configure(3, dynamic(10), nil)
		is("after a reload back", 50)
		if s := last(r, serverOf); s == nil || s.Weight != 50 || !s.Checked || len(s.Wishes) != 1 {
			t.Errorf("the supervisor was told %+v", s)
		}
		if got := last(r, inTableOf); got == nil || got.Servers[0].Source != event.WeightChecked {
			t.Errorf("the table was told as %+v", got)
		}
		r.mu.Lock()
		code = -1 // hangs
		r.mu.Unlock()
		time.Sleep(10 * time.Second)
		runs := len(asked())
		r.configure(4, configuration(first), nil)
		is("without the check", 1)
		list := asked()
		if len(list) != runs+1 || !list[runs].Cancel || list[runs].ID != list[runs-1].ID {
			t.Errorf("asked for %+v, want the end of the last run", list[runs-1:])
		}
	})
}

// TestFileWeight: the value of a file, which the supervisor tells, changes a weight at once.
func TestFileWeight(t *testing.T) {
	bubble(t, func(r *rig) {
		r.supervised(nil)
		file := func(n int) event.TrackerState {
			return event.TrackerState{Kind: event.TrackFile, Name: "f", Value: n}
		}
		cfg := configuration(first)
		cfg.Files = []*conf.TrackFile{{Name: "f"}}
		rs := cfg.VirtualServers[0].RealServers[0]
		rs.Weight = 10
		rs.Checkers = []conf.Checker{{Kind: conf.FileCheck, Interval: time.Hour,
			File: &conf.FileCheckParams{Name: "f", Weight: 2}}}
		is := func(when string, want int) {
			t.Helper()
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if got := r.weight(); got != want {
				t.Errorf("%s: weight %d in the kernel, want %d", when, got, want)
			}
		}
		r.configure(1, cfg, nil)
		is("the value is not known yet", 10)
		r.in <- worker.Message{Tracker: &event.TrackerState{Kind: event.TrackScript, Name: "f", Value: 9}}
		r.in <- worker.Message{Tracker: new(file(3))}
		is("the first value", 16)
		r.in <- worker.Message{Tracker: new(file(-20))}
		is("another one", 0)
		r.configure(2, cfg, func(c *worker.Configure) { c.Trackers = []event.TrackerState{file(1)} })
		is("a reload tells another one", 12)
		without := *cfg
		without.Files = nil
		r.configure(3, &without, nil)
		is("it left the configuration: the check fails", -1)
	})
}

// TestBFDCheck: a BFD session, of which the supervisor tells, takes a real server out at once and brings it back.
func TestBFDCheck(t *testing.T) {
	bubble(t, func(r *rig) {
		r.supervised(nil)
		session := func(up bool) event.TrackerState {
			return event.TrackerState{Kind: event.TrackBFD, Name: "s", Up: up, Reason: "seen"}
		}
		cfg := configuration(first)
		cfg.BFDs = []*conf.BFDInstance{{Name: "s", Neighbor: "192.0.2.1"}}
		rs := cfg.VirtualServers[0].RealServers[0]
		rs.Weight = 10
		rs.Checkers = []conf.Checker{{Kind: conf.BFDCheck, Interval: time.Hour, BFD: "s"}}
		is := func(when string, want int) {
			t.Helper()
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if got := r.weight(); got != want {
				t.Errorf("%s: weight %d in the kernel, want %d", when, got, want)
			}
		}
		r.configure(1, cfg, nil)
		is("nothing is known yet", 10)
		r.in <- worker.Message{Tracker: &event.TrackerState{Kind: event.TrackFile, Name: "s", Value: 9}}
		r.in <- worker.Message{Tracker: new(session(false))}
		is("down", -1)
		r.in <- worker.Message{Tracker: new(session(true))}
		is("up again", 10)
		r.configure(2, cfg, func(c *worker.Configure) { c.Trackers = []event.TrackerState{session(false)} })
		is("a reload tells that it is down", -1)
		unknown := *cfg
		other := *rs
		other.Checkers = []conf.Checker{{Kind: conf.BFDCheck, Interval: time.Hour}}
		service := *cfg.VirtualServers[0]
		service.RealServers = []*conf.RealServer{&other}
		unknown.VirtualServers = []*conf.VirtualServer{&service}
		r.configure(3, &unknown, nil)
		is("a check that names no session is not run", 10)
	})
}

func inTableOf(m worker.Message) *event.ServersInTable { return m.InTable }

// TestSlowStart: the kernel's weights of a real server that comes back, and who decided them.
func TestSlowStart(t *testing.T) {
	bubble(t, func(r *rig) {
		cfg := configuration(first)
		rs := cfg.VirtualServers[0].RealServers[0]
		rs.Weight, rs.SlowStart = 100, time.Minute
		is := func(after time.Duration, want int, source event.WeightSource) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			if got := r.weight(); got != want {
				t.Errorf("weight %d in the kernel, want %d", got, want)
			}
			if got := last(r, inTableOf); got == nil || got.Servers[0].Source != source {
				t.Errorf("the table was told as %+v, want %s", got, source)
			}
		}
		r.configure(1, cfg, nil)
		is(0, 100, event.WeightConfigured)
		r.probes.set(first, false)
		is(2*time.Second, -1, event.WeightChecked)
		r.probes.set(first, true)
		is(3*time.Second, 5, event.WeightStarting)
		is(30*time.Second, 50, event.WeightStarting)
		is(30*time.Second, 100, event.WeightConfigured)
		if v := last(r, virtualOf); !v.Quorum {
			t.Errorf("the virtual server is %+v", v)
		}
	})
}

// TestWhatGoesIsThereUntilNobodyAsks: while a reload takes a session and its check out, the check that runs still
// finds it as it was.
func TestWhatGoesIsThereUntilNobodyAsks(t *testing.T) {
	w := newSessions()
	now := func() (s probe.Session) {
		w.session("r", func(told probe.Session) { s = told })
		return s
	}
	w.configure(&conf.Config{BFDs: []*conf.BFDInstance{{Name: "r"}}},
		[]event.TrackerState{{Kind: event.TrackBFD, Name: "r", Up: true}})
	changed := w.configure(&conf.Config{}, nil)
	if s := now(); !s.Up || s.Missing || !slices.Equal(changed, []string{"r"}) {
		t.Errorf("before the check is gone its session is %+v; changed is %v", s, changed)
	}
	w.drop()
	if s := now(); !s.Missing || len(w.states) != 0 {
		t.Errorf("after it the session is %+v, of %d that are known", s, len(w.states))
	}
}
