package tracking

import (
	"cmp"
	"context"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/program"
)

// Runner runs a program to its end. program.Runner is the real one.
type Runner interface {
	Run(ctx context.Context, cmd program.Command, started func(pid int)) program.Exit
}

// Options are what Trackers need.
type Options struct {
	Log    *slog.Logger
	Runner Runner
	// Check returns why a program cannot be run; nil is program.Check.
	Check func(program.Command) error
	// Number numbers the changes; nil does not.
	Number func() event.Number
}

// Trackers are the trackers of a configuration. All methods but Results belong to
// one goroutine, which must receive from Results until Stop.
type Trackers struct {
	log     *slog.Logger
	runner  Runner
	check   func(program.Command) error
	number  func() event.Number
	proc    fs.FS // the processes of this host
	results chan Result
	watches map[id]*watch
	running sync.WaitGroup
	// inherited are the states that Apply begins with; set by Resume only.
	inherited map[id]State
}

type id struct {
	kind event.TrackerKind
	name string
}

// watch is one tracker.
type watch struct {
	id
	cancel context.CancelFunc // nil when nothing looks at it
	script *conf.TrackScript
	cmd    program.Command
	verdict
	process *conf.TrackProcess
	file    *conf.TrackFile
	state   event.TrackerState
	known   bool // state is one
	// runs: its program runs at this moment. The goroutine that runs it says so.
	runs atomic.Bool
}

// Result is what was seen of a tracker, for Take.
type Result struct {
	watch  *watch
	ok     bool
	value  int // of a file
	reason string
	output string
	at     time.Time
}

// New returns Trackers without a configuration.
func New(opts Options) *Trackers {
	t := &Trackers{
		log: opts.Log, runner: opts.Runner, check: opts.Check, number: opts.Number,
		proc: os.DirFS("/proc"), results: make(chan Result), watches: make(map[id]*watch),
	}
	if t.check == nil {
		t.check = program.Check
	}
	if t.number == nil {
		t.number = func() event.Number { return "" }
	}
	return t
}

// Results is the channel of results, which must be passed to Take.
func (t *Trackers) Results() <-chan Result { return t.results }

// Before is the state that the result is compared with, for the owner of the Trackers; known is
// false before the first one.
func (r Result) Before() (state event.TrackerState, known bool) { return r.watch.state, r.watch.known }

// Take takes a result. It returns the new state when it has changed.
func (t *Trackers) Take(r Result) (event.TrackerState, bool) {
	w := r.watch
	if t.watches[w.id] != w {
		return event.TrackerState{}, false // of a former configuration
	}
	if w.kind == event.TrackFile {
		changed := w.takeFile(r)
		if changed {
			w.state.Event = t.number()
			t.log.Info("tracked file changed", "name", w.name, "reason", r.reason)
		}
		return w.state, changed
	}
	before := w.verdict.known
	if !w.verdict.result(r.ok) {
		return event.TrackerState{}, false
	}
	w.state = event.TrackerState{
		Kind: w.kind, Name: w.name, Up: w.up, Since: r.at, Reason: r.reason, Event: t.number(),
	}
	w.known = true
	level := slog.LevelInfo
	if !r.ok {
		level = slog.LevelWarn
	}
	t.log.Log(context.Background(), level, "tracked "+w.kind.String()+" changed", "name", w.name,
		"up", w.up, "first", !before, "reason", r.reason, "output", r.output)
	return w.state, true
}

