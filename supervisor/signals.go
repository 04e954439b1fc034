package supervisor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/keepalived/dump"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/program"
	"github.com/lvs-director/director/signals"
	"github.com/lvs-director/director/supervisor/dumps"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/supervisor/signalhold"
)

// Signals are those that the supervisor obeys. Of many of one kind that wait the first is enough.
type Signals struct {
	stop, hup chan os.Signal
	dumps     [len(dumps.Kinds)]chan os.Signal // in the order of signals.Dumps
}

// ListenEarly begins to take signals in, in the first moment of a program: what comes before it
// ends the process, unless somebody holds it (package signalhold). SIGTERM and SIGINT end a
// program that has not begun to run, unless it takes over from a running director.
func ListenEarly() *Signals {
	s := newSignals()
	s.listen(TakesOver())
	signalhold.Resumed()
	return s
}

// TakesOver says that this program is executed to take over from a running director.
func TakesOver() bool { _, ok := os.LookupEnv(handoffVar); return ok }

func newSignals() *Signals {
	s := &Signals{stop: make(chan os.Signal, 2), hup: make(chan os.Signal, 1)}
	for n := range s.dumps {
		s.dumps[n] = make(chan os.Signal, 1)
	}
	return s
}

// listen begins to take them in; those that end the process only with stop.
func (s *Signals) listen(stop bool) {
	signal.Notify(s.hup, syscall.SIGHUP)
	for n, c := range s.dumps {
		if c != nil {
			signal.Notify(c, signals.Dumps[n])
		}
	}
	if stop {
		signal.Notify(s.stop, syscall.SIGTERM, syscall.SIGINT)
	}
}

// close ends it.
func (s *Signals) close() {
	signal.Stop(s.stop)
	signal.Stop(s.hup)
	for _, c := range s.dumps {
		signal.Stop(c)
	}
}

// delivered waits until what the runtime has got is in the channels.
func (s *Signals) delivered() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	for _, d := range signals.Dumps {
		signal.Notify(c, d)
	}
	signal.Stop(c) // it waits for that
}

// takeSignals takes in those that have come: hup says that one asked for a
// reload, the error that one asked for the end. Dumps that were asked for wait.
func (s *supervisor) takeSignals() (hup bool, err error) {
	select {
	case <-s.signals.hup:
		hup = true
	default:
	}
	for n, c := range s.signals.dumps {
		select {
		case <-c:
			s.dumps.Wait(dumps.Kinds[n])
		default:
		}
	}
	select {
	case sig := <-s.signals.stop:
		s.signals.stop <- sig // there is room again
		return hup, errStopping
	default:
		return hup, nil
	}
}

// lastSignals is takeSignals in the last moment before another program is
// executed. What comes from then on is held. Without a holder it is ignored:
// the next program has no handler in its first moment, and must not end by it.
func (s *supervisor) lastSignals(h *handoff) error {
	s.signals.delivered()
	before := s.dumps.Waiting()
	hup, err := s.takeSignals()
	if hup || s.dumps.Waiting() != before {
		if hup {
			s.hup() // it is held
			h.Reload, h.ReloadBy = true, s.chronicle.asked[0]
			s.flushEvents() // else the next program names what nobody has kept
		}
		h.Dumps = s.dumps.Waiting()
		err = errors.Join(err, h.write())
	}
	if err == nil && h.Signals == nil {
		ignoreForExec()
	}
	return err
}

// hup has the file read again.
func (s *supervisor) hup() {
	s.chronicle.asked[0] = s.record(event.RecordCommand, "configuration "+s.opts.File, "", "reload", "a signal (SIGHUP)")
	s.tellReload(reload.Asked{})
}

// ignoreForExec has the program that is executed next begin with the signals ignored.
func ignoreForExec() {
	signal.Ignore(syscall.SIGHUP)
	for _, d := range signals.Dumps {
		signal.Ignore(d)
	}
}

// scriptPatience is how long the user's scripts may take at the end.
const scriptPatience = 30 * time.Second

