package fronts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/fronts"
	"github.com/lvs-director/director/worker/front"
)

func init() { runtime.LockOSThread() } // as in the program

// A fake front is this test binary with a role.
const role = "DIRECTOR_TEST_FRONT"

func TestMain(m *testing.M) {
	if os.Getenv(role) != "" {
		if err := fake(os.Getenv(role)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func fake(role string) error {
	conn, err := front.Inherited()
	if err != nil {
		return err
	}
	if role == "listens" {
		return listen(conn)
	}
	if role == "dies" {
		return fmt.Errorf("it dies")
	}
	if role == "asks for an action" {
		if err := conn.Send(front.Do, []byte(`{"id":7,"action":"reload","way":"D-Bus","who":"uid 0\u001b"}`), time.Minute); err != nil {
			return err
		}
		for {
			kind, body, err := conn.Receive(front.MaxToFront)
			if err != nil {
				return err
			}
			if kind == front.Done {
				return fmt.Errorf("told %s", body)
			}
		}
	}
	if role == "babbles" {
		if err := conn.Send('?', []byte("what"), time.Minute); err != nil {
			return err
		}
		for { // until it is killed
			if _, _, err := conn.Receive(front.MaxToFront); err != nil {
				return err
			}
		}
	}
	go func() {
		for {
			if _, _, err := conn.Receive(front.MaxToFront); err != nil {
				os.Exit(0)
			}
		}
	}()
	for {
		kind, body := front.Ask, []byte(nil)
		if role == "complains" {
			kind, body = front.Alive, []byte(`{"Problems":["the port\u001b is in use"]}`)
		}
		if err := conn.Send(kind, body, time.Minute); err != nil {
			return nil
		}
		if role != "floods" {
			time.Sleep(20 * time.Millisecond)
		}
	}
}

func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

func unmarshal(text []byte, v any) {
	if err := json.Unmarshal(text, v); err != nil {
		panic(err)
	}
}

// rig is a keeper of fake fronts.
type rig struct {
	*fronts.Keeper
	t         *testing.T
	snapshots atomic.Int64
	starts    atomic.Int64
	did       atomic.Int64
	ends      atomic.Int64 // that nobody wanted
	log       string       // its file
}

func keeping(t *testing.T, as string) *rig {
	t.Helper()
	r := &rig{t: t, log: filepath.Join(t.TempDir(), "log")}
	log, err := os.Create(r.log)
	if err != nil {
		t.Fatal(err)
	}
	r.Keeper = fronts.New(fronts.Options{
		Log: slog.New(slog.NewTextHandler(log, nil)),
		Start: func(peer, complaints *os.File) (*exec.Cmd, error) {
			r.starts.Add(1)
			if as == "absent" {
				return nil, syscall.EPERM
			}
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), role+"="+as)
			cmd.ExtraFiles = []*os.File{peer}
			cmd.Stderr = complaints
			return cmd, cmd.Start()
		},
		Ended: func(string) { r.ends.Add(1) },
		Do: func(_ context.Context, q front.Request) (any, error) {
			r.did.Add(1)
			return nil, nil
		},
		Snapshot: func(context.Context) ([]byte, error) {
			r.snapshots.Add(1)
			return []byte("{}"), nil
		},
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		log.Close()
		if s := r.State(); s.Pid != 0 {
			t.Errorf("process %d is left", s.Pid)
		}
	})
	return r
}

func (r *rig) until(what string, condition func(fronts.State) bool) fronts.State {
	r.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s := r.State()
		if condition(s) {
			return s
		}
		if time.Now().After(end) {
			r.t.Fatalf("waited in vain until %s: %+v", what, s)
		}
	}
}

