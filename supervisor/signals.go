package supervisor

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

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
