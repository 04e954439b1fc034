package notify_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/program"
)

// fakeRunner notes what it is asked to run. A script takes as long as its
// path says: "/master/5s"; one that says "fail" fails.
type fakeRunner struct {
	lock  chan struct{}
	began time.Time
	seen  []string
	now   int // running
	most  int
}

func (r *fakeRunner) do(f func()) {
	r.lock <- struct{}{}
	defer func() { <-r.lock }()
	f()
}

// list is what has been started by now.
func (r *fakeRunner) list() (list []string) {
	list = []string{}
	r.do(func() { list = append(list, r.seen...) })
	return list
}

func (r *fakeRunner) Run(ctx context.Context, cmd program.Command, started func(int)) program.Exit {
	exit := program.Exit{Argv: cmd.Argv, PID: 7, Started: time.Now()}
	r.do(func() {
		r.seen = append(r.seen, fmt.Sprint(time.Since(r.began), " ", strings.Join(cmd.Argv, " ")))
		r.now++
		r.most = max(r.most, r.now)
	})
	started(exit.PID)
	took, _ := time.ParseDuration(cmd.Argv[0][strings.LastIndex(cmd.Argv[0], "/")+1:])
	return r.wait(ctx, exit, time.Now().Add(took))
}

// Adopt waits for a script that the runner of another notifier has started.
func (r *fakeRunner) Adopt(ctx context.Context, h *program.Handoff) program.Exit {
	r.do(func() { r.now++ })
	return r.wait(ctx, program.Exit{Argv: h.Argv, PID: h.PID, Started: h.Started}, h.Deadline)
}

// wait is the rest of a script's life. What a handoff carries as the deadline is
// its end here.
func (r *fakeRunner) wait(ctx context.Context, exit program.Exit, end time.Time) program.Exit {
	select {
	case <-time.After(time.Until(end)):
	case <-ctx.Done():
		r.do(func() { r.now-- })
		exit.Handoff = &program.Handoff{Argv: exit.Argv, PID: exit.PID, Started: exit.Started, Deadline: end, Output: 9}
		return exit
	}
	if strings.Contains(exit.Argv[0], "fail") {
		exit.Code, exit.Output = 3, "no such thing"
	}
	exit.Ended = time.Now()
	r.do(func() { r.now-- })
	return exit
}

// lab is a notifier with a fake runner.
type lab struct {
	*fakeRunner
	*notify.Notifier
	log bytes.Buffer
}

func newLab() *lab {
	l := &lab{fakeRunner: &fakeRunner{lock: make(chan struct{}, 1), began: time.Now()}}
	l.Notifier = notify.New(notify.Options{Runner: l.fakeRunner,
		Log: slog.New(slog.NewTextHandler(&l.log, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey || a.Key == "since" {
					return slog.Attr{}
				}
				return a
			}}))})
	return l
}

// tell says that VI_1 has reached a state now.
func (l *lab) tell(s event.VRRPState) {
	l.Instance(event.InstanceState{Instance: "VI_1", State: s, Since: time.Now(), Priority: 100})
}

// pause lets time go by and everything that is due happen.
func pause(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func stop(t *testing.T, l *lab) {
	t.Helper()
	if err := l.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	synctest.Wait()
}

func diff(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func script(path string) conf.Script { return conf.Script{Argv: strings.Fields(path)} }

// instances is a configuration of VI_1 with these scripts.
func instances(s conf.NotifyScripts) *conf.Config {
	return &conf.Config{Instances: []*conf.Instance{{Name: "VI_1", Notify: s}}}
}

func TestOrderAndArguments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{
			Master: script("/master/2s with args"), Backup: script("/backup/1s"), Fault: script("/fault/1s"),
			Stop: script("/stop/1s"), Any: script("/any/1s x"),
		}))
		l.tell(event.Init)
		l.tell(event.Backup)
		pause(10 * time.Second)
		l.tell(event.Master)
		pause(10 * time.Second)
		l.tell(event.Fault)
		pause(10 * time.Second)
		stop(t, l)
		diff(t, "scripts", []string{
			"0s /backup/1s", "1s /any/1s x INSTANCE VI_1 BACKUP 100",
			"10s /master/2s with args", "12s /any/1s x INSTANCE VI_1 MASTER 100",
			"20s /fault/1s", "21s /any/1s x INSTANCE VI_1 FAULT 100",
			"30s /stop/1s", "31s /any/1s x INSTANCE VI_1 STOP 100",
		}, l.seen)
		if now := time.Since(l.began); now != 32*time.Second {
			t.Errorf("stopped after %v, want as soon as the scripts have ended", now)
		}
		diff(t, "log", "", l.log.String())
	})
}

