package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"time"

	sdaemon "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/keepalived/commandline"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/fifo"
	"github.com/lvs-director/director/notify/misc"
	"github.com/lvs-director/director/notify/program"
	"github.com/lvs-director/director/notify/tracking"
	"github.com/lvs-director/director/supervisor/announcing"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/daemon"
	"github.com/lvs-director/director/supervisor/events"
	"github.com/lvs-director/director/supervisor/fronts"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/supervisor/mailing"
	"github.com/lvs-director/director/supervisor/peers"
	"github.com/lvs-director/director/supervisor/readers"
	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/supervisor/statefile"
	"github.com/lvs-director/director/vrrp/track"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/worker/front"
)

// Options are what a supervisor is started with.
type Options struct {
	File      string // the configuration; empty is the first of load.DefaultFiles that exists
	LocalFile string // as load.Options.Local
	ConfigID  string // as for load.Options; empty is the host's name
	Strict    bool   // warnings of the configuration are errors

	OnlyVRRP, OnlyCheckers bool // run one half only
	// KeepAddresses and KeepServices leave what the workers made in the kernel.
	KeepAddresses, KeepServices bool
	NoFallback                  bool // do not start with an older configuration
	Takeover                    bool // go ahead beside another load balancer

	Metrics string // where Prometheus reads: address and port, in the place of the configuration's; empty is those
	// MetricsCompat is "keepalived" when the names of keepalived's exporters are served too; empty is what the
	// configuration says.
	MetricsCompat string

	Signals *Signals // that are taken in already; see ListenEarly

	RunDir   worker.RunDir // empty follows from the pid file
	StateDir string
	LogTo    worker.LogTo // of the workers; their identifiers follow from the configuration
	Version  string       // of this program
	Log      *slog.Logger
	Flush    func() // writes what of the log waits

	// Keepalived are the flags of keepalived's that this program was started with; nil when
	// it was started with a command of director's.
	Keepalived *commandline.Options
	Daemon     *daemon.Child      // the start as a daemon; nil in the foreground
	Identify   func(named string) // says what this process is called in syslog; may be nil
	identity   identity
	garbage    garbage
	seeLinks   func() (map[string]track.Interface, error) // what a test has in its place; nil is hostcheck.Links
	derived    bool                                       // RunDir was not given
}

// StartError says that a configuration cannot be started with, and why.
type StartError struct {
	Findings []conf.Finding
	err      error
}

func (e *StartError) Error() string { return e.err.Error() }

// Unwrap gives the error without the findings.
func (e *StartError) Unwrap() error { return e.err }

// Run is the supervisor's process from its start to its end.
func Run(o Options) error {
	c, log := &o, o.Log
	if err := fronts.CheckListen(c.Metrics); err != nil {
		return fmt.Errorf("--metrics: %w", err)
	}
	nameProcess(log, conf.ProcessNames{})
	if c.Signals == nil {
		c.Signals = newSignals()
		defer c.Signals.close()
	}
	sig := c.Signals
	sig.listen(true)
	if text, ok := os.LookupEnv(handoffVar); ok {
		return c.resume(text, *sig)
	}
	file, err := load.FindFile(c.File)
	if err != nil {
		return err
	}
	c.File = file
	c.garbage.spare()
	start, err := c.choose(log)
	if err != nil {
		return &StartError{start.disk.findings, err}
	}
	cfg := start.current.cfg
	c.identify(cfg)
	if err := c.enterNamespace(cfg); err != nil {
		return err
	}
	pids := c.pidFiles(cfg)
	if err := c.refuseRunning(pids); err != nil {
		return err
	}
	c.logStart(cfg)
	hostcheck.LoadModules(cfg)
	logFindings(log, start.current.findings)
	if err := hostcheck.Permitted(cfg); errors.Is(err, hostcheck.ErrOnlyVRRP) {
		log.Error("failed to serve the virtual servers, trying again; VRRP goes on", "error", err)
	} else if err != nil {
		return err
	}
	files, err := openRunDir(c)
	if err != nil {
		return err
	}
	s := c.supervisor()
	s.files = files
	if err := c.refuseConflicts(cfg); err != nil {
		s.files.close(c.RunDir)
		return err
	}
	s.pids = newPids(pids)
	s.pids.Follow("", os.Getpid())
	nameProcess(log, cfg.Global.ProcessNames)
	s.reload = reload.New(start.current)
	s.disk, s.fallback = start.disk, start.fallback
	return s.serve(*sig, nil)
}

