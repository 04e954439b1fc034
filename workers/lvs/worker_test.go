package lvs

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

const (
	vip    = "192.0.2.10"
	first  = "10.0.0.3"
	second = "10.0.0.4"
)

// TestNothingIsTouchedBeforeAConfiguration: what an earlier run left serves on until
// this worker knows what is wanted.
func TestNothingIsTouchedBeforeAConfiguration(t *testing.T) {
	bubble(t, func(r *rig) {
		time.Sleep(time.Minute)
		synctest.Wait()
		if done := r.kernel.Done(); len(done) > 0 {
			t.Errorf("it did %v", done)
		}
	})
}

// TestAConfigurationIsLoadedAndTold.
func TestAConfigurationIsLoadedAndTold(t *testing.T) {
	bubble(t, func(r *rig) {
		r.configure(7, configuration(first, second), nil)
		r.has(first, second)
		if got := last(r, tableOf); got == nil || got.Generation != 7 || got.Error != "" || got.VirtualServers != 1 {
			t.Errorf("the table was told as %+v", got)
		}
		if got := last(r, appliedOf); got == nil || got.Generation != 7 || got.Error != "" {
			t.Errorf("it was told as applied: %+v", got)
		}
		if got := last(r, virtualOf); got == nil || !got.Quorum || got.Alive != 2 || got.Total != 2 {
			t.Errorf("the virtual server was told as %+v", got)
		}
		if got := last(r, checkOf); got == nil || !got.OK {
			t.Errorf("no check was told: %+v", got)
		}
		r.configure(8, configuration(second), nil)
		r.has(second)
		if got := last(r, tableOf); got.Generation != 8 {
			t.Errorf("the table was told as %+v", got)
		}
	})
}

// TestAVerdictReachesTableAndSupervisor, down and up again.
func TestAVerdictReachesTableAndSupervisor(t *testing.T) {
	bubble(t, func(r *rig) {
		r.configure(1, configuration(first, second), nil)
		r.probes.set(first, false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		r.has(second)
		if got := last(r, serverOf); got == nil || got.Up || !strings.Contains(got.RealServer, first) ||
			!strings.Contains(got.Reason, "connection refused") {
			t.Errorf("the verdict was told as %+v", got)
		}
		if got := last(r, virtualOf); !got.Quorum || got.Alive != 1 {
			t.Errorf("the virtual server was told as %+v", got)
		}
		r.probes.set(second, false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		r.has()
		if got := last(r, virtualOf); got.Quorum || got.Alive != 0 {
			t.Errorf("the virtual server was told as %+v", got)
		}
		r.probes.set(first, true)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		r.has(first)
		if got := last(r, serverOf); got == nil || !got.Up {
			t.Errorf("the verdict was told as %+v", got)
		}
	})
}

// TestTheTableHasAVerdictBeforeItIsTold: whoever hears that a real server is down can
// rely on it that no client gets there any more.
func TestTheTableHasAVerdictBeforeItIsTold(t *testing.T) {
	bubble(t, func(r *rig) {
		r.configure(1, configuration(first, second), nil)
		r.mu.Lock()
		r.look = func(m worker.Message) {
			if m.RealServer == nil {
				return
			}
			for _, e := range r.kernel.Table() {
				if alive(e, first) != m.RealServer.Up {
					t.Errorf("it is told to be up %v, and the table says otherwise", m.RealServer.Up)
				}
			}
		}
		r.mu.Unlock()
		for range 10 {
			r.probes.set(first, false)
			time.Sleep(10 * time.Second)
			r.probes.set(first, true)
			time.Sleep(10 * time.Second)
		}
		synctest.Wait()
		if n := r.count(func(m worker.Message) bool { return m.RealServer != nil }); n < 20 {
			t.Errorf("%d verdicts were told", n)
		}
	})
}

// TestWhatIsKnownCounts: a worker that takes the place of one that died loads the
// table with the verdicts of that one, not with its own first guess.
func TestWhatIsKnownCounts(t *testing.T) {
	bubble(t, func(r *rig) {
		r.probes.set(first, false)
		r.kernel.Forget()
		cfg := configuration(first, second)
		vs := cfg.VirtualServers[0]
		r.configure(3, cfg, func(c *worker.Configure) {
			c.Known.Died = time.Second
			c.Known.RealServers = []event.RealServerState{{
				VirtualServer: vs.String(), RealServer: vs.RealServers[0].String(), Since: time.Now(), Reason: "refused",
			}}
		})
		r.has(second)
		for _, op := range r.kernel.Done() {
			if strings.Contains(op.String(), first) {
				t.Errorf("a real server that is known to be down: %v", op)
			}
		}
	})
}

// TestHeartbeat: it says that it lives, with a configuration and without.
func TestHeartbeat(t *testing.T) {
	bubble(t, func(r *rig) {
		beats := func() int { return r.count(func(m worker.Message) bool { return m.Heartbeat != nil }) }
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := beats(); n < 19 || n > 21 {
			t.Errorf("%d heartbeats in 10 s, want one in %v", n, event.HeartbeatInterval)
		}
		r.configure(1, configuration(first), nil)
		before := beats()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := beats() - before; n < 19 || n > 21 {
			t.Errorf("%d heartbeats in 10 s with a configuration", n)
		}
	})
}

// TestAKernelWithoutIPVS: it is told, nobody waits for it, and the table is loaded as
// soon as it can be.
func TestAKernelWithoutIPVS(t *testing.T) {
	bubble(t, func(r *rig) {
		r.kernel.Break(errors.New("no such module"))
		r.configure(1, configuration(first), nil)
		if got := last(r, tableOf); got == nil || got.Error == "" {
			t.Errorf("the table was told as %+v", got)
		}
		if got := last(r, appliedOf); got == nil {
			t.Error("the supervisor waits for ever")
		}
		r.kernel.Break(nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		r.has(first)
		if got := last(r, tableOf); got.Error != "" {
			t.Errorf("the table was told as %+v", got)
		}
	})
}

// TestQuiet: where nothing changes, nothing is done and nothing told but that it lives
// and what was checked.
func TestQuiet(t *testing.T) {
	bubble(t, func(r *rig) {
		r.configure(1, configuration(first, second), nil)
		r.kernel.Forget()
		told := func() int {
			return r.count(func(m worker.Message) bool { return m.Heartbeat == nil && m.Check == nil })
		}
		before := told()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := told() - before; n > 0 {
			t.Errorf("%d things were told", n)
		}
		if done := r.kernel.Done(); len(done) > 0 {
			t.Errorf("it did %v", done)
		}
	})
}
