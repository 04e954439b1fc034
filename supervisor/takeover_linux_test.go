package supervisor

import (
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/worker"
)

// handOff ends a supervisor as an exec does: its workers and its sockets stay. It gives
// what the next one goes on with.
func (r *rig) handOff() *handoff {
	r.t.Helper()
	handed := make(chan *handoff, 1)
	r.s.post(func() {
		s := r.s
		trackers := s.tracking.Export()
		s.tracking.Stop(r.t.Context())
		workers, err := s.detachWorkers()
		socket, failed := s.gate.File()
		if err != nil || failed != nil {
			r.t.Error(err, failed)
		}
		h := s.handoff()
		h.Workers, h.Trackers, h.Programs = workers, trackers, s.misc.Outstanding()
		h.Lock, h.Listener = duplicate(r.t, s.files.lock), duplicate(r.t, socket)
		for i := range h.Workers {
			file := h.Workers[i].Worker.Socket()
			h.Workers[i].Socket = duplicate(r.t, file)
			file.Close()
		}
		socket.Close()
		s.files.listener.SetUnlinkOnClose(false)
		s.files.lock.Close()
		s.files.lock, s.exited = nil, true
		handed <- h
	})
	select {
	case err := <-r.ended:
		r.ended <- err
		return <-handed
	case <-time.After(patience):
		r.t.Fatal("it does not end after a handoff")
		return nil
	}
}

// successor is the next supervisor, in the directories of r; it is not started yet.
func (r *rig) successor() *rig {
	opts := *r.opts
	next := &rig{
		t: r.t, opts: &opts, stop: make(chan os.Signal, 2), hup: make(chan os.Signal, 1), ended: make(chan error, 1),
	}
	opts.Version = "next"
	opts.Log = slog.New(slog.NewTextHandler(&next.log, nil))
	return next
}

// resumes gives a handoff to a supervisor as an exec does, and its result.
func (r *rig) resumes(h *handoff) error {
	if err := h.save(); err != nil {
		return err
	}
	fd := duplicate(r.t, h.file)
	h.file.Close()
	opts := *r.opts
	opts.File = "" // it is handed off as well
	return opts.resume(strconv.Itoa(fd), Signals{stop: r.stop, hup: r.hup})
}

// takesOver starts a supervisor with a handoff and waits until it serves.
func (r *rig) takesOver(h *handoff) {
	r.t.Helper()
	go func() { r.ended <- r.resumes(h) }()
	r.t.Cleanup(r.end)
	r.until("it has taken over", func() bool { return strings.Contains(r.log.String(), "msg=upgraded") })
}

// TestTheNextProgramGoesOn: the workers notice nothing, and all that was known is known.
func TestTheNextProgramGoesOn(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.isMaster("VI_1")
	r.override(control.OverrideRequest{Action: control.ActionDrain, Name: "10.0.0.3", For: "2h", Reason: "update"})
	answered := r.later(http.MethodPost, "/v1/handover", control.HandoverRequest{Name: "VI_1", For: "1h"})
	r.awaitTold(worker.VRRP, "handover", 1)
	r.write("vrrp_instance VI_1 {\n interface vip0\n")
	if report := r.reload(control.ReloadRequest{}); report.Applied {
		t.Fatalf("a reload of a broken file is %+v", report)
	}
	before, pid := r.status(), r.pidFile()

	next := r.successor()
	next.takesOver(r.handOff())
	r.isAnswered("a handover", answered)
	after := next.status()
	if len(after.Instances) != 1 || after.Instances[0].State != event.Master {
		t.Errorf("the instances are %+v", after.Instances)
	}
	if after.Number != before.Number || after.Generation != before.Generation || !after.Since.Equal(before.Since) ||
		after.ReloadRefused != before.ReloadRefused || after.ReloadRefused == "" || len(after.Overrides) != 1 {
		t.Errorf("it knew\n%+v\nand knows\n%+v", before, after)
	}
	if got := next.upgraded(); got.Upgrades != 1 || got.Version != "next" || got.Error != "" || len(got.Replaced) > 0 {
		t.Errorf("the upgrade is %+v", got)
	}
	for _, name := range []string{worker.VRRP, worker.LVS} {
		if n, c := len(r.toldOf(name, "started")), len(r.toldOf(name, "configure")); n != 1 || c != 1 {
			t.Errorf("the %s worker was started %d times and configured %d times", name, n, c)
		}
	}
	if next.pidFile() != pid {
		t.Errorf("the pid file says %q after %q", next.pidFile(), pid)
	}
	next.works(1)
	if last := next.toldOf(worker.VRRP, "configure"); last[len(last)-1].HandOver["VI_1"] == 0 {
		t.Error("the handover was forgotten")
	}
	next.stopped()
	next.gone()
}

