package supervisor

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/overrides"
	"github.com/lvs-director/director/worker"
)

// isKept waits until what is in force has a number of the history.
func (r *rig) isKept(number int) {
	r.t.Helper()
	r.until("what is in force is in the history", func() bool {
		s := r.status()
		return s.Number == number && s.HistoryError == ""
	})
}

// reasons are why the configurations of the history came into force.
func (r *rig) reasons() string {
	var list []string
	for _, e := range r.entries() {
		list = append(list, e.Reason)
	}
	return strings.Join(list, ", ")
}

// TestAConfirmationOfWhatIsGone: somebody has removed the entry that is confirmed. It counts
// all the same, and what comes into force later is kept.
func TestAConfirmationOfWhatIsGone(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.write(instance("VI_1", "") + instance2)
	if report := r.reload(control.ReloadRequest{Confirm: "1h"}); !report.Applied || report.Number != 2 {
		t.Fatalf("the answer is %+v", report)
	}
	if err := os.Remove(r.archive("000002.unconfirmed.tar")); err != nil {
		t.Fatal(err)
	}
	var c control.ConfirmReport
	r.ask(http.MethodPost, "/v1/confirm", nil, &c)
	if c.Generation != 2 || c.HistoryError != "" || c.ConfirmUntil != nil {
		t.Errorf("the answer is %+v", c)
	}
	wants(t, r.refused(http.MethodPost, "/v1/confirm", nil), "nothing waits for a confirmation")
	r.write(instance("VI_1", " advert_int 2\n"))
	if report := r.reload(control.ReloadRequest{}); !report.Applied || report.Number != 2 {
		t.Errorf("the next one is not kept: %+v", report)
	}
	if got := r.reasons(); got != "start, reload" || r.hasProblem("history") {
		t.Errorf("the history has %q; problems: %v", got, r.status().Problems)
	}
}

// TestAHistoryThatIsMended: without one there is no rollback, and a configuration that is
// not confirmed is taken back all the same. It is kept as soon as it can be.
func TestAHistoryThatIsMended(t *testing.T) {
	t.Parallel()
	r := prepared(t, instance("VI_1", ""))
	r.noHistory()
	r.start()
	r.serves()
	r.until("status says it", func() bool { return r.hasProblem("history", "not a directory") })
	wants(t, r.refused(http.MethodPost, "/v1/rollback", control.ReloadRequest{}), "there is no history", "not a directory")
	var report control.ReloadReport
	r.ask(http.MethodPost, "/v1/rollback", control.ReloadRequest{Number: 1}, &report)
	wants(t, report.Refused, "there is no history: director status says why")
	r.write(instance("VI_1", "") + instance2)
	if report := r.reload(control.ReloadRequest{Confirm: "1s"}); !report.Applied || report.Number != 0 {
		t.Errorf("the answer is %+v", report)
	}
	if got := r.awaitTold(worker.VRRP, "configure", 3); len(got.Instances) != 1 {
		t.Errorf("the vrrp worker was told %+v", got)
	}
	if err := os.Remove(r.archive("")); err != nil {
		t.Fatal(err)
	}
	r.isKept(1)
	if got := r.reasons(); got != "not confirmed, back to the one before" {
		t.Errorf("the history has %q", got)
	}
	if n := strings.Count(r.log.String(), "failed to write the history"); n != 1 {
		t.Errorf("the log has it %d times", n)
	}
	wants(t, r.log.String(), "the history of configurations is written again")
	wants(t, r.refused(http.MethodPost, "/v1/rollback", control.ReloadRequest{}), "no configuration before the one")
}

// TestAFullHistory: what is confirmed meanwhile is kept as confirmed later, and a rollback
// from what is not kept goes to the newest that is.
func TestAFullHistory(t *testing.T) {
	t.Parallel()
	r := prepared(t, instance("VI_1", ""))
	small(t, r.opts.StateDir, 256<<10)
	r.start()
	r.serves()
	r.isKept(1)
	first := r.status().Digest
	full := fill(t, r.opts.StateDir)
	r.write(instance("VI_1", "") + instance2)
	if report := r.reload(control.ReloadRequest{Confirm: "1h"}); !report.Applied || report.Number != 0 {
		t.Errorf("the answer is %+v", report)
	}
	var c control.ConfirmReport
	r.ask(http.MethodPost, "/v1/confirm", nil, &c)
	if c.Number != 0 || !strings.Contains(c.HistoryError, "no space left on device") {
		t.Errorf("the answer is %+v", c)
	}
	var report control.ReloadReport
	r.ask(http.MethodPost, "/v1/rollback", control.ReloadRequest{}, &report)
	if s := r.status(); !report.Applied || s.Digest != first {
		t.Errorf("a rollback: %+v; status: %+v", report, s.ConfigState)
	}
	if report := r.reload(control.ReloadRequest{Confirm: "1h"}); !report.Applied {
		t.Errorf("the answer is %+v", report)
	}
	r.ask(http.MethodPost, "/v1/confirm", nil, &c)
	if err := os.Remove(full); err != nil {
		t.Fatal(err)
	}
	r.isKept(2)
	if list := r.entries(); len(list) != 2 || list[1].Unconfirmed || list[1].Digest != r.status().Digest {
		t.Errorf("the history has %+v", list)
	}
}

// TestAStopWaitsForTheDisk, for a while: what is in force is in the history of the next start.
func TestAStopWaitsForTheDisk(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file    func(r *rig) string // that does not answer
		flag    int                 // what it waits for
		answers bool
	}{
		"the history answers":        {inHistory, os.O_WRONLY, true},
		"the history never answers":  {inHistory, os.O_WRONLY, false},
		"the overrides answer":       {besideOverrides, os.O_RDONLY, true},
		"the overrides never answer": {besideOverrides, os.O_RDONLY, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := running(t, instance("VI_1", "")+service)
			r.isKept(1)
			pipe := tc.file(r)
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			r.write(instance("VI_1", "") + instance2 + service)
			r.hup <- syscall.SIGHUP
			drained := r.later(http.MethodPost, "/v1/override",
				control.OverrideRequest{Action: control.ActionDrain, Name: "10.0.0.3"})
			r.until("both are in force", func() bool {
				s := r.status()
				return s.Generation == 2 && len(s.Overrides) == 1 && (pipe != besideOverrides(r) || s.Number == 2)
			})
			if !tc.answers {
				if took := r.stopped(); took < lastWrites {
					t.Errorf("it waited for %v only", took)
				}
			} else {
				r.stop <- syscall.SIGTERM
				r.until("all but the disk has ended", func() bool { return strings.Contains(r.log.String(), "msg=stopped") })
			}
			stopped := time.Now()
			// What it waits for is the other end of the pipe.
			end, err := os.OpenFile(pipe, tc.flag|syscall.O_NONBLOCK, 0)
			if err == nil {
				err = errors.Join(os.Remove(pipe), end.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
			r.end()
			r.isAnswered("a drain", drained)
			r.gone()
			if took := time.Since(stopped); took >= lastWrites {
				t.Errorf("the disk has answered, and the end takes %v more", took)
			}
			if got := r.reasons(); tc.answers && got != "start, reload" {
				t.Errorf("the history has %q", got)
			}
			// This process goes on, and so does what it writes.
			r.until("nothing is written any more", func() bool { return r.reasons() == "start, reload" })
		})
	}
}

func inHistory(r *rig) string { return r.archive("000007.tar") }

func besideOverrides(r *rig) string {
	return filepath.Clean(overrides.File(r.opts.StateDir, r.opts.File) + ".new")
}
