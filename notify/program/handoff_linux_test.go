package program_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/notify/program"
)

// TestHandOff: a program that runs is left alone by the one who gives it up, and
// how it ends and what it prints is seen by the one who takes it on.
func TestHandOff(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	if err := unix.Mkfifo(gate, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(gate), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := me(t, "sh", "-c", "echo before; read line <"+gate+"; echo $line; exit 4")
	ctx, cancel := context.WithCancelCause(t.Context())
	started := make(chan int, 1)
	first := make(chan program.Exit, 1)
	go func() { first <- program.Runner{}.Run(ctx, cmd, func(pid int) { started <- pid }) }()
	pid := <-started
	cancel(program.ErrHandOff)
	exit := <-first
	if exit.Handoff == nil || exit.Handoff.PID != pid || exit.Handoff.Output < 0 {
		t.Fatalf("handed over as %+v of %+v", exit.Handoff, exit)
	}
	second := make(chan program.Exit, 1)
	go func() { second <- program.Runner{}.Adopt(t.Context(), exit.Handoff) }()
	if err := os.WriteFile(gate, []byte("after\n"), 0); err != nil {
		t.Fatal(err)
	}
	got := <-second
	if got.Code != 4 || got.Err != "" || got.PID != pid || got.Output != "before\nafter" {
		t.Errorf("ended as %+v, output %q", got, got.Output)
	}
}

// TestATimeoutOutlivesAHandOff: the time of a program is counted from its start.
func TestATimeoutOutlivesAHandOff(t *testing.T) {
	cmd := me(t, "sleep", "100")
	cmd.Timeout = time.Second
	ctx, cancel := context.WithCancelCause(t.Context())
	exit := program.Runner{}.Run(ctx, cmd, func(int) { cancel(program.ErrHandOff) })
	if exit.Handoff == nil {
		t.Fatalf("not handed over: %+v", exit)
	}
	got := program.Runner{}.Adopt(t.Context(), exit.Handoff)
	if took := got.Ended.Sub(exit.Started); !got.TimedOut || took < time.Second || took > 10*time.Second {
		t.Errorf("after %v: %+v", took, got)
	}
}

// TestBesideAReaper: director as PID 1 looks for orphans with waitid(P_ALL,
// WNOWAIT), which must not take the exit status of what is waited for here.
func TestBesideAReaper(t *testing.T) {
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
			}
			err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
			if err != nil && !errors.Is(err, unix.ECHILD) && !errors.Is(err, unix.EINTR) {
				t.Error(err)
				return
			}
		}
	}()
	for range 50 {
		if got := run(t, me(t, "sh", "-c", "(sleep 0.1 &) ; exit 3")); got.Code != 3 || got.Err != "" {
			t.Fatalf("ended as %+v", got)
		}
	}
	close(stop)
	<-ended
}

// A program whose exit status another part of this process has taken is not
// waited for for ever, and says so.
func TestStatusThatIsGone(t *testing.T) {
	got := program.Runner{}.Run(t.Context(), me(t, "sh", "-c", "sleep 0.1"), func(pid int) {
		var status unix.WaitStatus
		if _, err := unix.Wait4(pid, &status, 0, nil); err != nil {
			t.Error(err)
		}
	})
	if got.OK() || !strings.Contains(got.String(), "wait for sh") {
		t.Errorf("ended as %+v", got)
	}
}
