package misc_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/misc"
	"github.com/lvs-director/director/notify/program"
)

// runner runs no program: each ends by itself after its last argument, or with its time.
type runner struct {
	mu       sync.Mutex
	running  int
	most     int
	started  []string
	finished []string
}

func (r *runner) Run(ctx context.Context, cmd program.Command, _ func(int)) program.Exit {
	r.do(func() {
		r.running++
		r.most = max(r.most, r.running)
		r.started = append(r.started, cmd.Argv[0])
	})
	defer r.do(func() {
		r.running--
		r.finished = append(r.finished, cmd.Argv[0])
	})
	took, _ := time.ParseDuration(cmd.Argv[1])
	own := time.NewTimer(took)
	defer own.Stop()
	ctx, cancel := context.WithTimeout(ctx, cmd.Timeout)
	defer cancel()
	select {
	case <-own.C:
		return program.Exit{Code: 3, Output: "one\n " + strings.Repeat("long ", 100) + "\x1b[0m\n"}
	case <-ctx.Done():
		time.Sleep(program.KillDelay)
		return program.Exit{Code: -1, Signal: "killed", TimedOut: true}
	}
}

func (r *runner) do(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// owner is who owns the programs, and what it has got.
type owner struct {
	*misc.Programs
	got map[uint64]event.ProgramEnd
}

// take takes results for as long.
func (o *owner) take(d time.Duration) {
	over := time.NewTimer(d)
	defer over.Stop()
	for {
		select {
		case r := <-o.Results():
			if id, end, ok := o.Take(r); ok {
				o.got[id] = end
			}
		case <-over.C:
			synctest.Wait()
			return
		}
	}
}

func command(name, took string) program.Command {
	return program.Command{Argv: []string{name, took}, Timeout: 10 * time.Second}
}

func bubble(t *testing.T, most int, test func(*owner, *runner)) {
	synctest.Test(t, func(*testing.T) {
		r := &runner{}
		o := &owner{misc.New(r, most), make(map[uint64]event.ProgramEnd)}
		test(o, r)
		o.Stop(context.Background())
	})
}

func TestRuns(t *testing.T) {
	bubble(t, 8, func(o *owner, r *runner) {
		o.Run(misc.Request{ID: 1, Program: "good"}, command("good", "1s"), true)
		o.Run(misc.Request{ID: 1, Program: "good"}, command("good", "1s"), true) // said twice
		o.Run(misc.Request{ID: 2, Program: "hangs"}, command("hangs", "1h"), true)
		o.Run(misc.Request{ID: 3, Program: "nosuch"}, program.Command{}, false)
		o.Run(misc.Request{ID: 4, Program: "cancelled"}, command("cancelled", "1h"), true)
		o.take(2 * time.Second)
		o.Cancel(4)
		o.Cancel(77)
		o.take(time.Minute)
		if len(o.got) != 3 || len(o.Outstanding()) != 0 {
			t.Errorf("answers %v, outstanding %v", o.got, o.Outstanding())
		}
		if e := o.got[1]; e.Code != 3 || len(e.Output) > event.ProgramLine || !strings.HasPrefix(e.Output, "long long") {
			t.Errorf("the good one ended as %+v", e)
		}
		if e := o.got[2]; !e.TimedOut {
			t.Errorf("the one that hangs ended as %+v", e)
		}
		if e := o.got[3]; !strings.Contains(e.Err, "not in the configuration") {
			t.Errorf("one that is not configured ended as %+v", e)
		}
		if want := []string{"cancelled", "good", "hangs"}; !slices.Equal(sorted(r.finished), want) {
			t.Errorf("finished %v, want %v", r.finished, want)
		}
	})
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// TestMostAtOnce: programs that hang take no more than their places, and each run is
// answered within bounds.
func TestMostAtOnce(t *testing.T) {
	bubble(t, 4, func(o *owner, r *runner) {
		for id := range uint64(20) {
			o.Run(misc.Request{ID: id}, command(fmt.Sprint(id), "1h"), true)
		}
		o.take(30 * time.Second)
		if r.most != 4 {
			t.Errorf("%d programs ran at once, want 4", r.most)
		}
		notRun := 0
		for _, e := range o.got {
			if strings.Contains(e.Err, "not run: 4 programs") {
				notRun++
			}
		}
		if len(o.got) != 20 || notRun != 16 {
			t.Errorf("%d answers, %d not run; want 20 and 16", len(o.got), notRun)
		}
	})
}

// TestUpgrade: what was outstanding is run again, by whoever goes on.
func TestUpgrade(t *testing.T) {
	bubble(t, 4, func(o *owner, r *runner) {
		o.Run(misc.Request{ID: 7, Program: "p"}, command("p", "5s"), true)
		o.take(time.Second)
		o.Stop(context.Background())
		o.Run(misc.Request{ID: 8, Program: "q"}, command("q", "5s"), true) // asked meanwhile
		left := o.Outstanding()
		if len(left) != 2 || len(r.started) != 1 || r.running != 0 {
			t.Fatalf("outstanding %v, started %v, %d running", left, r.started, r.running)
		}
		next := &owner{misc.New(r, 4), make(map[uint64]event.ProgramEnd)}
		next.Resume(left, func(id string) (program.Command, bool) { return command(id, "5s"), true })
		next.take(10 * time.Second)
		if len(next.got) != 2 || next.got[7].Code != 3 || next.got[8].Code != 3 {
			t.Errorf("answers %v", next.got)
		}
		next.Run(misc.Request{ID: 9, Program: "r"}, command("r", "1h"), true)
		next.take(time.Second)
		next.CancelAll() // the worker has died
		next.take(10 * time.Second)
		if len(next.got) != 2 || r.running != 0 || len(next.Outstanding()) != 0 {
			t.Errorf("answers %v, %d running", next.got, r.running)
		}
	})
}
