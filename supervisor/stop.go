package supervisor

import (
	"context"
	"os"
	"time"

	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/supervisor/rollout"
)

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
	if err := s.notify.Stop(ctx); err != nil {
		s.log.Warn("scripts still run", "error", err)
	}
	s.log.Info("stopped")
}
