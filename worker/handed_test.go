//go:build unix

package worker_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

// handOver takes the worker from its keeper and gives it to a new one, as an
// exec does. What is heard meanwhile is given to heard.
func (k *kept) handOver(t *testing.T, heard func(worker.Event)) {
	t.Helper()
	paused := make(chan error, 1)
	go func() { paused <- k.Pause() }()
	for waiting := true; waiting; {
		select {
		case e := <-k.events:
			heard(e)
		case err := <-paused:
			if err != nil {
				t.Fatal(err)
			}
			waiting = false
		}
	}
	k.Send("paused", worker.Message{Tracker: &event.TrackerState{Name: "paused"}}) // must not be lost
	h := k.Detach()
	if h == nil {
		t.Fatal("the worker was not handed over")
	}
	if err := <-k.done; err != nil {
		t.Errorf("the former keeper ended with %v", err)
	}
	k.Keeper = worker.Adopt(worker.NewKeeper("vrrp", k.start, k.events), h)
	ctx, cancel := context.WithCancel(t.Context())
	k.cancel = cancel
	go func(next *worker.Keeper) { k.done <- next.Run(ctx) }(k.Keeper)
}

// TestAWorkerIsHandedOver: 1,000 messages go there and back while the worker
// gets another supervisor ten times. It notices nothing, and is restarted by
// its last one.
func TestAWorkerIsHandedOver(t *testing.T) {
	before := runtime.NumGoroutine()
	k := keep(t, "echo")
	first := k.next(t, started).Started
	var got []string
	heard := func(e worker.Event) {
		switch {
		case e.Received == nil:
			t.Fatalf("it was told %+v", e)
		case e.Received.Check != nil && e.Received.Check.Reason != "paused":
			got = append(got, e.Received.Check.Reason)
		}
	}
	for n := range 1000 {
		sent := make(chan bool)
		go func() {
			name := fmt.Sprint(n)
			k.Send(name, worker.Message{Tracker: &event.TrackerState{Name: name}})
			close(sent)
		}()
		for waiting := true; waiting; {
			select {
			case e := <-k.events:
				heard(e)
			case <-sent:
				waiting = false
			}
		}
		if n%100 == 50 {
			k.handOver(t, heard)
		}
	}
	for len(got) < 1000 {
		heard(k.next(t, func(worker.Event) bool { return true }))
	}
	for n, name := range got {
		if name != fmt.Sprint(n) {
			t.Fatalf("answer %d is for %s", n, name)
		}
	}
	if err := syscall.Kill(first.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if d := k.next(t, died).Died; d.Err == nil || !strings.Contains(d.Err.Error(), "killed") {
		t.Errorf("died as %+v, want by the signal", d)
	}
	k.Start()
	if s := k.next(t, started).Started; s.Pid == first.Pid {
		t.Errorf("started again as %+v", s)
	}
	if err := k.Replace(); err != nil {
		t.Fatal(err)
	}
	if d := k.next(t, died).Died; !d.Planned || d.Err != nil {
		t.Errorf("replaced: died as %+v", d)
	}
	k.Start()
	k.next(t, started)
	k.Send("finish", worker.Message{Finish: &worker.Finish{}})
	k.next(t, died)
	k.cancel()
	if err := <-k.done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	k.done <- nil
	if err := k.Pause(); err == nil {
		t.Error("a worker that has ended was paused")
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before+2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, before there were %d", runtime.NumGoroutine(), before)
		}
	}
}

// TestAWorkerThatDoesNotReadIsHandedOver: in the middle of a message, with
// others waiting behind it.
func TestAWorkerThatDoesNotReadIsHandedOver(t *testing.T) {
	k := keep(t, "slow")
	k.next(t, started)
	for g := range uint64(3) {
		big := &conf.Config{Path: strings.Repeat("x", 4<<20)}
		k.Send(fmt.Sprint(g), worker.Message{Configure: &worker.Configure{Generation: g + 1, Config: big}})
	}
	for range 2 {
		k.handOver(t, func(worker.Event) {})
	}
	for g := range uint64(3) {
		if got := k.next(t, applied).Received.Applied.Generation; got != g+1 {
			t.Fatalf("applied %d, want %d", got, g+1)
		}
	}
}
