package fifo

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/mailbox"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/program"
)

// Options are what FIFOs need.
type Options struct {
	Log    *slog.Logger
	Runner notify.Runner // nil is program.Runner
	// Dir is where it is noted which programs read FIFOs, so that those of a director that was
	// killed are ended; empty is nowhere.
	Dir string
	// Made notes which FIFOs were made here, so that those of a director that was killed are removed;
	// nil is nowhere.
	Made Note
}

// FIFOs are all FIFOs of a configuration; a notify.Listener. No method but Stop, Export and
// Status waits.
type FIFOs struct {
	log    *slog.Logger
	runner notify.Runner
	dir    string
	mail   *mailbox.Mailbox[[]func()]
	ended  chan struct{}

	// Owned by the goroutine.
	pipes      []*pipe
	states     states
	made       made
	configured bool
	stopping   bool
	finished   bool
	held       bool       // nothing is written
	export     chan State // gets the state when no program is followed any more
}

// New starts FIFOs without a configuration. Stop ends them.
func New(o Options) *FIFOs {
	f := &FIFOs{
		log: o.Log, runner: o.Runner, dir: o.Dir, mail: mailbox.New[[]func()](), ended: make(chan struct{}),
	}
	f.made.note = o.Made
	if f.runner == nil {
		f.runner = program.Runner{}
	}
	for _, p := range []pipe{
		{keyword: "notify_fifo", vrrp: true, lvs: true}, {keyword: "vrrp_notify_fifo", vrrp: true},
		{keyword: "lvs_notify_fifo", lvs: true},
	} {
		p.FIFOs = f
		f.pipes = append(f.pipes, &p)
	}
	go f.own()
	return f
}

func (f *FIFOs) enqueue(work func()) bool {
	return f.mail.Put(func(todo *[]func()) { *todo = append(*todo, work) })
}

// own is the goroutine.
func (f *FIFOs) own() {
	defer close(f.ended)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for !f.finished {
		select {
		case <-f.mail.Signal():
		case <-timer.C:
		}
		for _, work := range f.mail.Take(nil) {
			work()
		}
		next := time.Now().Add(time.Hour)
		for _, p := range f.pipes {
			if p.path == "" || f.held || f.finished {
				continue
			}
			if at := p.step(time.Now()); at.Before(next) {
				next = at
			}
		}
		if at := f.keepNote(time.Now()); at.Before(next) {
			next = at
		}
		timer.Reset(time.Until(next))
	}
}

// Apply gives it a configuration: see notify.Listener. FIFOs and programs that it does not
// change are left alone.
func (f *FIFOs) Apply(cfg *conf.Config) {
	f.enqueue(func() {
		f.states.apply(cfg)
		for n, c := range f.configs(cfg.Global) {
			f.pipes[n].configure(c, cfg.Global)
		}
		if f.configured && cfg.Global.StatesOnReload {
			for _, h := range f.states.list() {
				if !h.Kind.LVS() {
					f.put(h, true)
				}
			}
		}
		f.configured = true
		f.reclaim()
	})
}

// configs are the FIFOs of a configuration, in the order of f.pipes.
func (f *FIFOs) configs(g conf.Global) []conf.FIFO { return []conf.FIFO{g.FIFO, g.VRRPFIFO, g.LVSFIFO} }

// Told writes what has happened: see notify.Listener.
func (f *FIFOs) Told(h notify.Happening) {
	f.enqueue(func() { f.put(h, f.states.told(h)) })
}

func (f *FIFOs) put(h notify.Happening, state bool) {
	for _, p := range f.pipes {
		if p.path != "" {
			p.put(h, state)
		}
	}
}

const (
	// readPatience is how long a stop waits for what is in the pipes to be read.
	readPatience = time.Second
	// endPatience is how long it waits for the programs to end when they have read the end.
	endPatience = time.Second
	// notePatience is how long it waits for the note of what was made, which a disk may hold up.
	notePatience = time.Second
	stopLook     = 20 * time.Millisecond
)

// Stop waits a moment for what was told to be read, closes all FIFOs, removes those that were
// made here, and ends the programs that read them: by themselves, since they read the end, or
// by SIGTERM. ctx bounds it further.
func (f *FIFOs) Stop(ctx context.Context) {
	f.enqueue(func() { f.stopping = true })
	f.until(ctx, readPatience, func() bool {
		for _, p := range f.pipes {
			if !p.empty() {
				return false
			}
		}
		return true
	})
	f.enqueue(func() {
		f.held = true
		for _, p := range f.pipes {
			p.finish()
		}
		f.reclaim()
	})
	quiet := func() bool {
		for _, p := range f.pipes {
			if p.script.runs != nil {
				return false
			}
		}
		return true
	}
	f.until(ctx, endPatience, quiet)
	f.enqueue(func() {
		for _, p := range f.pipes {
			p.script.end()
		}
	})
	f.until(ctx, program.KillDelay+endPatience, quiet)
	f.until(ctx, notePatience, f.isNoted)
	f.enqueue(func() { f.finished = true })
	f.mail.Close()
	<-f.ended
}

// until waits until a condition, asked in the goroutine, is true, or for some time.
func (f *FIFOs) until(ctx context.Context, patience time.Duration, condition func() bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(stopLook)
	defer look.Stop()
	for {
		answer := make(chan bool, 1)
		if !f.enqueue(func() { answer <- condition() }) {
			return
		}
		select {
		case yes := <-answer:
			if yes {
				return
			}
		case <-f.ended:
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

func lastLine(text string) string { return text[strings.LastIndexByte(text, '\n')+1:] }
