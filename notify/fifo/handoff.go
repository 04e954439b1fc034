package fifo

import (
	"time"

	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/program"
)

// State is what FIFOs hand over to those of the program that takes the place of this one: the
// open pipes with what is in them, what waits, and the programs that read them. Fields are
// only added.
type State struct {
	Pipes  []PipeState
	States []notify.Happening
}

// PipeState is one FIFO.
type PipeState struct {
	Keyword, Path string
	FD            int // descriptor; -1 is none
	Ours          bool
	Waiting, Done []LineState
	Written, Lost uint64
	Script        *ScriptState // that runs
	Starts        int
}

// LineState is a line with what makes it old.
type LineState struct {
	Line
	Key string
}

// ScriptState is a program that runs.
type ScriptState struct {
	Command program.Command
	Handoff program.Handoff
}

// Export returns what is known. Nothing is written and no program is followed any more, until
// Resume in the next program, or Release in this one.
func (f *FIFOs) Export() State {
	answer := make(chan State, 1)
	if !f.enqueue(func() {
		f.held, f.export = true, answer
		for _, p := range f.pipes {
			if p.script.runs != nil && p.script.cancel != nil {
				p.script.cancel(program.ErrHandOff)
			}
		}
		f.finishExport()
	}) {
		return State{}
	}
	select {
	case s := <-answer:
		return s
	case <-f.ended:
		return State{}
	}
}

// finishExport ends the wait of Export when no program is followed any more.
func (f *FIFOs) finishExport() {
	if f.export == nil {
		return
	}
	s := State{States: f.states.list()}
	for _, p := range f.pipes {
		if p.script.runs != nil && p.script.handed == nil {
			return
		}
		if p.path == "" {
			continue
		}
		h := PipeState{
			Keyword: p.keyword, Path: p.path, FD: -1, Written: p.written, Lost: p.lost, Starts: p.script.starts,
		}
		if p.file != nil {
			h.FD, h.Ours = p.file.fd, p.file.ours
		}
		for _, w := range p.waiting.First(p.waiting.Len()) {
			h.Waiting = append(h.Waiting, LineState(w))
		}
		for _, w := range p.done {
			h.Done = append(h.Done, LineState(w))
		}
		if p.script.runs != nil {
			h.Script = &ScriptState{*p.script.runs, *p.script.handed}
		}
		s.Pipes = append(s.Pipes, h)
	}
	f.export <- s
	f.export = nil
}

// Release undoes Export.
func (f *FIFOs) Release() {
	f.enqueue(func() {
		f.held = false
		for _, p := range f.pipes {
			if h := p.script.handed; h != nil {
				p.adopt(h)
			}
		}
	})
}

// Resume takes what other FIFOs have exported. It must be called before the configuration is
// applied.
func (f *FIFOs) Resume(s State) {
	f.enqueue(func() {
		f.configured = false
		f.states.resume(s.States)
		for _, p := range f.pipes {
			p.script.clear = true // what reads them is handed over
		}
		for _, h := range s.Pipes {
			for _, p := range f.pipes {
				if p.keyword == h.Keyword {
					p.resume(h)
				}
			}
		}
	})
}

func (p *pipe) resume(h PipeState) {
	p.path, p.written, p.lost, p.looked = h.Path, h.Written, h.Lost, time.Now()
	if file, ok := inherit(h.FD, h.Ours, h.Path); ok {
		p.file = &file
	}
	for _, w := range h.Done {
		p.done, p.size = append(p.done, waiting(w)), p.size+len(w.Text)
	}
	for _, w := range h.Waiting {
		p.waiting.Add(w.Key, waiting(w), MaxWaiting)
	}
	p.script.starts = h.Starts
	if r := h.Script; r != nil {
		p.script.cmd, p.script.runs = r.Command, &r.Command
		p.script.pid, p.script.started = r.Handoff.PID, r.Handoff.Started
		p.adopt(&r.Handoff)
	}
}

// Descriptors are those that the next program must inherit.
func (s State) Descriptors() (list []int) {
	for _, p := range s.Pipes {
		if p.FD >= 0 {
			list = append(list, p.FD)
		}
		if p.Script != nil && p.Script.Handoff.Output >= 0 {
			list = append(list, p.Script.Handoff.Output)
		}
	}
	return list
}