// stop begins to end everything. A second signal changes nothing.
func (s *supervisor) stop(sig os.Signal) {
	if s.rollout.Stopping() || s.hooks.stopping {
		return
	}
	s.hooks.stopping = true
	s.log.Info("stopping", "signal", sig.String())
	s.record(event.RecordDirector, "director", "running", "stopping", "signal: "+sig.String())
	s.ready("STOPPING=1\n" + extended(stopWaits(s.current().cfg)))
	s.mail.Stopping()
	s.keepServing(s.announcing.Stop())
	if end := s.hooks.running; end != nil { // startup_script: nothing else was started
		end() // it is waited for: what ignores SIGTERM is killed
		return
	}
	s.tellReload(reload.Stop{})
	if !s.runs(rollout.VRRP) {
		s.stopWorkers()
		return
	}
	s.beforeRelease(nil, s.stopWorkers)
}

// announcedPatience is how long the end may take of what announces addresses.
const announcedPatience = 5 * time.Second

// stopWorkers ends the workers: the vrrp worker at once, the one with the services when what announced their
// addresses was withdrawn for long enough.
func (s *supervisor) stopWorkers() {
	s.tellRollout(rollout.Stop{Withdrawing: time.Now().Before(s.servesUntil)})
	s.whenWithdrawn(func() { s.tellRollout(rollout.Withdrawn{}) })
}

// hooks are the scripts of the configuration that director itself waits for.
type hooks struct {
	ended   map[string]notify.Last // startup_script, shutdown_script
	running func()                 // ends the one that runs; nil when none does
	// releasing counts who waits for notify_release. stopping: a stop has begun.
	releasing int
	stopping  bool
}

func (h *hooks) last() []notify.Last { return slices.Collect(maps.Values(h.ended)) }

// beforeRelease runs notify_release of instances before their addresses go, and then calls
// then in the loop; nil is all of them.
func (s *supervisor) beforeRelease(ids []conf.InstanceID, then func()) {
	s.hooks.releasing++
	s.notify.BeforeRelease(ids, func() {
		s.post(func() {
			s.hooks.releasing--
			then()
		})
	})
}

