package supervisor

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/keyfile"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/tracking"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/handover"
	"github.com/lvs-director/director/supervisor/history"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/worker"
)

// tablePatience is how long VIPs wait for the IPVS table. A VIP without its
// service resets clients; no VIP at all serves none.
const tablePatience = 10 * time.Second

// supervisor owns the configuration, what is known of every object and the
// workers. Its fields belong to the goroutine of run; others come in through
// its channels.
type supervisor struct {
	log   *slog.Logger
	flush func() // writes what of the log waits
	opts  *Options
	// load reads the file, loadText a configuration of the history.
	load     func() loaded
	loadText func(history.Text) loaded
	notify   *notify.Notifier
	// release removes what a worker left in the kernel when there is none any more.
	release map[string]func() error
	ready   func(string) // tells the service manager

	events   chan worker.Event
	requests chan func()
	loaded   chan loaded
	done     chan struct{}

	current    loaded // what is in force
	generation uint64
	disk       loaded // the file as it was read last

	history  *history.Store // nil when there is none
	trouble  string         // why there is none, or why something was not kept
	entry    history.Entry  // current in the history; number 0 when it is not there
	fallback string         // why not the file but something older is in force; empty when it is the file

	// pending is the configuration to go back to unless current is confirmed in time.
	pending *pending

	// handovers are what was handed over on purpose; handoverEnd fires when the
	// time of one is over.
	handovers   handover.Set
	handoverEnd *time.Timer

	started  time.Time
	tracking *tracking.Trackers
	known    *status.Knowledge
	workers  map[string]*workerState

	// tableWait runs while VIPs wait for the table of generation: while
	// tableAwaited, which after a reload says that vrrp still has the old one.
	tableWait    *time.Timer
	tableAwaited bool
	proceeded    bool
	announced    bool // to the service manager

	loading     bool
	rollingBack bool    // what is being read is of the history
	again       bool    // another reload was asked for while loading
	waiting     []order // for what is being read
	applying    []order // for the workers to apply generation
	reported    uint64  // the last generation whose reload was answered
	stopping    bool

	// What an upgrade hands down, or needs for it.
	gate             *control.Gate
	lock             *os.File
	stopSignals, hup chan os.Signal
	workersCtx       context.Context
	upgrading        bool
	upgrades         int    // that brought this program here
	upgradeError     string // of the last one
	hupMissed        bool   // a signal asked for a reload meanwhile
	renewal          *renewal

	// counting is closed when the counters of the vrrp worker that were asked
	// for have come; nil when nobody waits for them.
	counting chan struct{}
}

// workerState is what the supervisor knows of a worker.
type workerState struct {
	keeper   *worker.Keeper
	pid      int // 0 when it does not run
	restarts int
	since    time.Time
	died     error
	givenUp  bool
	// given is the generation that it was handed last, cfg that configuration and keys its key files.
	given uint64
	cfg   *conf.Config
	keys  keyfile.Keys
	ended bool
	// cleaned: the last one had applied a configuration, ended in good order and
	// so removed what it had made. One that was only just started has not.
	cleaned bool
	applied worker.Applied
}

func (s *supervisor) run(ctx context.Context, inherited *handDown) error {
	defer close(s.done)
	s.known = status.New()
	s.workers = make(map[string]*workerState)
	s.tableWait = time.NewTimer(tablePatience)
	s.handoverEnd = time.NewTimer(time.Hour)
	s.handoverEnd.Stop()
	defer s.handoverEnd.Stop()
	workersCtx, killWorkers := context.WithCancel(context.WithoutCancel(ctx))
	defer killWorkers()
	s.workersCtx = workersCtx
	if inherited != nil {
		s.takeOver(inherited)
	} else {
		s.begin()
	}
	for {
		select {
		case sig := <-s.stopSignals:
			s.log.Info("stopping", "signal", sig.String())
			return s.stop(killWorkers)
		case <-s.hup:
			s.startReload(order{signal: true})
		case e := <-s.events:
			s.workerEvent(e)
		case do := <-s.requests:
			do()
		case l := <-s.loaded:
			s.finishLoading(l)
		case r := <-s.tracking.Results():
			s.tracked(r)
		case <-s.pending.expired():
			s.goBack()
		case <-s.renewal.overdue():
			s.renewalFailed()
		case <-s.handoverEnd.C:
			s.handoversOver()
		case <-s.tableWait.C:
			s.log.Warn("the IPVS table is not loaded: going on without it", "waited", tablePatience)
			s.proceed()
		}
		s.answerReloads(false)
		s.renew()
	}
}

