package misc

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/program"
)

const (
	// AtOnce is how many programs of checks run at the same time.
	AtOnce = 512
	// maxAsked bounds the runs that are under way or wait. A worker has one for each
	// MISC_CHECK at most.
	maxAsked = 100_000
	// defaultWait is how long a program without a time limit waits for its turn.
	defaultWait = time.Minute
)

// Runner runs a program to its end. program.Runner is the real one.
type Runner interface {
	Run(ctx context.Context, cmd program.Command, started func(pid int)) program.Exit
}

// Request asks for a run.
type Request struct {
	ID      uint64 // of the run, given by who asks; no two under way have the same one
	Program string // conf.MiscCheckParams.ProgramID
}

// Programs are the runs under way. All methods but Results belong to one goroutine,
// which must receive from Results until Stop has returned.
type Programs struct {
	runner  Runner
	places  chan struct{}
	results chan Result
	asked   map[uint64]*run
	running *sync.WaitGroup
	stopped bool
}

type run struct {
	Request
	cancel context.CancelFunc
}

// Result is how a run ended, for Take.
type Result struct {
	run *run
	end event.ProgramEnd
}

// New returns Programs of which most run at once.
func New(runner Runner, most int) *Programs {
	return &Programs{
		runner: runner, places: make(chan struct{}, most), results: make(chan Result), asked: make(map[uint64]*run),
		running: new(sync.WaitGroup),
	}
}

// Results is the channel of results, which must be passed to Take.
func (p *Programs) Results() <-chan Result { return p.results }

// Run begins a run. known is false when the configuration has no such program: it is
// answered with an error. After Stop the run is only noted, for Outstanding.
func (p *Programs) Run(r Request, cmd program.Command, known bool) {
	if p.asked[r.ID] != nil {
		return // it was said already
	}
	if len(p.asked) >= maxAsked {
		return // no worker of ours asks for so many; its checker is found to be stale
	}
	ctx, cancel := context.WithCancel(context.Background())
	run := &run{r, cancel}
	p.asked[r.ID] = run
	if p.stopped {
		return
	}
	p.running.Go(func() {
		defer cancel()
		end := event.ProgramEnd{Code: -1, Err: "the program is not in the configuration in force"}
		if known {
			end = p.do(ctx, cmd)
		}
		if ctx.Err() != nil {
			return
		}
		select {
		case p.results <- Result{run, end}:
		case <-ctx.Done():
		}
	})
}

// do waits for a place, and runs a program there.
func (p *Programs) do(ctx context.Context, cmd program.Command) event.ProgramEnd {
	overdue := time.NewTimer(cmp.Or(cmd.Timeout, defaultWait))
	defer overdue.Stop()
	select {
	case p.places <- struct{}{}:
	case <-ctx.Done():
		return event.ProgramEnd{}
	case <-overdue.C:
		return event.ProgramEnd{Code: -1, Err: fmt.Sprintf(
			"not run: %d programs of checks were running all the time", cap(p.places))}
	}
	defer func() { <-p.places }()
	if ctx.Err() != nil {
		return event.ProgramEnd{}
	}
	e := p.runner.Run(ctx, cmd, nil)
	return event.ProgramEnd{
		Code: e.Code, Signal: e.Signal, TimedOut: e.TimedOut, Err: e.Err, Output: lastLine(e.Output),
	}
}

// Take takes a result. It is false for a run that was cancelled meanwhile.
func (p *Programs) Take(r Result) (id uint64, end event.ProgramEnd, ok bool) {
	if p.asked[r.run.ID] != r.run {
		return 0, end, false
	}
	delete(p.asked, r.run.ID)
	return r.run.ID, r.end, true
}

// Cancel ends a run, for which there is no result then.
func (p *Programs) Cancel(id uint64) {
	if run := p.asked[id]; run != nil {
		run.cancel()
		delete(p.asked, id)
	}
}

// CancelAll ends all runs: who has asked for them is gone.
func (p *Programs) CancelAll() {
	for id := range p.asked {
		p.Cancel(id)
	}
}

// Stop ends all programs: each gets SIGTERM and a moment later SIGKILL. It returns when none
// is left or ctx is done. What was asked for stays outstanding.
func (p *Programs) Stop(ctx context.Context) {
	p.stopped = true
	for _, run := range p.asked {
		run.cancel()
	}
	ended, running := make(chan struct{}), p.running
	go func() {
		running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// Outstanding are the runs that were asked for and have no answer yet.
func (p *Programs) Outstanding() (list []Request) {
	for _, run := range p.asked {
		list = append(list, run.Request)
	}
	return list
}

// Resume begins runs that were outstanding after Stop, of this or another program, anew.
func (p *Programs) Resume(list []Request, command func(id string) (program.Command, bool)) {
	p.stopped, p.running = false, new(sync.WaitGroup) // the one before may still be waited for
	clear(p.asked)
	for _, r := range list {
		cmd, known := command(r.Program)
		p.Run(r, cmd, known)
	}
}

// lastLine is the last line of what a program printed, fit to be told.
func lastLine(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	line := strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, strings.TrimSpace(lines[len(lines)-1]))
	if len(line) > event.ProgramLine {
		line = strings.ToValidUTF8(line[:event.ProgramLine], "")
	}
	return line
}