// startUp runs startup_script, then calls then in the loop. Nothing else runs before.
func (s *supervisor) startUp(then func()) {
	g := s.current().cfg.Global
	if g.StartupScript.IsZero() {
		then()
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.ready(extended(g.StartupScript.Timeout))
	s.hooks.running = cancel
	s.tellReload(reload.Hold{})
	go func() {
		exit := s.runHook(ctx, "startup_script", g.StartupScript, g)
		s.post(func() {
			s.hooks.note("startup_script", exit)
			if s.hooks.stopping {
				cancel()
				s.exited = true
				return
			}
			s.hooks.running = nil
			cancel()
			then()
			s.tellReload(reload.Release{})
		})
	}()
}

// note keeps how one has ended for status.
func (h *hooks) note(keyword string, exit program.Exit) {
	if h.ended == nil {
		h.ended = make(map[string]notify.Last)
	}
	l := notify.Last{Object: "DIRECTOR", Script: keyword, State: "START", Exit: exit, Ended: 1}
	if !exit.OK() {
		l.Failed = 1
	}
	h.ended[keyword] = l // each runs once in the life of a director
}

// runHook runs a script that director waits for.
func (s *supervisor) runHook(ctx context.Context, keyword string, script conf.Script, g conf.Global) program.Exit {
	s.log.Info("running a script and waiting for it", "script", keyword, "for_at_most", script.Timeout)
	exit := program.Runner{}.Run(ctx, program.Of(script, g), nil)
	if !exit.OK() {
		s.log.Error("script failed, going on without it", "script", keyword, "program", script.Argv[0],
			"reason", exit.String(), "output", exit.Output)
	}
	return exit
}

// fifoPatience is how long FIFOs and the programs that read them may take at the end.
const fifoPatience = 5 * time.Second

// shutDown closes the FIFOs and runs shutdown_script, when nothing else runs any more.
func (s *supervisor) shutDown() {
	ctx, cancel := context.WithTimeout(context.Background(), fifoPatience)
	defer cancel()
	s.fifos.Stop(ctx)
	if g := s.current().cfg.Global; !g.ShutdownScript.IsZero() {
		s.runHook(context.Background(), "shutdown_script", g.ShutdownScript, g)
	}
}

// endPrograms gives the user's scripts their time.
func (s *supervisor) endPrograms() {
	ctx, cancel := context.WithTimeout(context.Background(), scriptPatience)
	defer cancel()
	s.tracking.Stop(ctx)
	s.misc.Stop(ctx)
	if err := s.notify.Stop(ctx); err != nil {
		s.log.Warn("scripts still run", "error", err)
	}
	s.mail.End()
	s.shutDown()
	s.record(event.RecordDirector, "director", "stopping", "stopped", "")
	ctx, cancel = context.WithTimeout(context.Background(), eventPatience)
	defer cancel()
	s.chronicle.settle(ctx)
	s.chronicle.log.Close(ctx)
	s.log.Info("stopped")
}

// holdSignals has the signals held until this program has executed itself and takes them in
// again; the result is env with what that program needs to know of it. A reload that was asked
// for is done with: the file is read again.
func (c *Options) holdSignals(env []string) []string {
	held, err := signalhold.Begin(os.Stderr)
	if err != nil {
		c.Log.Warn("a signal that comes now may be lost", "error", err)
		ignoreForExec()
		return env
	}
	for n, asked := range c.Signals.dumps {
		select {
		case <-asked:
			_ = syscall.Kill(os.Getpid(), signals.Dumps[n]) // it is held
		default:
		}
	}
	return append(env, held.HandOn())
}

// What a signal asks for is written beside the loop: neither a disk nor a worker that does not answer
// may stop it.

const (
	// dumpPatience is how long a dump waits for the counters of the vrrp worker; those that were told last
	// are in it otherwise.
	dumpPatience = 300 * time.Millisecond
	// lastDump is how long an upgrade waits for one that is under way.
	lastDump = 3 * time.Second
)

// dump makes a dump as soon as the one before it is written.
func (s *supervisor) dump(asked dumps.Kind) {
	s.dumps.Wait(asked)
	k := s.dumps.Begin(time.Now())
	if k == 0 {
		return
	}
	var counters chan struct{}
	if k.NeedsCounters() {
		counters = s.askCounters(k&dumps.ClearStats != 0)
	}
	go func() {
		if counters != nil {
			_ = s.awaitCounters(context.Background(), counters, dumpPatience) // without them there are older ones
		}
		paths, err := s.writeDump(k)
		s.post(func() {
			news := s.dumps.Ended(time.Now(), err)
			switch {
			case err != nil && news:
				s.log.Error("failed to write a dump that a signal asked for", "error", err)
			case err == nil && news:
				s.log.Info("dumps are written again", "files", paths)
			case err == nil:
				s.log.Debug("a dump that a signal asked for is written", "files", paths)
			}
			s.dump(0)
		})
	}()
}

// writeDump is called beside the loop.
func (s *supervisor) writeDump(k dumps.Kind) (paths []string, err error) {
	var f *dump.Facts
	err = s.do(context.Background(), func() {
		_, vrrp := s.rollout.Status(rollout.VRRP)
		_, lvs := s.rollout.Status(rollout.LVS)
		f = dumps.Collect(k, time.Now(), dumps.Source{
			Version: s.opts.Version, Config: s.current().cfg, Known: s.known, Trackers: s.tracking.Known(), VRRP: vrrp, LVS: lvs,
			Stopping: s.rollout.Stopping(),
		})
	})
	if err != nil {
		return nil, err
	}
	links, err := hostcheck.Links()
	if err != nil {
		return nil, fmt.Errorf("reading the interfaces: %w", err)
	}
	dumps.Complete(f, links)
	files, err := dumps.Plan(k, f)
	for _, file := range files {
		paths = append(paths, file.Path)
		err = errors.Join(err, dumps.Write(file.Path, file.Text))
	}
	return paths, err
}

// finishDump waits for the dump that is under way, and says whether it has ended. What is asked for
// meanwhile is left to the next program.
func (s *supervisor) finishDump() bool {
	if !s.dumps.IsBusy() {
		return true
	}
	waiting := s.dumps.Hold()
	defer s.dumps.Wait(waiting)
	overdue := time.NewTimer(lastDump)
	defer overdue.Stop()
	for s.dumps.IsBusy() {
		select {
		case do := <-s.requests:
			do()
		case e := <-s.events:
			s.workerEvent(e)
		case <-overdue.C:
			return false
		}
	}
	return true
}
