package supervisor

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/history"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/worker"
)

// TestReload: the table first; the addresses when it is loaded.
func TestReload(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.does(worker.LVS, noTable, "")
	r.write(instance("VI_1", "") + instance2 + service)
	answers := make(chan control.ReloadReport, 1)
	go func() {
		var report control.ReloadReport
		err := control.Ask(r.opts.RunDir, http.MethodPost, "/v1/reload", patience, control.ReloadRequest{}, &report)
		if err != nil {
			t.Error(err)
		}
		answers <- report
	}()
	r.awaitTold(worker.LVS, "configure", 2)
	if n := len(r.toldOf(worker.VRRP, "configure")); n != 1 {
		t.Errorf("the vrrp worker was told %d configurations before the table was loaded", n)
	}
	r.says(worker.LVS, worker.Message{Table: &event.TableLoaded{Generation: 2, VirtualServers: 1}})
	if got := r.awaitTold(worker.VRRP, "configure", 2); got.Generation != 2 || len(got.Instances) != 2 {
		t.Errorf("the vrrp worker was told %+v", got)
	}
	report := <-answers
	if !report.Applied || report.Generation != 2 || len(report.Problems) > 0 || report.Number != 2 {
		t.Errorf("the answer is %+v", report)
	}
	if r.countReady("RELOADING=1") != 1 || r.countReady("READY=1") != 2 {
		t.Errorf("the service manager was told %v", r.ready)
	}
}

const instance2 = "vrrp_instance VI_2 {\n interface vip0\n virtual_router_id 52\n unicast_src_ip 192.0.2.251\n" +
	" unicast_peer {\n 192.0.2.252\n }\n virtual_ipaddress {\n 192.0.2.11/32\n }\n}\n"

// TestReloadByASignal does the same, with nobody to answer.
func TestReloadByASignal(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.write(instance("VI_1", "") + instance2)
	r.hup <- syscall.SIGHUP
	if got := r.awaitTold(worker.VRRP, "configure", 2); got.Generation != 2 {
		t.Errorf("the vrrp worker was told %+v", got)
	}
	r.until("status has it", func() bool { return r.status().Generation == 2 })
}

// TestErrorsChangeNothing: a file with errors never replaces what runs.
func TestErrorsChangeNothing(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	before := r.status()
	r.write("vrrp_instance VI_1 {\n interface vip0\n")
	report := r.reload(control.ReloadRequest{})
	if report.Applied || report.Generation != 1 || len(report.Findings) == 0 {
		t.Errorf("the answer is %+v", report)
	}
	wants(t, report.Refused, "has errors")
	after := r.status()
	if after.Digest != before.Digest || after.Generation != 1 || !after.FileDiffers || after.FileErrors == 0 {
		t.Errorf("status is %+v", after.ConfigState)
	}
	if n := len(r.toldOf(worker.VRRP, "configure")); n != 1 {
		t.Errorf("the vrrp worker was told %d configurations", n)
	}
	if after.ReloadRefused == "" || status.ExitStatus(after) == status.OK {
		t.Errorf("status does not say that the reload was refused: %+v", after.ConfigState)
	}
	r.hup <- syscall.SIGHUP
	r.until("the signal was refused too", func() bool { return strings.Count(r.log.String(), "reload refused") == 2 })
	r.write(instance("VI_1", ""))
	if again := r.status(); again.ReloadRefused != "" || again.FileDiffers {
		t.Errorf("the file is what runs, and status says %+v", again.ConfigState)
	}
}

// TestAFileThatIsGone is an error like any other.
func TestAFileThatIsGone(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	if err := os.Remove(r.opts.File); err != nil {
		t.Fatal(err)
	}
	if report := r.reload(control.ReloadRequest{}); report.Applied || report.Refused == "" {
		t.Errorf("the answer is %+v", report)
	}
}

// TestEmptyFile: an editor that truncates before it writes takes nothing down.
func TestEmptyFile(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.write("")
	r.hup <- syscall.SIGHUP
	r.until("it is refused", func() bool { return strings.Contains(r.log.String(), "reload refused") })
	s := r.status()
	if len(s.Instances) != 1 || len(s.VirtualServers) != 1 || status.ExitStatus(s) == status.OK {
		t.Errorf("status is %+v", s)
	}
	wants(t, s.ReloadRefused, "no vrrp_instance and no virtual_server", "--accept-loss")
}

// TestPlannedTextOnly: who has seen the plan of one text does not apply another.
func TestPlannedTextOnly(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.write(instance("VI_1", "") + instance2)
	report := r.reload(control.ReloadRequest{Expect: "another digest"})
	if report.Applied {
		t.Error("it was applied")
	}
	wants(t, report.Refused, "changed since the plan")
}