func (r *rig) logged() string {
	text, err := os.ReadFile(r.log)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

var wanted = front.Settings{Metrics: front.Metrics{Listen: "127.0.0.1:1"}}

// TestNobodyWantsAFront: without settings no process is there, and it goes with them.
func TestNobodyWantsAFront(t *testing.T) {
	r := keeping(t, "asks")
	if _, _, on := fronts.Report(r.State()); on || r.starts.Load() != 0 {
		t.Error("there is one")
	}
	r.Apply(wanted)
	first := r.until("it is heard", func(s fronts.State) bool { return s.Pid != 0 && !s.Heard.IsZero() })
	r.Apply(front.Settings{})
	r.until("it is gone", func(s fronts.State) bool { return s.Pid == 0 })
	r.Apply(wanted)
	s := r.until("another one is there", func(s fronts.State) bool { return s.Pid != 0 && s.Pid != first.Pid })
	if s.Restarts != 0 || r.ends.Load() != 0 {
		t.Errorf("that are no restarts: %+v, and %d ends are told", s, r.ends.Load())
	}
}

// TestAFrontThatAsksTooMuch is told no more often than once in a second.
func TestAFrontThatAsksTooMuch(t *testing.T) {
	r := keeping(t, "asks")
	began := time.Now()
	r.Apply(wanted)
	r.until("it is told twice", func(fronts.State) bool { return r.snapshots.Load() >= 2 })
	if most := int64(time.Since(began)/front.SnapshotInterval) + 2; r.snapshots.Load() > most {
		t.Errorf("%d snapshots in %v", r.snapshots.Load(), time.Since(began))
	}
}

// TestAFrontThatFails: it is started again after a pause, and status says why it is not there.
func TestAFrontThatFails(t *testing.T) {
	for as, want := range map[string]string{
		"dies": "exit status 1: it dies", "floods": "it has said more than 100 things in 1s",
		"babbles": "it says what is not understood", "absent": "operation not permitted",
	} {
		t.Run(as, func(t *testing.T) {
			t.Parallel()
			r := keeping(t, as)
			r.Apply(wanted)
			s := r.until("it has ended twice", func(s fronts.State) bool { return s.Restarts >= 2 && s.Error != "" })
			_, problems, _ := fronts.Report(s)
			if got := strings.Join(problems, "\n"); !strings.Contains(got, want) || !strings.Contains(got, "the front") {
				t.Errorf("status has %q, want %q", got, want)
			}
			if n := r.ends.Load(); n < 2 {
				t.Errorf("%d ends are told", n)
			}
			if n := strings.Count(r.logged(), "the front has ended"); n != 1 {
				t.Errorf("that is said %d times:\n%s", n, r.logged())
			}
			r.Apply(front.Settings{})
			if _, problems, on := fronts.Report(r.State()); on || problems != nil {
				t.Errorf("nobody wants it any more: %q", problems)
			}
		})
	}
}

// TestAFrontThatComplains: what it cannot do is said once, in words that harm no terminal.
func TestAFrontThatComplains(t *testing.T) {
	r := keeping(t, "complains")
	r.Apply(wanted)
	s := r.until("its problem is known", func(s fronts.State) bool { return len(s.Problems) == 1 })
	r.until("it is heard again", func(now fronts.State) bool { return now.Heard.After(s.Heard) })
	if s.Problems[0] != "the port  is in use" || strings.Count(r.logged(), "the port") != 1 {
		t.Errorf("problem %q, log\n%s", s.Problems, r.logged())
	}
}

// TestPause: an upgrade leaves no front behind, and one that fails has it back.
func TestPause(t *testing.T) {
	r := keeping(t, "asks")
	r.Pause(30 * time.Second) // of none
	r.Resume()
	r.Apply(wanted)
	first := r.until("it runs", func(s fronts.State) bool { return s.Pid != 0 })
	r.Pause(30 * time.Second)
	if s := r.State(); s.Pid != 0 || syscall.Kill(first.Pid, 0) == nil {
		t.Errorf("process %d is left: %+v", first.Pid, s)
	}
	r.Resume()
	r.until("another one runs", func(s fronts.State) bool { return s.Pid != 0 && s.Pid != first.Pid })
}

// TestRefused: a front that asks for what the configuration does not permit is told so, and nothing is done.
func TestRefused(t *testing.T) {
	r := keeping(t, "asks for an action")
	r.Apply(front.Settings{Metrics: front.Metrics{Listen: "127.0.0.1:1"}})
	r.until("the front is told", func(s fronts.State) bool {
		return strings.Contains(s.Error,
			`told {"id":7,"error":"the configuration does not permit reload by the D-Bus"}`)
	})
	if r.did.Load() != 0 {
		t.Errorf("%d requests were carried out", r.did.Load())
	}
}
