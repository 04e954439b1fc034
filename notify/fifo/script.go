package fifo

import (
	"context"
	"reflect"
	"time"

	"github.com/lvs-director/director/notify/program"
	"github.com/lvs-director/director/retry"
)

// tooOften is after how many ends in a row a program that reads a FIFO is a problem of status.
const tooOften = 3

// script is the program that reads a FIFO.
type script struct {
	cmd     program.Command // that is wanted; without Argv there is none
	runs    *program.Command
	pid     int
	started time.Time
	again   retry.Retry
	starts  int
	ending  bool // it is to end
	cancel  context.CancelCauseFunc
	handed  *program.Handoff // nobody follows it
	last    program.Exit     // of the one before
	ended   bool             // last is set
	// clear: what a director that was killed has left running has ended; clearing: it is being ended.
	clear, clearing bool
}

// want says which program is to run. One that runs and is not that is ended.
func (s *script) want(cmd program.Command) {
	if !reflect.DeepEqual(s.cmd, cmd) {
		s.again = retry.Retry{}
	}
	s.cmd = cmd
	if s.runs != nil && !reflect.DeepEqual(*s.runs, cmd) {
		s.end()
	}
}

// end ends the one that runs.
func (s *script) end() {
	if s.runs != nil && s.cancel != nil {
		s.ending = true
		s.cancel(context.Canceled)
	}
}

// run starts the program that is wanted, and returns when to look again; zero is not by itself.
func (p *pipe) run(now time.Time) time.Time {
	s := &p.script
	if s.runs != nil || len(s.cmd.Argv) == 0 || p.stopping {
		return time.Time{}
	}
	if !s.again.Ready(now) {
		return s.again.Next()
	}
	p.give()
	p.renew(p.takeBack())
	cmd := s.cmd
	s.runs, s.pid, s.started, s.ending = &cmd, 0, now, false
	s.starts++
	p.follow(func(ctx context.Context) program.Exit {
		return p.runner.Run(ctx, cmd, func(pid int) {
			p.enqueue(func() { s.pid = pid; p.note(pid) })
		})
	})
	return time.Time{}
}

// adopt follows a program that was handed over.
func (p *pipe) adopt(h *program.Handoff) {
	p.follow(func(ctx context.Context) program.Exit { return p.runner.Adopt(ctx, h) })
}

// follow waits for the end of the program in a goroutine.
func (p *pipe) follow(wait func(context.Context) program.Exit) {
	ctx, cancel := context.WithCancelCause(context.Background())
	p.script.cancel, p.script.handed = cancel, nil
	go func() {
		exit := wait(ctx)
		cancel(nil)
		p.enqueue(func() { p.exited(exit) })
	}()
}

// alone says whether no program of a director that was killed reads the FIFO. One that does is
// ended; until then nothing is written, since it would be lost.
func (p *pipe) alone() bool {
	s := &p.script
	if s.clear || s.clearing {
		return s.clear
	}
	orphan, found := p.orphan()
	if !found {
		s.clear = true
		return true
	}
	s.clearing = true
	p.log.Warn("the script of a FIFO was left running by a director that was killed: ending it", "fifo", p.keyword,
		"pid", orphan.pid)
	go func() {
		orphan.end()
		p.enqueue(func() { s.clear, s.clearing = true, false })
	}()
	return false
}

// reader is the user of the script; nil is who we are.
func (p *pipe) reader() *owner {
	if uid, gid, ok := program.Owner(p.script.cmd); ok && len(p.script.cmd.Argv) > 0 {
		return &owner{uid, gid}
	}
	return nil
}

// give gives a FIFO that was made here to the user of the script, which a reload may have changed.
func (p *pipe) give() {
	if err := p.file.give(p.reader()); err != nil {
		p.log.Warn("a FIFO cannot be given to the user of its script", "fifo", p.keyword, "path", p.path, "error", err)
	}
}

// exited takes the end of the program.
func (p *pipe) exited(exit program.Exit) {
	s := &p.script
	if exit.Handoff != nil {
		s.handed = exit.Handoff
		p.finishExport()
		return
	}
	defer p.finishExport() // one that was to end has not been handed over
	now := time.Now()
	planned := s.ending || p.stopping
	s.runs, s.pid, s.ending, s.cancel, s.last, s.ended = nil, 0, false, nil, exit, true
	p.unnote()
	if planned {
		s.again = retry.Retry{}
		return
	}
	s.again.Failed(now)
	p.log.Warn("the script of a FIFO has ended: starting it again", "fifo", p.keyword, "program", exit.Argv[0],
		"reason", exit.String(), "output", exit.Output, "again_in", s.again.Next().Sub(now))
}

// trouble says what is wrong with it; empty when nothing is.
func (s *script) trouble() string {
	if len(s.cmd.Argv) == 0 || !s.ended || s.again.Times < tooOften || s.again.IsCalm(time.Now()) {
		return ""
	}
	text := "its script " + s.cmd.Argv[0] + " ends again and again: " + s.last.String()
	if s.last.Output != "" {
		text += ": " + lastLine(s.last.Output)
	}
	return text
}