// TestALossIsRefused: a new warning that costs something that runs is not
// applied, until somebody says that it is meant.
func TestALossIsRefused(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.write(instance("VI_1", "") + strings.Replace(service, "real_server", "real_sever", 1))
	report := r.reload(control.ReloadRequest{})
	if report.Applied {
		t.Fatal("a letter has taken a real server out of service")
	}
	wants(t, report.Refused, "[192.0.2.10]:tcp:80", "real_sever", "--accept-loss")
	if report = r.reload(control.ReloadRequest{AcceptLoss: true}); !report.Applied {
		t.Errorf("it is refused although it is meant: %+v", report)
	}
}

// TestAnInterfaceThatTheHostLacks takes a MASTER down no more than a wrong letter does.
func TestAnInterfaceThatTheHostLacks(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.says(worker.VRRP, worker.Message{Instance: &event.InstanceState{
		Instance: "VI_1", From: event.Backup, State: event.Master, Since: time.Now(), Priority: 150}})
	r.until("it is MASTER", func() bool { return r.status().Instances[0].State == event.Master })
	r.write(strings.Replace(instance("VI_1", ""), "192.0.2.10/32", "192.0.2.10/32 dev no-such0", 1))
	r.hup <- syscall.SIGHUP
	r.until("it is refused", func() bool { return strings.Contains(r.log.String(), "reload refused") })
	s := r.status()
	wants(t, s.ReloadRefused, "vrrp_instance VI_1 would go from MASTER to FAULT",
		"director.conf:10:2: warning: this host has no interface no-such0", "--accept-loss")
	if status.ExitStatus(s) == status.OK {
		t.Error("status exits with 0")
	}
	if report := r.reload(control.ReloadRequest{AcceptLoss: true}); !report.Applied {
		t.Errorf("it is refused although it is meant: %+v", report)
	}
}

// TestRemovalIsNoLoss: what somebody removed without a finding goes through.
func TestRemovalIsNoLoss(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.write(instance("VI_1", ""))
	if report := r.reload(control.ReloadRequest{}); !report.Applied {
		t.Errorf("it is refused: %+v", report)
	}
}

// TestNotConfirmed: without a confirmation what was in force comes back.
func TestNotConfirmed(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	before := r.status().Digest
	r.write(instance("VI_1", "") + instance2)
	report := r.reload(control.ReloadRequest{Confirm: "300ms"})
	if !report.Applied || report.ConfirmUntil == nil {
		t.Fatalf("the answer is %+v", report)
	}
	if got := r.awaitTold(worker.VRRP, "configure", 3); len(got.Instances) != 1 || got.Generation != 3 {
		t.Errorf("the vrrp worker was told %+v", got)
	}
	s := r.status()
	if s.Digest != before || s.ConfirmUntil != nil || !s.FileDiffers {
		t.Errorf("status is %+v", s.ConfigState)
	}
	wants(t, s.Fallback, "not confirmed")
	wants(t, r.refused(http.MethodPost, "/v1/confirm", nil), "nothing waits for a confirmation")
}

// TestConfirmed: a confirmation keeps it.
func TestConfirmed(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.write(instance("VI_1", "") + instance2)
	if report := r.reload(control.ReloadRequest{Confirm: "1h"}); !report.Applied {
		t.Fatalf("the answer is %+v", report)
	}
	var c control.ConfirmReport
	r.ask(http.MethodPost, "/v1/confirm", nil, &c)
	if c.Generation != 2 || c.ConfirmUntil != nil {
		t.Errorf("the answer is %+v", c)
	}
	entries := r.entries()
	if last := entries[len(entries)-1]; last.Unconfirmed || last.Number != 2 {
		t.Errorf("the history has %+v", last)
	}
}

func (r *rig) entries() []history.Entry {
	r.t.Helper()
	store, err := history.Look(r.opts.StateDir, r.opts.File)
	if err != nil {
		r.t.Fatal(err)
	}
	entries, err := store.List()
	if err != nil {
		r.t.Fatal(err)
	}
	return entries
}

// TestBadDurations are refused before anything is read.
func TestBadDurations(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	for _, d := range []string{"x", "-1s", "0s", "25h", "5"} {
		wants(t, r.refused(http.MethodPost, "/v1/reload", control.ReloadRequest{Confirm: d}), "invalid duration", d)
		wants(t, r.refused(http.MethodPost, "/v1/rollback", control.ReloadRequest{Confirm: d}), "invalid duration", d)
	}
	if s := r.status(); s.Generation != 1 {
		t.Errorf("generation %d is in force", s.Generation)
	}
}

// TestRollback goes back to what was in force, by number or to the one before.
func TestRollback(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	first := r.status().Digest
	r.write(instance("VI_1", "") + instance2)
	r.reload(control.ReloadRequest{})
	second := r.status().Digest
	var report control.ReloadReport
	r.ask(http.MethodPost, "/v1/rollback", control.ReloadRequest{}, &report)
	if !report.Applied || r.status().Digest != first {
		t.Errorf("the answer is %+v", report)
	}
	r.ask(http.MethodPost, "/v1/rollback", control.ReloadRequest{Number: 2}, &report)
	if !report.Applied || r.status().Digest != second {
		t.Errorf("the answer is %+v", report)
	}
	r.ask(http.MethodPost, "/v1/rollback", control.ReloadRequest{Number: 99}, &report)
	if report.Applied || report.Refused == "" || r.status().Digest != second {
		t.Errorf("the answer is %+v", report)
	}
}

