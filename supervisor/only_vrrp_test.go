package supervisor

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/worker"
)

// TestNobodyWaitsForATable that nobody loads: with -P there is no lvs worker.
func TestNobodyWaitsForATable(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var lines strings.Builder
		// Without either worker no process is started.
		o := &Options{OnlyVRRP: true, OnlyCheckers: true, StateDir: dir, File: filepath.Join(dir, "a.conf"),
			RunDir: worker.RunDir(os.DevNull + "/none"), Log: slog.New(slog.NewTextHandler(&lines, nil)), Flush: func() {}}
		s := o.supervisor()
		s.ready = func(string) {}
		s.gate = control.NewGate(nil)
		s.reload = reload.New(&loaded{cfg: &conf.Config{}})
		s.signals.stop = make(chan os.Signal, 1)
		ended := make(chan error)
		go func() { ended <- s.run(context.Background(), nil) }()
		time.Sleep(2 * rollout.TablePatience)
		s.signals.stop <- syscall.SIGTERM
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if strings.Contains(lines.String(), "IPVS") {
			t.Error(lines.String())
		}
	})
}

// TestNobodyWaitsForASession that no process has: with -C there is no BFD, and a real server is not down for that.
func TestNobodyWaitsForASession(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.conf")
	text := "bfd_instance r {\n  neighbor_ip 192.0.2.9\n}\nvirtual_server 192.0.2.1 80 {\n  real_server 192.0.2.2 80 {\n" +
		"    BFD_CHECK {\n      name r\n      alpha\n    }\n  }\n}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l := (&Options{OnlyCheckers: true}).read(path, load.Options{})
	announced := &conf.Config{Announces: []*conf.Announce{{TrackBFDs: []conf.Track{{Name: "r"}}}}}
	if f := withoutSessions(announced); len(f) != 1 || len(announced.Announces[0].TrackBFDs) != 0 {
		t.Errorf("an announce block waits for a session: %+v", f)
	}
	if c := l.cfg.VirtualServers[0].RealServers[0].Checkers[0]; c.BFD != "" || c.Alpha || len(l.cfg.BFDs) != 0 {
		t.Errorf("the check waits for session %q (alpha %v); there are %d sessions", c.BFD, c.Alpha, len(l.cfg.BFDs))
	}
	said := slices.ContainsFunc(l.findings, func(f conf.Finding) bool {
		return f.Unserved && strings.Contains(f.Message, "BFD_CHECK is not run")
	})
	if !said {
		t.Errorf("said is %+v", l.findings)
	}
	if l := (&Options{}).read(path, load.Options{}); l.cfg.VirtualServers[0].RealServers[0].Checkers[0].BFD != "r" {
		t.Errorf("with VRRP: %+v", l.findings)
	}
}
