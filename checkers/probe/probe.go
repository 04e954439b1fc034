package probe

import (
	"log/slog"
	"time"

	"github.com/lvs-director/director/conf"
)

// Target is what one run checks.
type Target struct {
	Checker *conf.Checker // options; not changed and not kept after the run
	URL     int           // index in Checker.HTTP.URLs
}

// Result is how a run ended.
type Result struct {
	OK bool
	// Local says that this host could not make the check, which says nothing of the server.
	Local  bool
	Reason string // one line: "connect to 10.0.0.2:80: connection refused"
	Took   time.Duration
}

// Options are what a Prober needs from its surroundings.
type Options struct {
	Log *slog.Logger
}

// Prober makes runs. All its methods may be called from any goroutine.
type Prober struct {
	opts Options
}

// New starts a prober. Close ends it.
func New(opts Options) (*Prober, error) { return &Prober{opts: opts}, nil }

// Start begins a run and returns at once. done is called at most once, from a
// goroutine of the prober, and must not block; after cancel it may not come.
func (p *Prober) Start(t Target, done func(Result)) (cancel func()) {
	return func() {}
}

// Close ends the prober and every run in it.
func (p *Prober) Close() {}
