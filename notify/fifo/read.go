package fifo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lvs-director/director/notify"
)

// ReadUp is how far the reader of a FIFO has come.
type ReadUp struct {
	Keyword, Path string
	Script        []string // that reads it; empty is none of ours
	PID           int      // of the script; 0 when it does not run
	Err           error    // why not all is read that was told, or the script does not run; nil when all is well
	Took          time.Duration
}

// AwaitReading waits until everything that was told so far has been read from each FIFO and their
// scripts run, or ctx ends.
func (f *FIFOs) AwaitReading(ctx context.Context) []ReadUp {
	began := time.Now()
	var list []ReadUp
	until := make(map[*pipe]uint64) // lines, counted from its start
	f.until(ctx, time.Hour, func() bool {
		if list == nil {
			list = []ReadUp{}
			for _, p := range f.pipes {
				if p.path != "" {
					until[p] = p.written + p.lost + uint64(p.waiting.Len())
					list = append(list, ReadUp{Keyword: p.keyword, Path: p.path, Err: errNotRead})
				}
			}
		}
		all := true
		for i := range list {
			r := &list[i]
			p := f.named(r.Keyword)
			if r.Err == nil {
				continue
			}
			r.Script, r.PID = p.script.cmd.Argv, p.script.pid
			r.Err = p.unreadBefore(until[p])
			if len(r.Script) > 0 && p.script.runs == nil {
				r.Err = errors.Join(r.Err, fmt.Errorf("its script %s does not run", r.Script[0]))
			}
			if r.Err == nil {
				r.Took = time.Since(began)
			}
			all = all && r.Err == nil
		}
		return all
	})
	for i := range list {
		if list[i].Err != nil {
			list[i].Took = time.Since(began)
		}
	}
	return list
}

var errNotRead = errors.New("nobody has read it")

func (f *FIFOs) named(keyword string) *pipe {
	for _, p := range f.pipes {
		if p.keyword == keyword {
			return p
		}
	}
	return nil
}

// unreadBefore says why not all lines up to that number have been read.
func (p *pipe) unreadBefore(number uint64) error {
	switch {
	case p.problem != "":
		return errors.New(p.problem)
	case p.file == nil:
		return errors.New("it is not open")
	case p.written+p.lost < number:
		return fmt.Errorf("it is full, and %d lines wait: nobody reads it, or too slowly", p.waiting.Len())
	}
	lines := p.written + p.lost // that were read
	from := len(p.done)
	for left := p.file.unread(); left > 0 && from > 0; lines-- {
		from--
		left -= len(p.done[from].Text)
	}
	if lines < number {
		return errNotRead
	}
	return nil
}

// Lines are what a FIFO is told of what has happened.
func Lines(keyword string, list []notify.Happening) (lines []string) {
	for _, h := range list {
		if keyword == "notify_fifo" || h.Kind.LVS() == (keyword == "lvs_notify_fifo") {
			lines = append(lines, newLine(h).Text)
		}
	}
	return lines
}
