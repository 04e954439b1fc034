package probe

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/lvs-director/director/conf"
)

// Target is what one run checks.
type Target struct {
	Checker *conf.Checker // options; never changed by a Prober
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
	log     *slog.Logger
	net     network
	talkers limiter // the goroutines that talk over a connection
	ctx     context.Context
	cancel  context.CancelFunc
}

// start begins a run of one kind of check; see Prober.Start.
type start func(p *Prober, t Target, done func(Result)) (cancel func())

// kinds are the checks that this package makes.
var kinds = map[conf.CheckKind]start{
	conf.TCPCheck:  tcpCheck,
	conf.HTTPGet:   httpGet,
	conf.SSLGet:    httpGet,
	conf.PingCheck: pingCheck,
}

// Supports says whether runs of a kind of check can be made.
func Supports(kind conf.CheckKind) bool { return kinds[kind] != nil }

// maxTalkers is how many connections are talked over at once; further ones,
// connected already, wait for their turn. Connecting is not limited.
const maxTalkers = 1024

// New starts a prober. Close ends it.
func New(opts Options) (*Prober, error) {
	n, err := newNetwork()
	if err != nil {
		return nil, fmt.Errorf("start of health checks: %w", err)
	}
	return newProber(opts, n), nil
}

func newProber(opts Options, n network) *Prober {
	p := &Prober{log: opts.Log, net: n, talkers: limiter{max: maxTalkers}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// Start begins a run and returns at once. done is called at most once, from a
// goroutine of the prober or before Start returns, and must not block. After
// cancel it may still come once, or not at all. A closed prober calls nothing.
func (p *Prober) Start(t Target, done func(Result)) (cancel func()) {
	began := time.Now()
	run := kinds[t.Checker.Kind]
	if run == nil {
		done(Result{Local: true, Reason: string(t.Checker.Kind) + " is not made by this program"})
		return func() {}
	}
	return run(p, t, func(r Result) {
		r.Took = time.Since(began)
		done(r)
	})
}

// Probe makes a run and waits for its end or for ctx.
func (p *Prober) Probe(ctx context.Context, t Target) Result {
	result := make(chan Result, 1)
	cancel := p.Start(t, func(r Result) { result <- r })
	defer cancel()
	select {
	case r := <-result:
		return r
	case <-ctx.Done():
		return Result{Local: true, Reason: "given up: " + context.Cause(ctx).Error()}
	case <-p.ctx.Done():
		return Result{Local: true, Reason: "given up: health checks have ended"}
	}
}

// Close ends the prober and every run in it, and returns when no goroutine and
// no socket of it is left.
func (p *Prober) Close() {
	p.cancel()
	p.net.close()
	p.talkers.wait()
}
