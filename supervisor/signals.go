package supervisor

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/program"
	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/supervisor/rollout"
)

// Signals are those that the supervisor obeys.
type Signals struct{ stop, hup chan os.Signal }

// ListenEarly begins to take signals in, in a program that is executed to take
// over from a running director: nothing is to come before it, since where nobody
// holds a signal that comes earlier (package signalhold) it is lost, or ends the
// process. In any other program it is nil.
func ListenEarly() *Signals {
	if _, ok := os.LookupEnv(handoffVar); !ok {
		return nil
	}
	return listen()
}

func listen() *Signals {
	s := &Signals{make(chan os.Signal, 2), make(chan os.Signal, 1)}
	signal.Notify(s.stop, syscall.SIGTERM, syscall.SIGINT)
	signal.Notify(s.hup, syscall.SIGHUP)
	return s
}

// close ends it.
func (s *Signals) close() {
	signal.Stop(s.stop)
	signal.Stop(s.hup)
}

// delivered waits until what the runtime has got is in the channels.
func (s *Signals) delivered() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	signal.Stop(c) // it waits for that
}

// takeSignals takes in those that have come: hup says that one asked for a
// reload, the error that one asked for the end.
func (s *supervisor) takeSignals() (hup bool, err error) {
	select {
	case <-s.signals.hup:
		hup = true
	default:
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
// executed. What comes from then on is held. Without a holder a HUP is ignored:
// the next program has no handler in its first moment, and must not end by it.
func (s *supervisor) lastSignals(h *handoff) error {
	s.signals.delivered()
	hup, err := s.takeSignals()
	if hup {
		s.tellReload(reload.Asked{}) // it is held
		h.Reload = true
		err = errors.Join(err, h.write())
	}
	if err == nil && h.Signals == nil {
		signal.Ignore(syscall.SIGHUP)
	}
	return err
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
	s.ready("STOPPING=1")
	s.mail.Stopping()
	if end := s.hooks.running; end != nil { // startup_script: nothing else was started
		end()
		s.exited = true
		return
	}
	s.tellReload(reload.Stop{})
	if !s.runs(rollout.VRRP) {
		s.tellRollout(rollout.Stop{})
		return
	}
	s.beforeRelease(nil, func() { s.tellRollout(rollout.Stop{}) })
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
	s.hooks.running = cancel
	s.tellReload(reload.Hold{})
	go func() {
		exit := s.runHook(ctx, "startup_script", g.StartupScript, g)
		s.post(func() {
			s.hooks.note("startup_script", exit)
			if s.hooks.stopping {
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
	h.ended[keyword] = notify.Last{Object: "DIRECTOR", Script: keyword, State: "START", Exit: exit}
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
	s.log.Info("stopped")
}