// States returns the known states, ordered by kind and name.
func (t *Trackers) States() []event.TrackerState {
	var list []event.TrackerState
	for _, w := range t.watches {
		if w.known {
			list = append(list, w.state)
		}
	}
	slices.SortFunc(list, func(a, b event.TrackerState) int {
		if a.Kind != b.Kind {
			return int(a.Kind) - int(b.Kind)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}

// Known is what is known of a tracker that is watched.
type Known struct {
	event.TrackerState
	Told    bool // there is a state
	Running bool // its program runs at this moment
}

// Known is what is known of all that are watched, ordered by kind and name.
func (t *Trackers) Known() []Known {
	list := make([]Known, 0, len(t.watches))
	for _, w := range t.watches {
		k := Known{TrackerState: w.state, Told: w.known, Running: w.runs.Load()}
		k.Kind, k.Name = w.kind, w.name
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b Known) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
	return list
}

// Apply replaces the configuration. A tracker that nothing uses is not watched. One
// that stays the same keeps its state.
func (t *Trackers) Apply(cfg *conf.Config) {
	used := usedBy(cfg)
	wanted := make(map[id]*watch)
	for _, c := range cfg.Scripts {
		if k := (id{event.TrackScript, c.Name}); used[k] {
			wanted[k] = t.scriptWatch(k, c, cfg.Global)
		}
	}
	for _, c := range cfg.Processes {
		if k := (id{event.TrackProcess, c.Name}); used[k] {
			wanted[k] = t.processWatch(k, c)
		}
	}
	for _, c := range cfg.Files {
		if k := (id{event.TrackFile, c.Name}); used[k] {
			wanted[k] = t.fileWatch(k, c)
		}
	}
	for k, w := range t.watches {
		if wanted[k] != w {
			w.stop()
		}
	}
	t.watches = wanted
	for _, k := range slices.SortedFunc(maps.Keys(wanted), func(a, b id) int { return strings.Compare(a.name, b.name) }) {
		if w := wanted[k]; w.cancel == nil && !w.state.Ignored {
			t.inherit(w)
			t.start(w)
		}
	}
}

// usedBy returns the trackers that an instance, a group, an announce block or a check uses.
func usedBy(cfg *conf.Config) map[id]bool {
	used := make(map[id]bool)
	add := func(kind event.TrackerKind, list []conf.Track) {
		for _, t := range list {
			used[id{kind, t.Name}] = true
		}
	}
	for _, i := range cfg.Instances {
		add(event.TrackScript, i.TrackScripts)
		add(event.TrackFile, i.TrackFiles)
		add(event.TrackProcess, i.TrackProcesses)
	}
	for _, v := range cfg.VirtualServers {
		for _, r := range v.RealServers {
			for n := range r.Checkers {
				if f := r.Checkers[n].File; f != nil {
					used[id{event.TrackFile, f.Name}] = true
				}
			}
		}
	}
	for _, g := range cfg.SyncGroups {
		add(event.TrackScript, g.TrackScripts)
		add(event.TrackFile, g.TrackFiles)
		add(event.TrackProcess, g.TrackProcesses)
	}
	for _, a := range cfg.Announces {
		add(event.TrackScript, a.TrackScripts)
		add(event.TrackFile, a.TrackFiles)
		add(event.TrackProcess, a.TrackProcesses)
	}
	return used
}

func (t *Trackers) start(w *watch) {
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	// The goroutines get copies: the watch itself belongs to the owner.
	switch w.kind {
	case event.TrackFile:
		path := w.file.Path
		t.running.Go(func() { t.follow(ctx, w, path) })
	case event.TrackProcess:
		process, up, known := w.process, w.up, w.verdict.known
		t.running.Go(func() { t.count(ctx, w, process, up, known) })
	default:
		interval, cmd := max(w.script.Interval, time.Millisecond), w.cmd
		t.running.Go(func() { t.repeat(ctx, w, interval, cmd) })
	}
}

func (w *watch) stop() {
	if w.cancel != nil {
		w.cancel()
	}
}

// Stop ends all trackers. Programs that run get SIGTERM and a moment later SIGKILL.
// It returns when none is left or ctx is done.
func (t *Trackers) Stop(ctx context.Context) {
	for _, w := range t.watches {
		w.stop()
	}
	clear(t.watches)
	ended := make(chan struct{})
	go func() {
		t.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}
