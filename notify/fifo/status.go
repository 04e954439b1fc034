package fifo

import (
	"slices"
	"time"
)

// The results of a line.
const (
	Written = "written"
	Waiting = "waits to be read"
	LeftOut = "left out: nobody read the FIFO"
)

// Told is a line and what became of it.
type Told struct {
	Line
	Written time.Time // zero is not
	Result  string
}

// Status is what is known of a FIFO.
type Status struct {
	Keyword, Path string
	// Problem is what is wrong with it, in words; empty is nothing.
	Problem string
	Written uint64 // lines
	Waiting int    // lines that do not fit into the pipe
	Lost    uint64 // lines that were left out
	Script  []string
	PID     int // of the script; 0 when it does not run
	Started time.Time
	Starts  int
	// Exit and Output are how it ended last, and the last of what it printed.
	Exit, Output string
	// Recent are the last lines, the oldest first; at most MaxRecent, and as many that wait.
	Recent []Told
}

// Status is what is known of each FIFO of the configuration. It is empty when they have ended.
func (f *FIFOs) Status() []Status {
	answer := make(chan []Status, 1)
	if !f.enqueue(func() { answer <- f.status() }) {
		return nil
	}
	select {
	case list := <-answer:
		return list
	case <-f.ended:
		return nil
	}
}

func (f *FIFOs) status() (list []Status) {
	for _, p := range f.pipes {
		if p.path == "" {
			continue
		}
		s := Status{
			Keyword: p.keyword, Path: p.path, Problem: p.problem, Written: p.written, Waiting: p.waiting.Len(), Lost: p.lost,
			Script: p.script.cmd.Argv, PID: p.script.pid, Started: p.script.started, Starts: p.script.starts,
			Recent: slices.Clone(p.recent),
		}
		if s.Problem == "" && p.lostNow > 0 {
			s.Problem = "it is full: nobody reads it, or too slowly, and earlier states are left out"
		}
		if s.Problem == "" {
			s.Problem = p.script.trouble()
		}
		if s.Problem == "" && f.made.trouble != "" && p.file != nil && p.file.ours {
			s.Problem = "that it was made here is not noted, and it stays if director is killed: " + f.made.trouble
		}
		if p.script.ended {
			s.Exit, s.Output = p.script.last.String(), p.script.last.Output
		}
		for _, w := range p.waiting.First(MaxRecent) {
			s.Recent = append(s.Recent, Told{Line: w.Line, Result: Waiting})
		}
		list = append(list, s)
	}
	return list
}
