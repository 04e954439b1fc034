//go:build unix

package worker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

// The test binary is the worker when this is set: to what it has to do.
const roleEnv = "DIRECTOR_TEST_WORKER"

// As in the program: see worker.Start.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	if _, ok := os.LookupEnv("GORACE"); !ok { // else each child with the race detector takes a second to end
		os.Setenv("GORACE", "atexit_sleep_ms=10")
	}
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(beWorker(role))
	}
	os.Exit(m.Run())
}

// beWorker says hello, answers every Configure with Applied, and ends at
// Finish or when the supervisor is gone. A Tracker comes back as a Check.
func beWorker(role string) int {
	if role == "rubbish" {
		os.NewFile(worker.ConnFD, "").WriteString("this is not a message")
		time.Sleep(time.Minute)
	}
	conn, err := worker.Inherited()
	if err != nil {
		return 10
	}
	if role == "die" {
		return 3
	}
	if conn.Write(worker.Message{Hello: &worker.Hello{Version: worker.ProtocolVersion, Pid: os.Getpid()}}) != nil {
		return 11
	}
	if role == "slow" {
		time.Sleep(2 * time.Second)
	}
	for {
		m, err := conn.Read()
		if err != nil {
			return 12
		}
		if m.Tracker != nil {
			conn.Write(worker.Message{Check: &event.CheckResult{Reason: m.Tracker.Name}})
		}
		if m.Configure != nil {
			conn.Write(worker.Message{Applied: &worker.Applied{Generation: m.Configure.Generation}})
		}
		if m.Finish != nil {
			return 0
		}
	}
}

type kept struct {
	*worker.Keeper
	start  func(*os.File) (*exec.Cmd, error)
	events chan worker.Event
	cancel func()
	done   chan error
}

func keep(t *testing.T, role string) *kept {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	k := &kept{events: make(chan worker.Event), cancel: cancel, done: make(chan error, 1)}
	k.start = func(peer *os.File) (*exec.Cmd, error) {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), roleEnv+"="+role)
		cmd.ExtraFiles = []*os.File{peer}
		return cmd, cmd.Start()
	}
	k.Keeper = worker.NewKeeper("vrrp", k.start, k.events)
	k.Start()
	go func() { k.done <- k.Run(ctx) }()
	t.Cleanup(func() {
		k.cancel()
		for {
			select {
			case <-k.events:
			case <-k.done:
				return
			}
		}
	})
	return k
}

// next waits for an event that is wanted, passing over others.
func (k *kept) next(t *testing.T, want func(worker.Event) bool) worker.Event {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case e := <-k.events:
			if want(e) {
				return e
			}
		case <-timeout:
			t.Fatal("the expected event did not come")
		}
	}
}

func started(e worker.Event) bool { return e.Started != nil }
func died(e worker.Event) bool    { return e.Died != nil }
func applied(e worker.Event) bool { return e.Received != nil && e.Received.Applied != nil }

// A killed worker can be started again, and is told what to do again.
func TestAKilledWorkerIsStartedAgain(t *testing.T) {
	k := keep(t, "good")
	first := k.next(t, started).Started
	k.Send("configure", worker.Message{Configure: &worker.Configure{Generation: 1}})
	k.next(t, applied)
	if err := k.Kill(); err != nil {
		t.Fatal(err)
	}
	d := k.next(t, died).Died
	if d.Err == nil || !strings.Contains(d.Err.Error(), "killed") || d.Planned {
		t.Errorf("died as %+v, want the signal", d)
	}
	if k.Kill() == nil || k.Pause() == nil {
		t.Error("a worker that does not run was killed or paused")
	}
	k.Send("lost", worker.Message{Configure: &worker.Configure{Generation: 2}})
	k.Start()
	if second := k.next(t, started).Started; second.Pid == first.Pid {
		t.Errorf("started as %+v after pid %d", second, first.Pid)
	}
	k.Send("configure", worker.Message{Configure: &worker.Configure{Generation: 3}})
	if g := k.next(t, applied).Received.Applied.Generation; g != 3 {
		t.Errorf("the new worker applied %d, want 3", g)
	}
}

// A worker that was told to finish ends in good order.
func TestAWorkerFinishes(t *testing.T) {
	k := keep(t, "good")
	k.next(t, started)
	k.Send("finish", worker.Message{Finish: &worker.Finish{}})
	if d := k.next(t, died).Died; d.Err != nil {
		t.Errorf("died as %+v, want a clean end", d)
	}
	k.cancel()
	if err := <-k.done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	k.done <- nil
	k.Send("late", worker.Message{}) // must not block
}

// What a worker has sent can be seen before it is read.
func TestUnread(t *testing.T) {
	k := keep(t, "good")
	k.next(t, started)
	k.Send("configure", worker.Message{Configure: &worker.Configure{Generation: 1}})
	k.next(t, applied)
	for end := time.Now().Add(10 * time.Second); k.Unread(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("something is unread although everything was received")
		}
	}
	for n := range 3 { // the first waits to be received
		k.Send(fmt.Sprint(n), worker.Message{Tracker: &event.TrackerState{Name: "x"}})
	}
	for end := time.Now().Add(10 * time.Second); !k.Unread(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing is unread although nobody reads")
		}
	}
}

func TestAWorkerThatWritesRubbishIsKilled(t *testing.T) {
	k := keep(t, "rubbish")
	k.next(t, started)
	d := k.next(t, died).Died
	if d.Err == nil || !strings.Contains(d.Err.Error(), "message") {
		t.Errorf("died with %v, want what was wrong with its messages", d.Err)
	}
}
