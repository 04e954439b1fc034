package control_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/worker"
)

// director answers with what it was asked.
type director struct {
	control.Controller
	waiting chan struct{} // a handover waits until it is closed
}

func (d *director) Status(context.Context, struct{}) (control.Status, error) {
	return control.Status{Version: "1"}, nil
}

func (d *director) Reload(_ context.Context, q control.ReloadRequest) (control.ReloadReport, error) {
	return control.ReloadReport{File: q.Expect, Applied: q.AcceptLoss}, nil
}

func (d *director) Confirm(context.Context, struct{}) (control.ConfirmReport, error) {
	return control.ConfirmReport{}, errors.New("nothing waits for a confirmation")
}

func (d *director) HandOver(ctx context.Context, _ control.HandoverRequest) (control.HandoverReport, error) {
	select {
	case <-d.waiting:
		return control.HandoverReport{}, nil
	case <-ctx.Done():
		return control.HandoverReport{}, ctx.Err()
	}
}

// serve runs a director's control socket.
func serve(t *testing.T) (worker.RunDir, *director, *control.Gate) {
	t.Helper()
	dir := worker.RunDir(t.TempDir())
	l, err := control.Listen(dir.Control())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d, g := &director{waiting: make(chan struct{})}, control.NewGate(l)
	ended := make(chan error, 1)
	go func() { ended <- control.Serve(ctx, g, d) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return dir, d, g
}

func TestQuestionsAndAnswers(t *testing.T) {
	dir, _, _ := serve(t)
	var s control.Status
	if err := control.Ask(dir, http.MethodGet, "/v1/status", time.Second, nil, &s); err != nil || s.Version != "1" ||
		s.SchemaVersion != control.SchemaVersion || s.Problems == nil {
		t.Errorf("status: %v, %+v", err, s)
	}
	var r control.ReloadReport
	q := control.ReloadRequest{Expect: "abc", AcceptLoss: true}
	if err := control.Ask(dir, http.MethodPost, "/v1/reload", time.Second, q, &r); err != nil || r.File != "abc" ||
		!r.Applied {
		t.Errorf("reload: %v, %+v", err, r)
	}
	var c control.ConfirmReport
	err := control.Ask(dir, http.MethodPost, "/v1/confirm", time.Second, struct{}{}, &c)
	if err == nil || !strings.Contains(err.Error(), "nothing waits for a confirmation") {
		t.Errorf("the error of the director is not told: %v", err)
	}
	for path, want := range map[string]string{"/v1/nonsense": "404", "/v1/reload": "Method Not Allowed"} {
		if err := control.Ask(dir, http.MethodGet, path, time.Second, nil, &r); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestAQuestionIsBounded: neither its size nor its form costs anything.
func TestAQuestionIsBounded(t *testing.T) {
	dir, _, _ := serve(t)
	var r control.ReloadReport
	for name, q := range map[string]any{
		"too large": control.ReloadRequest{Expect: strings.Repeat("x", 1<<20)}, "another form": []string{"x"},
	} {
		err := control.Ask(dir, http.MethodPost, "/v1/reload", time.Second, q, &r)
		if err == nil || !strings.Contains(err.Error(), "reading the question") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNobodyThere: no socket, one that a dead director has left, and one that this
// user may not open, are three things.
func TestNobodyThere(t *testing.T) {
	dir := worker.RunDir(t.TempDir())
	var s control.Status
	ask := func() error { return control.Ask(dir, http.MethodGet, "/v1/status", time.Second, nil, &s) }
	if err := ask(); !errors.Is(err, control.ErrNoDirector) {
		t.Errorf("without a socket: %v", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dir.Control(), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if err := ask(); !errors.Is(err, control.ErrNoDirector) {
		t.Errorf("with an old socket: %v", err)
	}
	again, err := control.Listen(dir.Control())
	if err != nil {
		t.Fatalf("an old socket is in the way: %v", err)
	}
	defer again.Close()
	if info, err := os.Stat(dir.Control()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v (%v)", info.Mode(), err)
	}
	if _, err := control.Listen(filepath.Join(string(dir), "missing", "control.sock")); err == nil {
		t.Error("a socket in no directory")
	}
}

// TestTheUmaskStays: it is the whole process's, and a directory that something else
// makes at the same time has to be one that can be entered.
func TestTheUmaskStays(t *testing.T) {
	dir := t.TempDir()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			l, err := control.Listen(filepath.Join(dir, "control.sock"))
			if err != nil {
				t.Error(err)
				return
			}
			l.Close()
		}
	}()
	for n := 0; ; n++ {
		select {
		case <-done:
			return
		default:
		}
		made := filepath.Join(dir, strconv.Itoa(n))
		if err := os.Mkdir(made, 0o755); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(made); err != nil || info.Mode().Perm()&0o100 == 0 {
			t.Fatalf("a directory was made with mode %v (%v)", info.Mode(), err)
		}
	}
}

// TestGate: whoever asks while the gate is shut waits, and is answered afterwards;
// one who waits for an answer is seen.
func TestGate(t *testing.T) {
	dir, d, g := serve(t)
	asked := make(chan error, 1)
	go func() {
		var r control.HandoverReport
		asked <- control.Ask(dir, http.MethodPost, "/v1/handover", 20*time.Second, control.HandoverRequest{Name: "all"}, &r)
	}()
	until(t, "somebody asks", func() bool { return !g.Idle() })
	close(d.waiting)
	if err := <-asked; err != nil {
		t.Error(err)
	}
	until(t, "nobody asks any more", g.Idle)

	g.Shut()
	go func() {
		var s control.Status
		asked <- control.Ask(dir, http.MethodGet, "/v1/status", 20*time.Second, nil, &s)
	}()
	select {
	case err := <-asked:
		t.Errorf("answered although the gate is shut: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	g.Unshut()
	if err := <-asked; err != nil {
		t.Error(err)
	}
}

func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain until " + what)
		}
	}
}