// begin starts everything.
func (s *supervisor) begin() {
	s.started = time.Now()
	s.generation = 1
	s.notify.Apply(s.current.cfg)
	s.tracking.Apply(s.current.cfg)
	s.rememberStart()
	s.rememberHandovers()
	if s.opts.OnlyVRRP {
		s.proceeded = true
		s.tableWait.Stop() // nobody loads a table
	} else {
		s.keep(worker.LVS)
	}
	if !s.opts.OnlyCheckers {
		s.keep(worker.VRRP)
	}
}

// keep starts a worker and keeps it running.
func (s *supervisor) keep(name string) {
	k := s.newKeeper(name)
	s.workers[name] = &workerState{keeper: k}
	go k.Run(s.workersCtx)
}

func (s *supervisor) newKeeper(name string) *worker.Keeper {
	realTime := 0
	if name == worker.VRRP {
		realTime = cmp.Or(s.current.cfg.Global.VRRPRealTimePriority, defaultRealTime)
	}
	return worker.NewKeeper(name, func(peer *os.File) (*exec.Cmd, error) {
		return startWorker(s.log, name, s.opts, realTime, peer)
	}, s.events)
}

// workerEvent takes in what a worker said or what became of it.
func (s *supervisor) workerEvent(e worker.Event) {
	w := s.workers[e.Worker]
	switch {
	case e.Started != nil:
		w.pid, w.restarts, w.since = e.Started.Pid, e.Started.Restart, time.Now()
		w.applied = worker.Applied{}
		if e.Started.Restart > 0 {
			s.log.Info("worker restarted", "worker", e.Worker, "pid", w.pid, "down", time.Since(e.Started.Died))
		}
		s.configure(e.Worker, e.Started.Died)
	case e.Died != nil:
		s.workerDied(e.Worker, w, *e.Died)
	case e.Received != nil:
		s.workerSaid(w, *e.Received)
	}
}

// configure sends a worker that has just started all it has to know. A vrrp
// worker that starts in the middle of a reload gets what the last one had: the
// table comes first.
func (s *supervisor) configure(name string, died time.Time) {
	w := s.workers[name]
	generation, cfg, keys := s.generation, s.current.cfg, s.current.keys
	if name == worker.VRRP && w.cfg != nil && s.tableAwaited {
		generation, cfg, keys = w.given, w.cfg, w.keys
	}
	if name != worker.VRRP {
		keys = nil // it signs nothing
	}
	w.given, w.cfg, w.keys = generation, cfg, keys
	w.keeper.Send("configure", worker.Message{Configure: &worker.Configure{
		Generation: generation, Config: cfg, Keys: keys, Known: s.known.Snapshot(died), Proceed: s.proceeded,
		Trackers: s.trackers(), HandOver: worker.HandOver{Numbers: s.handovers.Numbers()},
		KeepAddresses: s.opts.KeepAddresses, KeepServices: s.opts.KeepServices,
	}})
}

