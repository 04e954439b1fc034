package supervisor

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/overrides"
	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/worker"
)

// resumesAlone starts a supervisor that goes on where another program ended, without workers.
func (r *rig) resumesAlone(h *handoff) {
	r.t.Helper()
	begin, err := r.opts.choose(r.opts.Log)
	if err != nil {
		r.t.Fatal(err)
	}
	r.opts.OnlyVRRP, r.opts.OnlyCheckers = true, true
	files, err := openRunDir(r.opts)
	if err != nil {
		r.t.Fatal(err)
	}
	s := r.opts.supervisor()
	r.s = s
	s.files, s.ready = files, func(string) {}
	s.reload = reload.Resume(reload.State{Generation: h.Generation, Current: begin.current})
	s.disk = begin.disk
	go func() { r.ended <- s.serve(Signals{stop: r.stop, hup: r.hup}, h) }()
	r.t.Cleanup(r.end)
}

func (r *rig) overridesFile() string {
	text, _ := os.ReadFile(overrides.File(r.opts.StateDir, r.opts.File)) // none is empty
	return string(text)
}

// handWeight is a weight that somebody has set in the kernel's table.
func handWeight(weight int) event.Override {
	return event.Override{
		VirtualServer: vs1, RealServer: rs1, Kind: event.SetWeight, Weight: weight, Source: event.SourceKernel,
		Since: time.Now(),
	}
}

// TestOverridesOfTheProgramBefore are in force after an upgrade, each until its time is over.
func TestOverridesOfTheProgramBefore(t *testing.T) {
	t.Parallel()
	r := prepared(t, service)
	drain := event.Override{RealServer: "10.0.0.3", Kind: event.Drain, Source: event.SourceOperator, By: "eve"}
	over, soon := drain, drain
	over.RealServer, over.Until = "10.0.0.4", time.Now().Add(-time.Second)
	soon.RealServer, soon.Until = "10.0.0.5", time.Now().Add(500*time.Millisecond)
	r.resumesAlone(&handoff{Generation: 5, Overrides: []event.Override{drain, over, soon, handWeight(4)}})
	r.until("those that last are left", func() bool { return len(r.status().Overrides) == 2 })
	s := r.status()
	if o := s.Overrides; o[0].RealServer != "10.0.0.3" || o[0].By != "eve" || o[1].Source != event.SourceKernel ||
		o[1].Weight != 4 || s.Generation != 5 {
		t.Errorf("status has %+v", s.Overrides)
	}
	text := r.log.String()
	for _, name := range []string{over.RealServer, soon.RealServer} {
		if n := strings.Count(text, `"override ended: its time is over" override=drain real_server=`+name); n != 1 {
			t.Errorf("that the drain of %s has ended is told %d times", name, n)
		}
	}
	r.until("they are kept for the next start", func() bool {
		text, _, _ := strings.Cut(r.overridesFile(), `"ended"`) // what is over is known, and in force no more
		return strings.Contains(text, "10.0.0.3") && strings.Contains(text, rs1) && !strings.Contains(text, "10.0.0.5")
	})
}

// TestTooManyOverridesOfTheProgramBefore are not taken over, which is told.
func TestTooManyOverridesOfTheProgramBefore(t *testing.T) {
	t.Parallel()
	r := prepared(t, service)
	list := make([]event.Override, overrides.Limit+1)
	for n := range list {
		list[n] = handWeight(n)
		list[n].RealServer = strings.Repeat("x", 1+n%300) + time.Duration(n).String()
	}
	r.resumesAlone(&handoff{Generation: 1, Overrides: list})
	r.until("it answers", func() bool { return r.status().Generation == 1 })
	wants(t, r.log.String(), "failed to take over drains and weights from the previous program", "too many overrides")
}

// TestAWeightByHandLastsAsLongAsTheTable: it is known after a restart of director, not after
// one of the host, and until the lvs worker says that it is gone.
func TestAWeightByHandLastsAsLongAsTheTable(t *testing.T) {
	t.Parallel()
	if worker.BootID() == "" {
		t.Fatal("this host does not tell its boot")
	}
	for name, tc := range map[string]struct {
		boot string
		want int
	}{
		"director is restarted": {worker.BootID(), 1},
		"the host is restarted": {"another boot", 0},
		"the boot is not known": {"", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := running(t, service)
			say := func(r *rig, list ...event.Override) {
				r.says(worker.LVS, worker.Message{KernelWeights: &worker.Overrides{List: list}})
			}
			say(r, handWeight(4))
			r.until("it is kept", func() bool { return strings.Contains(r.overridesFile(), `"weight": 4`) })
			say(r, handWeight(6))
			r.until("the new one is kept", func() bool { return strings.Contains(r.overridesFile(), `"weight": 6`) })
			r.end()
			file := overrides.File(r.opts.StateDir, r.opts.File)
			text := strings.Replace(r.overridesFile(), worker.BootID(), tc.boot, 1)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}

			again := prepared(t, "")
			again.opts.File, again.opts.StateDir = r.opts.File, r.opts.StateDir
			again.start()
			if told := again.awaitTold(worker.LVS, "configure", 1).Overrides; len(told) != 0 {
				t.Errorf("the lvs worker is told what it has seen itself: %+v", told)
			}
			list := again.status().Overrides
			if len(list) != tc.want || tc.want > 0 && list[0].Weight != 6 {
				t.Errorf("status has %+v", list)
			}
			say(again)
			again.until("it has ended", func() bool { return len(again.status().Overrides) == 0 && again.overridesFile() == "" })
		})
	}
}

// TestWhatADrainSaysOfTemplates: whether sticky clients leave a drained server is a setting
// of the kernel, which is not known of another network namespace.
func TestWhatADrainSaysOfTemplates(t *testing.T) {
	t.Parallel()
	if got := quiescentTemplates("another"); got != overrides.Unknown {
		t.Errorf("of another namespace: %v", got)
	}
	want := "expire_quiescent_template is not known to be 1"
	if text, err := os.ReadFile("/proc/sys/net/ipv4/vs/expire_quiescent_template"); err == nil {
		want = "expire_quiescent_template is " + strings.TrimSpace(string(text))
	}
	r := running(t, strings.Replace(service, "lb_kind NAT", "lb_kind NAT\n persistence_timeout 600", 1))
	var report control.OverrideReport
	r.ask(http.MethodPost, "/v1/override",
		control.OverrideRequest{Action: control.ActionDrain, Name: "10.0.0.3", DryRun: true}, &report)
	if len(report.Notices) != 1 {
		t.Fatalf("the notices are %q", report.Notices)
	}
	wants(t, report.Notices[0], vs1+" is persistent", want)
}
