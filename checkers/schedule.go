package checkers

import (
	"log/slog"
	"math/rand/v2"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Prober makes the runs. *probe.Prober is the real one.
type Prober interface {
	// Start begins a run and returns at once. It calls done at most once, from
	// any goroutine; not at all, or still once, after cancel.
	Start(t probe.Target, done func(probe.Result)) (cancel func())
}

// Options are what a Schedule needs from its surroundings. Events and Results
// are called from the goroutine that owns the schedule: they must not block
// and must not call back.
type Options struct {
	Log    *slog.Logger
	Prober Prober
	// Rand spreads the first runs over their warmup; the Schedule owns it from now on.
	Rand *rand.Rand
	// Events gets the state of a real server, first when it is configured and then whenever it changed.
	Events func(event.RealServerState)
	// Results gets the result of every run.
	Results func(event.CheckResult)
}

// Key identifies a real server by the texts that events carry.
type Key struct{ VirtualServer, RealServer string }

// Snapshot is what was known of real servers before this process started.
type Snapshot map[Key]event.RealServerState

// Schedule runs the checkers of a configuration.
type Schedule struct {
	opts Options
}

// New starts a schedule without checkers. Close ends it.
func New(opts Options) *Schedule { return &Schedule{opts: opts} }

// Apply replaces the configuration and returns when that is done; the state of
// every real server has then been reported to Events. Real servers that are new to the schedule
// start with the verdict that snapshot (which may be nil) holds of them.
func (s *Schedule) Apply(cfg *conf.Config, snapshot Snapshot) {}

// Close ends the schedule and every run.
func (s *Schedule) Close() {}
