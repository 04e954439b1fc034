package notify_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
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

func newLab() *lab { return newLabWith(notify.Options{}) }

func newLabWith(o notify.Options) *lab {
	l := &lab{fakeRunner: &fakeRunner{lock: make(chan struct{}, 1), began: time.Now()}}
	o.Runner = l.fakeRunner
	o.Log = slog.New(slog.NewTextHandler(&l.log, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "since" {
				return slog.Attr{}
			}
			return a
		}}))
	l.Notifier = notify.New(o)
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
