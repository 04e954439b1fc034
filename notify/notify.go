package notify

import (
	"context"
	"log/slog"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/program"
)

// Runner runs a program to its end. program.Runner is the real one.
type Runner interface {
	// Run returns when the program has ended; started is called with its pid once it runs.
	Run(ctx context.Context, cmd program.Command, started func(pid int)) program.Exit
}

// Options are what a Notifier needs from its surroundings.
type Options struct {
	Log    *slog.Logger
	Runner Runner
}

// Last is what a script of an object did last.
type Last struct {
	Object  string // "INSTANCE VI_1", "REAL_SERVER [10.0.0.1]:tcp:80 [10.0.0.2]:tcp:80"
	Script  string // the keyword: "notify_master"
	State   string // it was run for: "MASTER", "UP"
	Running bool
	Exit    program.Exit // only Argv, PID and Started are set while it runs
}

// Notifier runs the scripts of a configuration.
type Notifier struct {
	opts Options
}

// New starts a notifier without scripts. Stop ends it.
func New(opts Options) *Notifier { return &Notifier{opts: opts} }

// Apply replaces the configuration. Objects that are gone are told STOP first.
func (n *Notifier) Apply(cfg *conf.Config) {}

// Instance tells of a VRRP instance's state. It does not block.
func (n *Notifier) Instance(s event.InstanceState) {}

// RealServer tells of a real server's state. It does not block.
func (n *Notifier) RealServer(s event.RealServerState) {}

// Last says what each script did last, ordered by object.
func (n *Notifier) Last() []Last { return nil }

// Stop tells every instance that was not told yet STOP, waits until all
// scripts have ended or ctx is done, and ends the notifier. Scripts that still
// run then are left alone and named in the error.
func (n *Notifier) Stop(ctx context.Context) error { return nil }

// Patience is how long a script may run before the next one of its object starts anyway.
const Patience = 30 * time.Second
