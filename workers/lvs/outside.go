package lvs

import (
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

// Some checks need what the supervisor has: it runs the programs of MISC_CHECK, and reads
// the files of FILE_CHECK.

// programs has programs run by the supervisor.
type programs struct {
	put func(key string, m worker.Message)

	mu    sync.Mutex // between the checkers and the worker's loop
	last  uint64
	waits map[uint64]func(event.ProgramEnd)
}

func newPrograms(put func(string, worker.Message)) *programs {
	return &programs{put: put, waits: make(map[uint64]func(event.ProgramEnd))}
}

// run is a probe.Programs.
func (p *programs) run(id string, done func(event.ProgramEnd)) (cancel func()) {
	p.mu.Lock()
	p.last++
	number := p.last
	p.waits[number] = done
	p.mu.Unlock()
	key := "program " + strconv.FormatUint(number, 10)
	p.put(key, worker.Message{RunProgram: &worker.RunProgram{ID: number, Program: id}})
	return func() {
		p.mu.Lock()
		_, waits := p.waits[number]
		delete(p.waits, number)
		p.mu.Unlock()
		if waits {
			p.put(key, worker.Message{RunProgram: &worker.RunProgram{ID: number, Cancel: true}})
		}
	}
}

// ended takes an answer of the supervisor.
func (p *programs) ended(e worker.ProgramEnded) {
	p.mu.Lock()
	done := p.waits[e.ID]
	delete(p.waits, e.ID)
	p.mu.Unlock()
	if done != nil {
		done(e.End)
	}
}

// watched are the things of one kind that the configuration has and that others watch for us:
// the values of tracked files, BFD sessions.
type watched struct {
	kind       event.TrackerKind
	names      func(*conf.Config) []string
	mu         sync.Mutex // between the checkers and the worker's loop
	configured map[string]bool
	states     map[string]event.TrackerState
	waits      map[*wait]bool // for the first state
	// going are those that the configuration has no longer, until drop.
	going []string
}

type wait struct {
	name string
	done func(s event.TrackerState, missing bool)
}

func newWatched(kind event.TrackerKind, names func(*conf.Config) []string) *watched {
	return &watched{kind: kind, names: names, states: make(map[string]event.TrackerState), waits: make(map[*wait]bool)}
}

func newFiles() *watched {
	return newWatched(event.TrackFile, func(cfg *conf.Config) (names []string) {
		for _, f := range cfg.Files {
			names = append(names, f.Name)
		}
		return names
	})
}

func newSessions() *watched {
	return newWatched(event.TrackBFD, func(cfg *conf.Config) (names []string) {
		for _, b := range cfg.BFDs {
			names = append(names, b.Name)
		}
		return names
	})
}

// value is a probe.Files.
func (w *watched) value(name string, done func(probe.FileValue)) (cancel func()) {
	return w.state(name, func(s event.TrackerState, missing bool) {
		done(probe.FileValue{Value: s.Value, Missing: missing})
	})
}

// session is a probe.Sessions.
func (w *watched) session(name string, done func(probe.Session)) (cancel func()) {
	return w.state(name, func(s event.TrackerState, missing bool) {
		done(probe.Session{Up: s.Up, Why: s.Reason, Missing: missing})
	})
}

// state tells a state as soon as it is known.
func (w *watched) state(name string, done func(s event.TrackerState, missing bool)) (cancel func()) {
	w.mu.Lock()
	s, known := w.states[name]
	missing := !w.configured[name]
	waits := &wait{name, done}
	if !known && !missing {
		w.waits[waits] = true
	}
	w.mu.Unlock()
	if known || missing {
		done(s, missing)
		return func() {}
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.waits, waits)
	}
}

// configure takes a configuration and what is known of its things. It returns the names of
// those that are otherwise than before. What goes is there until drop: checks that follow it run
// until they have the configuration too, and must not find it missing.
func (w *watched) configure(cfg *conf.Config, known []event.TrackerState) (changed []string) {
	w.mu.Lock()
	before := w.configured
	names := w.names(cfg)
	w.configured = make(map[string]bool, len(names))
	for _, name := range names {
		w.configured[name] = true
	}
	for name := range w.configured {
		if before != nil && !before[name] {
			changed = append(changed, name)
		}
	}
	w.going = nil
	for name := range before {
		if !w.configured[name] {
			w.configured[name] = true
			w.going = append(w.going, name)
			changed = append(changed, name)
		}
	}
	w.mu.Unlock()
	for _, t := range known {
		if w.is(t) {
			changed = append(changed, t.Name)
		}
	}
	slices.Sort(changed)
	return slices.Compact(changed)
}

// drop forgets what goes: no check follows it any more.
func (w *watched) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range w.going {
		delete(w.configured, name)
		delete(w.states, name)
	}
	w.going = nil
}

// is takes the state of a tracker, and says whether it is another one.
func (w *watched) is(t event.TrackerState) (changed bool) {
	if t.Kind != w.kind {
		return false
	}
	w.mu.Lock()
	before, known := w.states[t.Name]
	w.states[t.Name] = t
	var told []*wait
	for _, o := range slices.Collect(maps.Keys(w.waits)) {
		if o.name == t.Name {
			delete(w.waits, o)
			told = append(told, o)
		}
	}
	w.mu.Unlock()
	for _, o := range told {
		o.done(t, false)
	}
	return !known || before.Value != t.Value || before.Up != t.Up
}