// TestCoalescing: one at a time; what waits is the latest state and nothing else.
func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		cfg := &conf.Config{SyncGroups: []*conf.SyncGroup{{Name: "G", Notify: conf.NotifyScripts{
			Master: script("/master/1s"), Any: script("/any/1s"),
		}}}}
		l.Apply(cfg)
		tell := func(s event.VRRPState, quiet bool) {
			l.Group(event.GroupState{Group: "G", State: s, Since: time.Now(), Quiet: quiet})
			pause(5 * time.Second)
		}
		tell(event.Backup, false)
		tell(event.Master, true) // it was MASTER in the worker before
		tell(event.Fault, false)
		tell(event.Master, false)
		stop(t, l)
		diff(t, "scripts", []string{
			"0s /any/1s GROUP G BACKUP 0", "10s /any/1s GROUP G FAULT 0",
			"15s /master/1s", "16s /any/1s GROUP G MASTER 0", "20s /any/1s GROUP G STOP 0",
		}, l.seen)
	})
}

func TestCoalescing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Master: script("/master/5s"), Backup: script("/backup/5s"),
			Any: script("/any/1s")}))
		l.tell(event.Backup)
		pause(time.Second)
		for range 10 {
			l.tell(event.Master)
			l.tell(event.Backup)
			l.tell(event.Master)
			pause(100 * time.Millisecond)
		}
		pause(20 * time.Second)
		stop(t, l)
		diff(t, "scripts", []string{
			"0s /backup/5s", "5s /any/1s INSTANCE VI_1 BACKUP 100",
			"6s /master/5s", "11s /any/1s INSTANCE VI_1 MASTER 100",
			"22s /any/1s INSTANCE VI_1 STOP 100",
		}, l.seen)
		if l.most != 1 {
			t.Errorf("%d scripts of one object at once", l.most)
		}
	})
}

// TestPatience: a script that does not end holds up the next for 30 seconds.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Master: script("/master/100s"), Backup: script("/backup/1s"),
			Any: script("/any/1s")}))
		l.tell(event.Master)
		pause(10 * time.Second)
		l.tell(event.Backup)
		pause(90 * time.Second)
		diff(t, "scripts", []string{
			"0s /master/100s", "30s /any/1s INSTANCE VI_1 MASTER 100",
			"31s /backup/1s", "32s /any/1s INSTANCE VI_1 BACKUP 100",
		}, l.seen)
		diff(t, "log", `level=WARN msg="script is still running, starting the next one beside it" object="INSTANCE VI_1" script=notify_master pid=7 next=notify state=MASTER
`, l.log.String())
		for _, last := range l.Last() {
			if last.Running {
				t.Errorf("after its end still running: %+v", last)
			}
		}
		stop(t, l)
	})
}

// TestNeverEnding: scripts that never end worked with keepalived; each is
// passed as soon as it has had its time, at once if that is long ago.
func TestNeverEnding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Master: script("/master/9000h"), Backup: script("/backup/1s"),
			Stop: script("/stop/1s")}))
		l.tell(event.Master)
		pause(time.Hour)
		diff(t, "log while nothing waits", "", l.log.String())
		l.tell(event.Backup)
		pause(time.Minute)
		diff(t, "scripts", []string{"0s /master/9000h", "1h0m0s /backup/1s"}, l.seen)
		for range 50 {
			l.tell(event.Master)
			pause(time.Minute)
		}
		l.do(func() {
			if l.now > 33 {
				t.Errorf("%d scripts were left running", l.now)
			}
		})
		began := time.Now()
		stop(t, l)
		if took := time.Since(began); took != time.Second {
			t.Errorf("stopped after %v, want the second that notify_stop takes", took)
		}
		if last := l.seen[len(l.seen)-1]; !strings.HasSuffix(last, " /stop/1s") {
			t.Errorf("the last script was %s", last)
		}
		time.Sleep(10000 * time.Hour)
	})
}

func TestStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Stop: script("/stop/9s")}))
		l.tell(event.Master)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		err := l.Stop(ctx)
		if err == nil || !strings.Contains(err.Error(), "left running: INSTANCE VI_1 notify_stop (pid 7)") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(l.began); took != 2*time.Second {
			t.Errorf("stopped after %v", took)
		}
		if err := l.Stop(ctx); err != nil || l.Last() != nil {
			t.Errorf("a second Stop: %v", err)
		}
		l.tell(event.Backup) // heard by nobody
		time.Sleep(time.Minute)
	})
}

// TestNotTold: states that were taken over or heard before are no news.
func TestNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Any: script("/any/0s")}))
		master := event.InstanceState{Instance: "VI_1", State: event.Master, Since: time.Now(), Priority: 100, Quiet: true}
		l.Instance(master)
		again := master
		again.Quiet, again.Priority = false, 90 // only the priority has changed
		l.Instance(again)
		l.Instance(event.InstanceState{Instance: "unknown", State: event.Master, Since: time.Now()})
		pause(time.Second)
		diff(t, "scripts", []string{}, l.seen)
		l.Instance(event.InstanceState{Instance: "VI_1", State: event.Stop, Since: time.Now(), Priority: 90})
		pause(time.Second)
		stop(t, l) // was told already
		diff(t, "scripts", []string{"1s /any/0s INSTANCE VI_1 STOP 90"}, l.seen)
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Master: script("/old/5s"), Fault: script("/fault/1s")}))
		l.tell(event.Master)
		pause(time.Second)
		l.Apply(instances(conf.NotifyScripts{Master: script("/new/1s"), Fault: script("/newfault/1s")}))
		pause(10 * time.Second)
		diff(t, "a reload runs nothing", []string{"0s /old/5s"}, l.seen)
		l.tell(event.Backup) // has no script
		l.tell(event.Master)
		pause(5 * time.Second)
		l.Apply(&conf.Config{})
		pause(5 * time.Second)
		l.tell(event.Stop) // of an instance that is gone
		pause(5 * time.Second)
		if list := l.Last(); len(list) != 0 {
			t.Errorf("of what is gone is still known: %+v", list)
		}
		stop(t, l)
		diff(t, "scripts", []string{"0s /old/5s", "11s /new/1s", "16s /newfault/1s"}, l.seen)
	})
}

func TestDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Fault: script("/fault/0s"), Deleted: script("/deleted/1s"),
			Any: script("/any/0s")}))
		l.Apply(&conf.Config{}) // it never was anything: nobody is told
		l.Apply(instances(conf.NotifyScripts{Fault: script("/fault/0s"), Deleted: script("/deleted/1s"),
			Any: script("/any/0s")}))
		l.tell(event.Backup)
		pause(5 * time.Second)
		l.Apply(&conf.Config{})
		pause(5 * time.Second)
		stop(t, l)
		diff(t, "scripts", []string{
			"0s /any/0s INSTANCE VI_1 BACKUP 100", "5s /deleted/1s", "6s /any/0s INSTANCE VI_1 DELETED 100",
		}, l.seen)
	})
}

func TestLastAndFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Master: script("/fail/1s a"), Any: script("/any/10s")}))
		l.tell(event.Master)
		pause(5 * time.Second)
		diff(t, "last", []notify.Last{
			{Object: "INSTANCE VI_1", Script: "notify", State: "MASTER", Running: true, Exit: program.Exit{
				Argv: []string{"/any/10s", "INSTANCE", "VI_1", "MASTER", "100"}, PID: 7, Started: l.began.Add(time.Second)}},
			{Object: "INSTANCE VI_1", Script: "notify_master", State: "MASTER", Exit: program.Exit{
				Argv: []string{"/fail/1s", "a"}, PID: 7, Started: l.began, Ended: l.began.Add(time.Second), Code: 3,
				Output: "no such thing"}},
		}, l.Last())
		diff(t, "log", `level=WARN msg="script failed" object="INSTANCE VI_1" script=notify_master state=MASTER program=/fail/1s reason="exit status 3" output="no such thing"
`, l.log.String())
		stop(t, l)
	})
}

