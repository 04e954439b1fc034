package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/lvs-director/director/keepalived/dump"
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
	s.listen(hasHandoff())
	signalhold.Resumed()
	return s
}

// hasHandoff says that this program is executed to take over from a running director.
func hasHandoff() bool { _, ok := os.LookupEnv(handoffVar); return ok }

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
			s.tellReload(reload.Asked{}) // it is held
			h.Reload = true
		}
		h.Dumps = s.dumps.Waiting()
		err = errors.Join(err, h.write())
	}
	if err == nil && h.Signals == nil {
		ignoreForExec()
	}
	return err
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
	if s.rollout.Stopping() {
		return
	}
	s.log.Info("stopping", "signal", sig.String())
	s.ready("STOPPING=1")
	s.tellReload(reload.Stop{})
	s.tellRollout(rollout.Stop{})
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
	s.log.Info("stopped")
}

// holdSignals has the signals held until this program has executed itself and takes them in again; the
// result is its environment. A reload that was asked for is done with: the file is read again.
func (c *Options) holdSignals() []string {
	held, err := signalhold.Begin(os.Stderr)
	if err != nil {
		c.Log.Warn("a signal that comes now may be lost", "error", err)
		ignoreForExec()
		return os.Environ()
	}
	for n, asked := range c.Signals.dumps {
		select {
		case <-asked:
			_ = syscall.Kill(os.Getpid(), signals.Dumps[n]) // it is held
		default:
		}
	}
	return append(os.Environ(), held.HandOn())
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
