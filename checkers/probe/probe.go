package probe

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/lvs-director/director/checkers/probe/ownpath"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Target is what a run checks.
type Target struct {
	Checker *conf.Checker // options; never changed by a Prober
	URL     int           // index in Checker.HTTP.URLs
	// Due is when the run was to begin, for who measures how late runs begin: only the schedule
	// knows, which rounds pauses. Zero is at once.
	Due time.Time
	// request is what an HTTP check sends, made once for all calls of its talk; nil is not made.
	request []byte
}

// Result is the outcome of a run.
type Result struct {
	OK bool
	// Local says that this host failed to make the check: nothing is known about the server.
	Local bool
	// Late says that it is Local because this process did not run for some time: the server may
	// have answered meanwhile.
	Late bool
	// Unagreed says that the server speaks TLS and takes nothing that this program offers, so that no
	// page was asked for: it may serve others. The run is OK when it wanted no more than an answer,
	// else Local.
	Unagreed bool
	// Silent says that nothing was heard within the time.
	Silent bool
	// Withdrawn says that the server itself, or the operator, does not want it to be used:
	// a failure that is not tried again.
	Withdrawn bool
	Wish      event.Wish // of a run that is OK: what the check asks of the weight
	Warning   string     // of a run that is OK: what will end badly; Reason has it too
	Reason    string     // one line: "connect to 10.0.0.2:80: connection refused"
	Took      time.Duration
}

// Options are what a Prober needs from its surroundings.
type Options struct {
	Log *slog.Logger
	// Programs runs the programs of MISC_CHECK, and Files knows the values of FILE_CHECK.
	// Where one is nil these checks cannot be made.
	Programs Programs
	Files    Files
	// Sessions knows the sessions of BFD_CHECK.
	Sessions Sessions
	// Path says whether IPVS takes packets with a mark to the real server of a check as_client. Where
	// it is nil, it is taken to.
	Path func(mark uint32) bool
}

// Prober carries runs out. Its methods may be called from any goroutine.
type Prober struct {
	opts      Options
	net       network
	exchanges limiter // goroutines that exchange data over a connection
	ctx       context.Context
	cancel    context.CancelFunc
}

// start begins a run of one kind of check; see Prober.Start.
type start func(p *Prober, t Target, done func(Result)) (cancel func())

// kinds are the checks that this package supports.
var kinds = map[conf.CheckKind]start{
	conf.TCPCheck:  tcpCheck,
	conf.HTTPGet:   httpGet,
	conf.SSLGet:    httpGet,
	conf.PingCheck: pingCheck,
	conf.SMTPCheck: smtpCheck,
	conf.DNSCheck:  dnsCheck,
	conf.UDPCheck:  udpCheck,
	conf.MiscCheck: miscCheck,
	conf.FileCheck: fileCheck,
	conf.BFDCheck:  bfdCheck,

	conf.AgentCheck: agentCheck,
	conf.QueryCheck: queryCheck,
	conf.GRPCCheck:  grpcCheck,
}

// Supports says whether a kind of check can be run.
func Supports(kind conf.CheckKind) bool { return kinds[kind] != nil }

// maxExchanges is how many goroutines exchange data over a connection at the same time.
// A further connection waits for its turn, as long as one step may take. Servers that
// answer at once and in short never need a turn.
const maxExchanges = 16384

// New starts a prober. Close ends it.
func New(opts Options) (*Prober, error) {
	n, err := newNetwork()
	if err != nil {
		return nil, fmt.Errorf("start of health checks: %w", err)
	}
	return newProber(opts, n), nil
}

func newProber(opts Options, n network) *Prober {
	p := &Prober{opts: opts, net: n, exchanges: limiter{max: maxExchanges}}
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
		done(Result{Local: true, Reason: string(t.Checker.Kind) + " checks are not supported"})
		return func() {}
	}
	took := func(r Result) {
		r.Took = time.Since(began)
		done(r)
	}
	if t.Checker.AsClient {
		return p.asClient(run, t, took)
	}
	return run(p, t, took)
}

// asClient begins a run that goes to the virtual address through IPVS. What this host lacks for it
// says nothing about the real server.
func (p *Prober) asClient(run start, t Target, done func(Result)) (cancel func()) {
	c := *t.Checker
	if p.opts.Path != nil && !p.opts.Path(c.FWMark) {
		done(Result{Local: true, Reason: "as_client: the way through IPVS is not there"})
		return func() {}
	}
	source, err := ownpath.Source(c.ConnectIP, c.Server)
	if err != nil {
		done(failure("as_client", &localError{"begin the way", err}, timeoutOf(&c)))
		return func() {}
	}
	if !c.BindIP.IsValid() {
		c.BindIP = source
	}
	return run(p, Target{Checker: &c, URL: t.URL}, func(r Result) {
		if r.Silent {
			if why := ownpath.Deaf(c.ConnectIP, c.Server); why != "" {
				r = Result{Local: true, Reason: "as_client: " + why}
			}
		}
		done(r)
	})
}

// Longest is how long a run takes at most whose steps have a timeout each, and that has one as a whole;
// 0 is that it has none.
func Longest(step, total time.Duration) time.Duration { return max(8*step, step+total) }

// Probe carries a run out and waits until it ends or ctx is done.
func (p *Prober) Probe(ctx context.Context, t Target) Result {
	result := make(chan Result, 1)
	cancel := p.Start(t, func(r Result) { result <- r })
	defer cancel()
	select {
	case r := <-result:
		return r
	case <-ctx.Done():
		return Result{Local: true, Reason: "cancelled: " + context.Cause(ctx).Error()}
	case <-p.ctx.Done():
		return Result{Local: true, Reason: "cancelled: health checks have ended"}
	}
}

// Close ends the prober and every run in it, and returns when no goroutine and
// no socket of it is left.
func (p *Prober) Close() {
	p.cancel()
	p.net.close()
	p.exchanges.wait()
}