// links is how the interfaces of this host are found.
func (c *Options) links() func() (map[string]track.Interface, error) {
	if c.seeLinks != nil {
		return c.seeLinks
	}
	return hostcheck.Links
}

// logStart says what starts where.
func (c *Options) logStart(cfg *conf.Config) {
	kernel := "an unknown kernel"
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		kernel = fmt.Sprintf("%s %s %s", unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Release[:]),
			unix.ByteSliceToString(u.Version[:]))
	}
	c.Log.Info("starting", "version", c.Version, "config", cfg.Path, "kernel", kernel, "command", os.Args)
}

// refuseConflicts looks for another load balancer that serves what cfg serves.
func (c *Options) refuseConflicts(cfg *conf.Config) error {
	conflicts, err := hostcheck.Conflicts(cfg, c.ConfigID)
	if err != nil || len(conflicts) == 0 {
		return err
	}
	if c.Takeover {
		for _, e := range conflicts {
			c.Log.Warn("taking over beside another load balancer", "other", e)
		}
		return nil
	}
	return fmt.Errorf("%w: stop it first, or go ahead beside it with --takeover", errors.Join(conflicts...))
}

// supervisor makes one without a configuration.
func (c *Options) supervisor() *supervisor {
	log := c.Log
	fifos := fifo.New(fifo.Options{
		Log: log, Runner: &program.Runner{}, Dir: string(c.RunDir),
		Made: statefile.Note(statefile.Name(c.StateDir, "fifos", c.File)),
	})
	letters := mailing.New(log, c.StateDir, c.File)
	past := c.chronicle()
	s := &supervisor{
		log: log, flush: c.Flush, opts: c, fifos: fifos, mail: letters, chronicle: past,
		notify: notify.New(notify.Options{
			Log: log, Runner: &program.Runner{}, Listeners: []notify.Listener{fifos, letters},
			Ended: func(l notify.Last) { past.log.Note(events.Script(l)) },
		}),
		tracking: tracking.New(tracking.Options{Log: log, Runner: &program.Runner{}, Number: past.number}),
		misc:     misc.New(&program.Runner{}, misc.AtOnce),
		ready:    notifyServiceManager(log),
		events:   make(chan worker.Event),
		requests: make(chan func()),
		saved:    make(chan statefile.Ended),
		done:     make(chan struct{}),
		archive:  archive{ended: make(chan payment)},
		keepers:  make(map[rollout.Worker]*worker.Keeper),
		callers:  newCallers(),
		watchdog: newWatchdog(),
		reaper:   newReaper(),
	}
	s.looking.share(s, c.links())
	s.readers = readers.New(log, c.RunDir, nil, "")
	s.front = fronts.New(fronts.Options{
		Log: log, Snapshot: s.forFront,
		Do:   func(ctx context.Context, q front.Request) (any, error) { return fronts.Do(ctx, s, q) },
		Peer: func(n front.PeerNews) { s.peers.Heard(n) }, Lost: func() { s.peers.Lost() },
		Refused: func(r front.Refused) { past.log.Note(fronts.RefusedRecord(r)) },
		Ended: func(why string) {
			past.log.Note(event.Record{
				Kind: event.RecordWorker, Object: "worker " + front.Name, From: "running", To: "dead", Text: why,
			})
		},
		Start: func(peer, complaints *os.File) (*exec.Cmd, error) {
			return fronts.Start(c.RunDir, s.front.Socket(), peer, complaints)
		},
	})
	s.peers = peers.New(peers.Options{Log: log, Own: s.forPeers, Problem: s.pairProblem, Send: s.front.TellPeer,
		Records: s.peerSaid, Why: s.whyHere})
	s.announcing = announcing.New(announcing.Options{
		Log: log, RunDir: c.RunDir, StateDir: c.StateDir, File: c.File, Note: past.log.Note,
		Save: statefile.NewSaver("handovers of announced addresses", log, s.saved, s.done),
	})
	s.overrides.pair.carrier = halves{s.peers}
	s.handoverFile = statefile.NewSaver("handovers", log, s.saved, s.done)
	s.overrides.set.Host = hostName()
	s.overrides.file = statefile.NewSaver("drains and weights", log, s.saved, s.done)
	return s
}

