package supervisor

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
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