// TestManyAtOnce: each who asks gets one answer, and what is asked for last is in force.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.write(instance("VI_1", "") + instance2)
	const callers = 20
	errs := make(chan error, callers)
	for range callers {
		go func() {
			var report control.ReloadReport
			err := control.Ask(r.opts.RunDir, http.MethodPost, "/v1/reload", patience, control.ReloadRequest{}, &report)
			if err == nil && !report.Applied {
				t.Errorf("refused: %s", report.Refused)
			}
			errs <- err
		}()
		r.hup <- syscall.SIGHUP
	}
	for range callers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	r.until("the last one is in force", func() bool {
		s := r.status()
		told := r.toldOf(worker.VRRP, "configure")
		return !s.FileDiffers && told[len(told)-1].Generation == s.Generation
	})
}

// TestAWorkerThatComplains: what could not be applied is in the answer.
func TestAWorkerThatComplains(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.does(worker.VRRP, complains, "VI_1 cannot be had")
	r.write(instance("VI_1", "") + instance2)
	report := r.reload(control.ReloadRequest{})
	if !report.Applied || len(report.Problems) != 1 {
		t.Fatalf("the answer is %+v", report)
	}
	wants(t, report.Problems[0], "VI_1 cannot be had")
}

// TestATableThatFails does not keep the addresses back for ever, and is said.
func TestATableThatFails(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.does(worker.LVS, tableFails, "no such scheduler")
	r.write(instance("VI_1", "") + instance2 + service)
	report := r.reload(control.ReloadRequest{})
	if !report.Applied || len(report.Problems) == 0 {
		t.Fatalf("the answer is %+v", report)
	}
	wants(t, strings.Join(report.Problems, "\n"), "no such scheduler")
	wants(t, r.log.String(), "table is not loaded")
}

// TestDeathDuringAReload: the new worker gets the new configuration.
func TestDeathDuringAReload(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.does(worker.LVS, never, "")
	r.does(worker.LVS, noTable, "")
	r.write(instance("VI_1", "") + instance2 + service)
	r.hup <- syscall.SIGHUP
	r.awaitTold(worker.LVS, "configure", 2)
	r.doesNot(worker.LVS, never)
	r.doesNot(worker.LVS, noTable)
	started := r.toldOf(worker.LVS, "started")
	kill(t, started[len(started)-1].Pid)
	if got := r.awaitTold(worker.VRRP, "configure", 2); got.Generation != 2 {
		t.Errorf("the vrrp worker was told %+v", got)
	}
	r.until("it is in force", func() bool { return strings.Contains(r.log.String(), "msg=reloaded") })
}

// TestStopDuringAReload: who waits for it is told, and everything ends.
func TestStopDuringAReload(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.does(worker.LVS, noTable, "")
	r.does(worker.LVS, never, "")
	r.write(instance("VI_1", "") + instance2 + service)
	answered := make(chan error, 1)
	go func() {
		var report control.ReloadReport
		answered <- control.Ask(r.opts.RunDir, http.MethodPost, "/v1/reload", patience, control.ReloadRequest{}, &report)
	}()
	r.awaitTold(worker.LVS, "configure", 2)
	r.stop <- syscall.SIGTERM
	select {
	case <-answered: // an answer, or the end of the connection
	case <-time.After(patience):
		t.Error("who waits for a reload is left waiting at a stop")
	}
}

// TestFallback: a start with a file that has errors runs the last good one.
func TestFallback(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.stop <- syscall.SIGTERM
	r.ended <- <-r.ended
	again := prepared(t, "vrrp_instance {\n")
	again.opts.File, again.opts.StateDir = r.opts.File, r.opts.StateDir
	again.write("vrrp_instance VI_1 {\n")
	again.start()
	if got := again.awaitTold(worker.VRRP, "configure", 1); len(got.Instances) != 1 {
		t.Errorf("the vrrp worker was told %+v", got)
	}
	again.until("it is in service", func() bool { return again.toldReady("READY=1") })
	s := again.status()
	wants(t, s.Fallback, "has 2 errors")
	wants(t, again.log.String(), "NOT STARTED WITH THE FILE BUT WITH AN EARLIER CONFIGURATION")
	if !s.FileDiffers {
		t.Error("status does not say that the file differs")
	}
}

// TestWithoutAFallback: who wants none gets none.
func TestWithoutAFallback(t *testing.T) {
	t.Parallel()
	r := prepared(t, "vrrp_instance VI_1 {\n")
	r.opts.NoFallback = true
	if _, err := r.opts.choose(r.opts.Log); err == nil {
		t.Error("a file with errors is started")
	}
}