// serve runs the supervisor with its signals and its control socket; from is
// where it goes on, nil at a start.
func (s *supervisor) serve(sig Signals, from *handoff) error {
	defer s.files.close(s.opts.RunDir)
	defer func() { s.pids.Remove() }()
	group, ctx := errgroup.WithContext(context.Background())
	ctx, cancel := context.WithCancel(ctx)
	s.gate, s.signals = control.NewGate(s.files.listener), sig
	if s.files.readers != nil {
		s.readers = readers.New(s.log, s.opts.RunDir, s.files.readers, s.files.readersGroup)
	}
	group.Go(func() error { return control.Serve(ctx, s.gate, s) })
	group.Go(func() error { return control.ServeReaders(ctx, s.readers.Gate, s) })
	group.Go(func() error {
		defer cancel()
		return s.run(ctx, from)
	})
	return group.Wait()
}

// logFindings writes what was found in a configuration that is about to run,
// or not to. Notes are for director check.
func logFindings(log *slog.Logger, findings []conf.Finding) {
	for _, f := range findings {
		switch f.Severity {
		case conf.Error:
			log.Error("configuration", "at", f.Pos.String(), "problem", f.Message)
		case conf.Warning:
			log.Warn("configuration", "at", f.Pos.String(), "problem", f.Message)
		}
	}
}

// notifyServiceManager tells systemd, when it started us, of our state.
func notifyServiceManager(log *slog.Logger) func(string) {
	return func(state string) {
		if _, err := sdaemon.SdNotify(false, state); err != nil {
			log.Warn("failed to notify the service manager", "state", state, "error", err)
		}
	}
}

// patienceSlack is what director itself may need beside what it waits for at its start and its end.
const patienceSlack = 10 * time.Second

// extended asks the service manager for the time that a start or a stop may take; less than the unit allows
// changes nothing. Without it a script that hangs has all of director killed, with its addresses left behind.
func extended(wait time.Duration) string {
	return fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (wait + patienceSlack).Microseconds())
}

// stopWaits is how long an orderly stop waits at most for the scripts, the mail and the FIFOs of a
// configuration.
func stopWaits(cfg *conf.Config) time.Duration {
	var release time.Duration // of all at the same time
	for _, in := range cfg.Instances {
		release = max(release, in.Notify.Release.Timeout)
	}
	for _, g := range cfg.SyncGroups {
		release = max(release, g.Notify.Release.Timeout)
	}
	wait := announcing.MostDelay(cfg) + announcedPatience
	wait += release + 2*rollout.FinishPatience + scriptPatience + mailing.EndPatience + fifoPatience
	if s := cfg.Global.ShutdownScript; !s.IsZero() {
		wait += s.Timeout
	}
	return wait
}

// reloadingNow is the state systemd wants at a reload: both fields in one datagram.
func reloadingNow() string {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // cannot fail for this clock
	return fmt.Sprintf("%s\nMONOTONIC_USEC=%d", sdaemon.SdNotifyReloading, now.Nano()/1000)
}