// servers is a configuration of real servers with scripts.
func servers(count int, up, down string, alpha bool) *conf.Config {
	v := &conf.VirtualServer{Key: conf.ServiceKey{Protocol: conf.TCP, Address: netip.MustParseAddr("10.0.0.1"), Port: 80}}
	address := netip.MustParseAddr("10.0.1.0")
	for range count {
		address = address.Next()
		v.RealServers = append(v.RealServers, &conf.RealServer{
			Key: conf.ServerKey{Address: address, Port: 80}, Protocol: conf.TCP,
			NotifyUp: script(up), NotifyDown: script(down), Checkers: []conf.Checker{{Alpha: alpha}},
		})
	}
	return &conf.Config{VirtualServers: []*conf.VirtualServer{v}}
}

func TestRealServers(t *testing.T) {
	type heard struct{ up, initial bool }
	up, down := heard{up: true}, heard{}
	for _, test := range []struct {
		name   string
		alpha  bool
		before bool // another configuration was applied first
		heard  []heard
		want   []string
	}{
		{"starts up and stays", false, false, []heard{{true, true}, up, up}, nil},
		{"starts up and is dead", false, false, []heard{{true, true}, down, down, up}, []string{"DOWN", "UP"}},
		{"the initial state was lost on the way", false, false, []heard{down}, []string{"DOWN"}},
		{"alpha comes up", true, false, []heard{{false, true}, down, up}, []string{"UP"}},
		{"scripts added while it is down", false, true, []heard{down, down, up}, []string{"UP"}},
		{"added while running", false, true, []heard{{true, true}, down}, []string{"DOWN"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab()
				if test.before {
					l.Apply(servers(1, "", "", test.alpha))
				}
				l.Apply(servers(1, "/UP/1s", "/DOWN/1s", test.alpha))
				for _, h := range test.heard {
					l.RealServer(event.RealServerState{
						VirtualServer: "[10.0.0.1]:tcp:80", RealServer: "[10.0.1.1]:tcp:80", Up: h.up, Initial: h.initial})
					pause(10 * time.Second)
				}
				stop(t, l)
				var got []string
				for _, s := range l.seen {
					got = append(got, strings.Split(s, "/")[1])
				}
				diff(t, "scripts", test.want, got)
			})
		})
	}
}

// TestStorm: a thousand servers die at once; their scripts take turns, those of instances do not wait for them.
func TestStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		cfg := servers(200, "", "/down/1h", false)
		cfg.Instances = instances(conf.NotifyScripts{Fault: script("/fault/1s")}).Instances
		l.Apply(cfg)
		for _, rs := range cfg.VirtualServers[0].RealServers {
			l.RealServer(event.RealServerState{VirtualServer: "[10.0.0.1]:tcp:80", RealServer: rs.String()})
		}
		l.tell(event.Fault)
		pause(20 * time.Second)
		var running int
		var seen []string
		l.do(func() { running, seen = l.now, slices.Clone(l.seen) })
		if running != 64 || !slices.Contains(seen, "0s /fault/1s") {
			t.Errorf("%d scripts run, want 64, and the instance's at once: %v", running, seen)
		}
		pause(2 * time.Minute) // none of them ends, and they may no longer hold up others
		l.do(func() { seen = slices.Clone(l.seen) })
		if len(seen) != 201 {
			t.Errorf("%d scripts were started, want all 201", len(seen))
		}
		stop(t, l)
		time.Sleep(2 * time.Hour)
	})
}

// TestLowerHeard: a losing advertisement has its own script, which never takes
// the place of a state that waits.
func TestLowerHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{
			Master: script("/master/5s"), Backup: script("/backup"), RxLowerPriority: script("/lower/1s arg"),
			Any: script("/any"),
		}))
		heard := func() { l.LowerHeard(event.LowerHeard{Instance: "VI_1", Priority: 50, Sender: "10.0.0.2"}) }
		l.LowerHeard(event.LowerHeard{Instance: "unknown"})
		l.tell(event.Master)
		pause(time.Second)
		for range 10 {
			heard()
		}
		pause(9 * time.Second)
		l.tell(event.Fault)
		l.tell(event.Master)
		pause(time.Second)
		l.tell(event.Backup)
		heard()
		pause(9 * time.Second)
		diff(t, "scripts", []string{
			"0s /master/5s", "5s /any INSTANCE VI_1 MASTER 100", "5s /lower/1s arg",
			"10s /any INSTANCE VI_1 FAULT 100", "10s /master/5s", "15s /any INSTANCE VI_1 MASTER 100", "15s /backup",
			"15s /any INSTANCE VI_1 BACKUP 100",
		}, l.seen)
		l.Stop(t.Context())
	})
}