func (s *supervisor) workerDied(name string, w *workerState, d worker.Died) {
	w.pid, w.died, w.ended = 0, d.Err, d.Ended
	w.cleaned = d.Ended && d.Err == nil && w.applied.Generation != 0
	if name == worker.VRRP {
		s.counted(s.known.Counters) // nobody will tell newer ones
	}
	if d.Ended || d.Planned || s.stopping {
		return
	}
	if d.Err == nil {
		d.Err = errors.New("exit status 0")
	}
	s.log.Error("worker died", "worker", name, "error", d.Err, "restart_in", d.Again)
	if !d.GivenUp || w.givenUp {
		w.givenUp = d.GivenUp
		return
	}
	w.givenUp = true
	if name != worker.VRRP {
		return
	}
	s.log.Error("the vrrp worker keeps dying: removing its addresses, so that the peer can have them")
	if err := s.release[worker.VRRP](); err != nil {
		s.log.Error("removing the addresses of a dead vrrp worker", "error", err)
	}
	for _, i := range s.current.cfg.Instances {
		was := s.known.Instances[i.Name]
		s.instance(event.InstanceState{
			Instance: i.Name, ID: i.ID().String(), From: was.State, State: event.Fault, Since: time.Now(),
			Priority: was.Priority, Reason: "the vrrp worker keeps dying",
		})
	}
	for _, g := range s.current.cfg.SyncGroups {
		s.notify.Group(event.GroupState{Group: g.Name, State: event.Fault, Since: time.Now(), Reason: "the vrrp worker keeps dying"})
	}
}

// workerSaid takes in a message of a worker.
func (s *supervisor) workerSaid(w *workerState, m worker.Message) {
	switch {
	case m.Applied != nil:
		if m.Applied.Error != "" {
			s.log.Error("configuration not applied in full", "generation", m.Applied.Generation, "error", m.Applied.Error)
		}
		w.applied = *m.Applied
		w.givenUp = false
		s.announce()
	case m.Instance != nil:
		s.instance(*m.Instance)
	case m.Counters != nil:
		s.counted(*m.Counters)
	case m.LowerHeard != nil:
		s.notify.LowerHeard(*m.LowerHeard)
	case m.Group != nil:
		s.notify.Group(*m.Group)
	case m.RealServer != nil:
		s.known.RealServer(*m.RealServer)
		s.notify.RealServer(*m.RealServer)
	case m.Check != nil:
		s.known.Check(*m.Check)
	case m.VirtualServer != nil:
		s.virtualServer(*m.VirtualServer)
	case m.Table != nil:
		s.known.Table = *m.Table
		if m.Table.Generation == s.generation && m.Table.Error == "" {
			s.proceed()
		}
	}
}

// instance notes a transition and tells the user's scripts.
func (s *supervisor) instance(i event.InstanceState) {
	if i.State == event.Stop {
		delete(s.known.Instances, i.Instance) // a worker that starts must not resume it
	} else {
		s.known.Instances[i.Instance] = i
	}
	s.notify.Instance(i)
	s.handoverHeard(i)
}

// proceed lets the VIPs follow the table of this generation.
func (s *supervisor) proceed() {
	s.tableWait.Stop()
	first := !s.proceeded
	s.proceeded, s.tableAwaited = true, false
	w := s.workers[worker.VRRP]
	switch {
	case w == nil:
	case first:
		w.keeper.Send("proceed", worker.Message{Proceed: &worker.Proceed{}})
	case w.given != s.generation:
		s.configureRunning(worker.VRRP)
	}
	s.announce()
}

// announce tells the service manager, once, that director is in service.
func (s *supervisor) announce() {
	if s.announced || !s.proceeded {
		return
	}
	for _, w := range s.workers {
		if w.applied.Generation == 0 {
			return
		}
	}
	s.announced = true
	s.ready("READY=1")
	s.log.Info("in service", "config", s.current.cfg.Path, "instances", len(s.current.cfg.Instances), "virtual_servers", len(s.current.cfg.VirtualServers))
}

// do runs f in the supervisor's goroutine and waits for it.
func (s *supervisor) do(ctx context.Context, f func()) error {
	finished := make(chan struct{})
	select {
	case s.requests <- func() { f(); close(finished) }:
	case <-s.done:
		return errors.New("director is stopping")
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