// TestAReloadIsNotLostByAnUpgrade: a signal that came while one program made way for
// another is obeyed by the other.
func TestAReloadIsNotLostByAnUpgrade(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	h := r.handOff()
	h.Reload = true
	r.write(instance("VI_1", "") + instance2 + service)
	next := r.successor()
	next.takesOver(h)
	if got := next.awaitTold(worker.VRRP, "configure", 2); !slices.Equal(got.Instances, []string{"VI_1", "VI_2"}) {
		t.Errorf("the vrrp worker has %v", got.Instances)
	}
	next.until("why names the signal", func() bool {
		return strings.Contains(next.why("configuration "+next.opts.File), "(SIGHUP)")
	})
}

// TestWhatHappensBeforeAnUpgradeIsKept: what a reload has changed right before, and who asked by a signal that is
// handed over for another one, is told by the next program.
func TestWhatHappensBeforeAnUpgradeIsKept(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	var asked event.Number
	r.inLoop(func(s *supervisor) {
		asked = s.record(event.RecordCommand, "configuration", "", "reload", "a signal of then")
		s.chronicle.noteChanges(&conf.Config{}, s.current().cfg)
		if !s.flushEvents() {
			t.Error("the events are not written")
		}
	})
	h := r.handOff()
	h.Reload, h.ReloadBy = true, asked
	r.write(instance("VI_1", "") + instance2)
	next := r.successor()
	next.takesOver(h)
	next.until("why names the signal", func() bool {
		return strings.Contains(next.why("configuration "+next.opts.File), "a signal of then")
	})
	var report control.EventsReport
	next.ask(http.MethodPost, "/v1/events", control.EventsRequest{Kinds: []string{string(event.RecordReload)}}, &report)
	if !slices.ContainsFunc(report.Events, func(e event.Record) bool { return strings.Contains(e.Text, "VI_1 added") }) {
		t.Errorf("what was changed is lost: %+v", report.Events)
	}
}

// TestAConfirmationIsAwaitedByTheNextProgram: it goes back when none comes. Where it
// cannot read what to go back to, it says so and serves on with what is in force.
func TestAConfirmationIsAwaitedByTheNextProgram(t *testing.T) {
	t.Parallel()
	for name, damaged := range map[string]bool{"it goes back": false, "it cannot go back": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := running(t, instance("VI_1", ""))
			r.write(instance("VI_1", "") + instance2)
			if report := r.reload(control.ReloadRequest{Confirm: "1h"}); !report.Applied {
				t.Fatalf("the reload is %+v", report)
			}
			h := r.handOff()
			if h.Pending == nil {
				t.Fatal("no confirmation is waited for")
			}
			h.Pending.Until = time.Now()
			if damaged {
				h.Pending.Back.Text = brokenText(t)
			}
			next := r.successor()
			next.takesOver(h)
			if damaged {
				wants(t, next.log.String(), "cannot go back without a confirmation")
				wants(t, next.refused(http.MethodPost, "/v1/confirm", nil), "nothing waits for a confirmation")
				if n := len(next.status().Instances); n != 2 {
					t.Errorf("%d instances are in force", n)
				}
				return
			}
			if got := next.awaitTold(worker.VRRP, "configure", 3); !slices.Equal(got.Instances, []string{"VI_1"}) {
				t.Errorf("it goes back to %v", got.Instances)
			}
		})
	}
}

// TestAWorkerThatCannotBeTakenOver is started again; the other one is not touched.
func TestAWorkerThatCannotBeTakenOver(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spoil func(t *testing.T, h *handedWorker)
		died  string
	}{
		"its connection is lost": {func(t *testing.T, h *handedWorker) {
			syscall.Close(h.Socket)
			h.Socket = -1
		}, "its connection was lost"},
		"its connection is another file": {func(t *testing.T, h *handedWorker) {
			syscall.Close(h.Socket)
			null, err := os.Open(os.DevNull)
			if err != nil {
				t.Fatal(err)
			}
			defer null.Close()
			h.Socket = duplicate(t, null)
		}, "taking on the connection"},
		"it has died meanwhile": {func(t *testing.T, h *handedWorker) { kill(t, h.Worker.Pid) }, "killed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := running(t, instance("VI_1", "")+service)
			h := r.handOff()
			i := slices.IndexFunc(h.Workers, func(w handedWorker) bool { return w.Name == worker.LVS })
			tc.spoil(t, &h.Workers[i])
			next := r.successor()
			next.takesOver(h)
			if got := next.awaitTold(worker.LVS, "configure", 2); got.Pid == h.Workers[i].Worker.Pid {
				t.Error("the same process was configured again")
			}
			wants(t, next.log.String(), tc.died)
			if n := len(next.toldOf(worker.VRRP, "started")); n != 1 {
				t.Errorf("the vrrp worker was started %d times", n)
			}
		})
	}
}
