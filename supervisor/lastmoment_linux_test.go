package supervisor

import (
	"errors"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/worker"
)

// slowTracker has a script that takes a while to end; the file ending is there when it
// was told to.
func slowTracker(t *testing.T) (config, ending string) {
	t.Helper()
	dir := t.TempDir()
	script, ending := filepath.Join(dir, "slow"), filepath.Join(dir, "ending")
	text := "#!/bin/sh\ntrap ': >" + ending + "; sleep 1; exit 0' TERM\n: >" + dir + "/runs\n" +
		"while :; do sleep 0.05; done\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return "global_defs {\n script_user root\n}\nvrrp_script slow {\n script " + script +
		"\n interval 60\n timeout 60\n}\n", ending
}

// exists says whether there is a file.
func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// TestASignalBetweenTheWorkersAndTheExec, when everything was prepared to be handed off:
// a SIGHUP is obeyed when the exec has failed, a SIGTERM leaves no other program to be
// executed.
func TestASignalBetweenTheWorkersAndTheExec(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ hup, term bool }{
		"HUP":          {hup: true},
		"TERM":         {term: true},
		"HUP and TERM": {hup: true, term: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scripts, ending := slowTracker(t)
			const track = " track_script {\n slow\n }\n"
			r := running(t, scripts+instance("VI_1", track))
			r.until("the script runs", func() bool { return exists(filepath.Join(filepath.Dir(ending), "runs")) })
			r.write(scripts + instance("VI_1", track) + instance2)
			path := r.other("")
			r.ask(http.MethodPost, "/v1/upgrade", control.UpgradeRequest{Binary: path}, &control.UpgradeReport{})
			r.until("the exec is near", func() bool { return exists(ending) })
			if tc.hup {
				r.hup <- syscall.SIGHUP
			}
			if !tc.term {
				if got := r.awaitTold(worker.VRRP, "configure", 2); len(got.Instances) != 2 {
					t.Errorf("the reload has the instances %v", got.Instances)
				}
				wants(t, r.upgraded().Error, "executing "+path)
				return
			}
			r.stopped()
			r.awaitTold(worker.VRRP, "finish", 1)
			r.gone()
			if text := r.log.String(); strings.Contains(text, "executing") {
				t.Error("another program was executed after a SIGTERM")
			}
		})
	}
}

// TestWhoAsksDuringAnUpgrade is answered by whichever program there is; one who waits for
// something long holds it up for a moment only, and is not forgotten when it fails.
func TestWhoAsksDuringAnUpgrade(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.isMaster("VI_1")
	waits := r.later(http.MethodPost, "/v1/handover", control.HandoverRequest{Name: "VI_1"})
	r.awaitTold(worker.VRRP, "handover", 1)
	over, asked := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			var s control.Status
			err := control.Ask(r.opts.RunDir, http.MethodGet, "/v1/status", patience, nil, &s)
			select {
			case <-over:
				asked <- err
				return
			default:
			}
			if err != nil {
				asked <- err
				return
			}
		}
	}()
	path := r.other("")
	r.ask(http.MethodPost, "/v1/upgrade", control.UpgradeRequest{Binary: path}, &control.UpgradeReport{})
	wants(t, r.upgraded().Error, "executing "+path)
	close(over)
	if err := <-asked; err != nil {
		t.Errorf("who asked for the status during the upgrade got: %v", err)
	}
	select {
	case err := <-waits:
		t.Fatalf("who waits for the handover was answered before it was done: %v", err)
	default:
	}
	r.says(worker.VRRP, worker.Message{Instance: &event.InstanceState{
		Instance: "VI_1", From: event.Master, State: event.Backup, Since: time.Now(), Reason: "handed over",
		HandedOver: true, HandOver: r.toldOf(worker.VRRP, "handover")[0].HandOver["VI_1"],
	}})
	select {
	case err := <-waits:
		if err != nil {
			t.Errorf("who waits for the handover got: %v", err)
		}
	case <-time.After(patience):
		t.Error("who waits for the handover was forgotten by an upgrade that failed")
	}
}

// TestAnUpgradeWhileAWorkerIsDown hands off nothing: the other worker is taken back.
func TestAnUpgradeWhileAWorkerIsDown(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.does(worker.LVS, dies, "")
	kill(t, r.awaitTold(worker.LVS, "started", 1).Pid)
	r.awaitTold(worker.LVS, "started", 5) // from here on it is down for seconds
	err := control.Ask(r.opts.RunDir, http.MethodPost, "/v1/upgrade", patience,
		control.UpgradeRequest{Binary: r.other("")}, &control.UpgradeReport{})
	if err != nil {
		wants(t, err.Error(), "nothing has changed", "lvs")
	} else {
		wants(t, r.upgraded().Error, "the lvs worker cannot be handed off")
	}
	r.doesNot(worker.LVS, dies)
	r.isMaster("VI_1") // the vrrp worker is heard
	if n := len(r.toldOf(worker.VRRP, "started")); n != 1 {
		t.Errorf("the vrrp worker was started %d times", n)
	}
	r.awaitTold(worker.LVS, "configure", 2)
}

// TestSignalsAreTakenIn, real ones: a HUP once, however many came; a TERM or INT stays
// until the supervisor has obeyed it. This test changes the signals of the whole
// process, so that no other may run beside it.
func TestSignalsAreTakenIn(t *testing.T) {
	t.Cleanup(func() { signal.Reset(syscall.SIGHUP) })
	t.Setenv(handoffVar, "3")
	early := ListenEarly()
	if early == nil {
		t.Fatal("a program that takes over takes no signals in")
	}
	defer early.close()
	rig := prepared(t, instance("VI_1", ""))
	s := rig.opts.supervisor()
	s.signals, s.reload = *early, reload.New(rig.opts.load())
	raise := func(sig syscall.Signal) {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
	}
	if hup, err := s.takeSignals(); hup || err != nil {
		t.Errorf("before any signal: %v, %v", hup, err)
	}
	raise(syscall.SIGHUP)
	raise(syscall.SIGHUP)
	rig.until("the HUP has come", func() bool { return len(early.hup) > 0 })
	early.delivered()
	if hup, err := s.takeSignals(); !hup || err != nil {
		t.Errorf("after a HUP: %v, %v", hup, err)
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		raise(sig)
		rig.until("it has come", func() bool { return len(early.stop) > 0 })
		for range 3 {
			if _, err := s.takeSignals(); !errors.Is(err, errStopping) {
				t.Errorf("after %v: %v", sig, err)
			}
		}
		if got := <-early.stop; got != sig {
			t.Errorf("%v came as %v", sig, got)
		}
	}
	// In the last moment without a holder a HUP must not end the next program, which has
	// no handler yet.
	if err := s.lastSignals(&handoff{}); err != nil || !signal.Ignored(syscall.SIGHUP) {
		t.Errorf("the last moment: %v, ignored: %v", err, signal.Ignored(syscall.SIGHUP))
	}
	// One that came just before is written down for it.
	h := &handoff{Version: handoffVersion}
	if err := h.save(); err != nil {
		t.Fatal(err)
	}
	fd := duplicate(t, h.file)
	defer h.file.Close()
	s.tellReload(reload.Hold{})
	early.hup <- syscall.SIGHUP
	if err := s.lastSignals(h); err != nil {
		t.Error(err)
	}
	if next, err := readHandoff(strconv.Itoa(fd)); err != nil || !next.Reload {
		t.Errorf("the next program reads %+v, %v", next, err)
	}
}
