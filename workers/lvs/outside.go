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

// files are the values of the tracked files that the configuration has.
type files struct {
	mu         sync.Mutex // between the checkers and the worker's loop
	configured map[string]bool
	values     map[string]int
	waits      map[*fileWait]bool // for the first value
}

type fileWait struct {
	name string
	done func(probe.FileValue)
}

func newFiles() *files {
	return &files{values: make(map[string]int), waits: make(map[*fileWait]bool)}
}

// value is a probe.Files.
func (f *files) value(name string, done func(probe.FileValue)) (cancel func()) {
	f.mu.Lock()
	v, known := f.values[name]
	missing := !f.configured[name]
	w := &fileWait{name, done}
	if !known && !missing {
		f.waits[w] = true
	}
	f.mu.Unlock()
	if known || missing {
		done(probe.FileValue{Value: v, Missing: missing})
		return func() {}
	}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.waits, w)
	}
}

// configure takes a configuration and what is known of its files. It returns the names of
// those that are otherwise than before.
func (f *files) configure(cfg *conf.Config, known []event.TrackerState) (changed []string) {
	f.mu.Lock()
	before := f.configured
	f.configured = make(map[string]bool, len(cfg.Files))
	for _, file := range cfg.Files {
		f.configured[file.Name] = true
	}
	for name := range f.configured {
		if before != nil && !before[name] {
			changed = append(changed, name)
		}
	}
	for name := range before {
		if !f.configured[name] {
			delete(f.values, name)
			changed = append(changed, name)
		}
	}
	f.mu.Unlock()
	for _, t := range known {
		if f.is(t) {
			changed = append(changed, t.Name)
		}
	}
	slices.Sort(changed)
	return slices.Compact(changed)
}

// is takes the state of a tracker, and says whether it is another value of a file.
func (f *files) is(t event.TrackerState) (changed bool) {
	if t.Kind != event.TrackFile {
		return false
	}
	f.mu.Lock()
	before, known := f.values[t.Name]
	f.values[t.Name] = t.Value
	var told []*fileWait
	for _, w := range slices.Collect(maps.Keys(f.waits)) {
		if w.name == t.Name {
			delete(f.waits, w)
			told = append(told, w)
		}
	}
	f.mu.Unlock()
	for _, w := range told {
		w.done(probe.FileValue{Value: t.Value})
	}
	return !known || before != t.Value
}
