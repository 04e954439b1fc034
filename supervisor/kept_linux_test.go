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

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/handover"
	"github.com/lvs-director/director/supervisor/overrides"
	"github.com/lvs-director/director/worker"
)

// unreadable makes something at the path that can be opened and not read, as on a disk
// with an error.
func unreadable(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

// TestFilesThatCannotBeRead at the start: nothing is done to them, and what they say is in
// force as soon as they can be read, beside what was asked for meanwhile.
func TestFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	r := prepared(t, instance("VI_1", "")+service)
	drains, handovers := overrides.File(r.opts.StateDir, r.opts.File), handover.File(r.opts.StateDir, r.opts.File)
	unreadable(t, drains)
	unreadable(t, handovers)
	r.start()
	r.serves()
	for _, path := range []string{drains, handovers} {
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			t.Errorf("%s was put aside: %v", path, err)
		}
	}
	if !r.hasProblem("drains and weights that were set before the start are not in force", "is a directory") ||
		!r.hasProblem("instances that were handed over before the start take part", "is a directory") {
		t.Errorf("problems: %v", r.status().Problems)
	}
	report := r.override(control.OverrideRequest{Action: control.ActionWeight, Name: "10.0.0.3", Weight: 7})
	wants(t, report.NotKept, "is a directory")

	var before overrides.Set
	drain := event.Override{RealServer: "10.0.0.3", Kind: event.Drain, Source: event.SourceOperator}
	if err := before.Add(drain); err != nil {
		t.Fatal(err)
	}
	var orders handover.Set
	orders.Begin([]string{"VI_1"}, time.Now(), time.Time{})
	for path, save := range map[string]func(string) error{
		drains:    func(path string) error { return before.Save(path, worker.BootID()) },
		handovers: orders.Save,
	} {
		other := path + ".mended"
		if err := save(other); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(other, path); err != nil {
			t.Fatal(err)
		}
	}
	r.until("the drain of before is in force as well", func() bool { return len(r.status().Overrides) == 2 })
	r.until("the handover of before is in force", func() bool { return r.lastOrders()["VI_1"] != 0 })
	r.until("the drain and the handover are all that is left to tell", func() bool {
		s := r.status()
		return len(s.Problems) == 0 && len(s.Overrides) == 2 && s.Instances[0].HandedOver != nil
	})
	r.until("both are kept", func() bool {
		text, _ := os.ReadFile(drains)
		return strings.Count(string(text), `"real_server"`) == 2
	})
}

// TestADiskThatDoesNotAnswer stops nothing but the answer to who asked for a change.
func TestADiskThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	file := overrides.File(r.opts.StateDir, r.opts.File)
	pipe := file + ".new" // whoever opens it to write waits for a reader
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	answered := make(chan control.OverrideReport, 2)
	drain := func() {
		var report control.OverrideReport
		_ = control.Ask(r.opts.RunDir, http.MethodPost, "/v1/override", patience,
			control.OverrideRequest{Action: control.ActionDrain, Name: "10.0.0.3"}, &report) // empty after an error
		answered <- report
	}
	go drain()
	r.until("the drain is in force", func() bool { return len(r.status().Overrides) == 1 })
	select {
	case report := <-answered:
		t.Errorf("it is answered before it is on the disk: %+v", report)
	default:
	}
	report := <-answered
	if len(report.Changed) != 1 || !strings.Contains(report.NotKept, "the disk has not answered") {
		t.Errorf("the answer: %+v", report)
	}
	wants(t, r.refused(http.MethodPost, "/v1/override",
		control.OverrideRequest{Action: control.ActionUndrain, Name: "10.0.0.9"}), "there is no real server")
	reader, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := os.Remove(pipe); err != nil {
		t.Fatal(err)
	}
	r.until("it is kept when the disk answers again", func() bool {
		text, _ := os.ReadFile(file)
		return strings.Contains(string(text), "10.0.0.3") && !r.hasProblem("are not kept")
	})
	go drain()
	if report := <-answered; len(report.Changed) != 1 || report.NotKept != "" {
		t.Errorf("the answer: %+v", report)
	}
}

// TestAHistoryThatDoesNotAnswer stops nothing: the reload is in force and answered, status
// answers, and the history has it when the disk answers again.
func TestAHistoryThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.until("the start is in the history", func() bool { return r.status().Number == 1 })
	pipe := filepath.Join(r.opts.StateDir, "history", "000007.tar") // whoever opens it to read waits for a writer
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	r.write(instance("VI_1", "") + instance2)
	answered := make(chan control.ReloadReport, 2)
	reload := func() {
		var report control.ReloadReport
		_ = control.Ask(r.opts.RunDir, http.MethodPost, "/v1/reload", patience, control.ReloadRequest{Confirm: "1h"},
			&report) // empty after an error
		answered <- report
	}
	go reload()
	r.until("the reload is in force", func() bool { s := r.status(); return s.Generation == 2 && len(s.Instances) == 2 })
	select {
	case report := <-answered:
		t.Errorf("it is answered before it is in the history: %+v", report)
	default:
	}
	if report := <-answered; !report.Applied || report.Number != 0 {
		t.Errorf("the answer: %+v", report)
	}
	go func() { // it is confirmed while it is being written
		var c control.ConfirmReport
		_ = control.Ask(r.opts.RunDir, http.MethodPost, "/v1/confirm", patience, nil, &c)
	}()
	r.until("it is confirmed", func() bool { return r.status().ConfirmUntil == nil })
	writer, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(pipe), writer.Close()); err != nil {
		t.Fatal(err)
	}
	r.until("the history has it", func() bool { return r.status().Number > 1 })
	r.until("it is confirmed there", func() bool {
		list := r.entries()
		return len(list) == 2 && !list[1].Unconfirmed
	})
	if r.hasProblem("history") {
		t.Errorf("problems: %v", r.status().Problems)
	}
}
