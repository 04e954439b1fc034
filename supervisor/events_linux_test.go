package supervisor

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/worker"
)

// why asks for the chain behind an object, with its depth as blanks.
func (r *rig) why(object string) string {
	r.t.Helper()
	var report control.WhyReport
	r.ask(http.MethodPost, "/v1/why", control.WhyRequest{Object: object}, &report)
	var lines []string
	for _, s := range report.Steps {
		lines = append(lines, strings.Repeat(" ", s.Depth)+s.Text)
	}
	return strings.Join(lines, "\n")
}

// TestAReloadNamesWhoAskedForIt: commands that were refused are no cause of the reload that comes later.
func TestAReloadNamesWhoAskedForIt(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	for range 3 {
		var report control.ReloadReport
		r.ask(http.MethodPost, "/v1/reload", control.ReloadRequest{Expect: "feed"}, &report)
		if report.Applied {
			t.Fatal("a text that is not there was put in force")
		}
	}
	r.hup <- syscall.SIGHUP
	r.until("the reload is kept", func() bool {
		return strings.Contains(r.why("configuration "+r.opts.File), "(SIGHUP)")
	})
	text := r.why("configuration " + r.opts.File)
	if n := strings.Count(text, "because "); n != 1 {
		t.Errorf("the reload has %d causes, want the signal alone:\n%s", n, text)
	}
}

// TestAWorkerIsBackInTheEvents: its death and its new life are kept, the one as the cause of the other.
func TestAWorkerIsBackInTheEvents(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	kill(t, r.awaitTold(worker.VRRP, "started", 1).Pid)
	r.awaitTold(worker.VRRP, "configure", 2)
	want := "worker vrrp went from dead to running"
	r.until("why names the death", func() bool {
		text := r.why("vrrp")
		return strings.HasPrefix(text, want) && strings.Contains(text, " because worker vrrp went from running to dead")
	})
}
