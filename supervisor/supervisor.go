package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/fifo"
	"github.com/lvs-director/director/notify/misc"
	"github.com/lvs-director/director/notify/tracking"
	"github.com/lvs-director/director/supervisor/announcing"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/dumps"
	"github.com/lvs-director/director/supervisor/fronts"
	"github.com/lvs-director/director/supervisor/handover"
	"github.com/lvs-director/director/supervisor/installed"
	"github.com/lvs-director/director/supervisor/mailing"
	"github.com/lvs-director/director/supervisor/peers"
	"github.com/lvs-director/director/supervisor/pidfile"
	"github.com/lvs-director/director/supervisor/readers"
	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/supervisor/statefile"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/worker"
)

// supervisor carries out what the machines of reload and rollout decide, and
// tells them what happens. Its fields belong to the goroutine of run; others
// come in through its channels.
type supervisor struct {
	log   *slog.Logger
	flush func() // writes what of the log waits
	opts  *Options
	ready func(string) // tells the service manager

	reload      *reload.Machine
	rollout     *rollout.Machine
	generations map[uint64]*loaded // those that a worker may still be given
	callers     callers

	events   chan worker.Event
	requests chan func()
	done     chan struct{}
	exited   bool // the workers have ended

	disk      *loaded        // the file as it was read last
	program   installed.File // the file of this program, when it is another program by now
	fallback  string         // why not the file but something older is in force; empty when it is the file
	refused   refusal        // of the last reload
	archive   archive
	chronicle chronicle

	// handovers are what was handed over on purpose; handoverEnd fires when the
	// time of one is over.
	handovers      handover.Set
	handoverEnd    *time.Timer
	handoverFile   *statefile.Saver
	handoversAside notInForce // those of before the start
	overrides      overriding
	saved          chan statefile.Ended

	started  time.Time
	notify   *notify.Notifier
	mail     *mailing.Mailing
	fifos    *fifo.FIFOs
	hooks    hooks
	tracking *tracking.Trackers
	misc     *misc.Programs
	known    *status.Knowledge
	keepers  map[rollout.Worker]*worker.Keeper
	front    *fronts.Keeper
	peers    *peers.Peers
	// announcing has addresses announced; services stay until servesUntil although they are to go, since routers may
	// still send packets to them.
	announcing  *announcing.Announcing
	servesUntil time.Time
	// counting is closed when the counters of the vrrp worker that were asked
	// for have come; nil when nobody waits for them.
	counting chan struct{}
	asking   asking
	looking  looking

	signals    Signals
	dumps      dumps.Dumper
	files      runFiles
	pids       pidfile.Set
	gate       *control.Gate
	readers    *readers.Socket
	workersCtx context.Context
	upgrade    upgrade
	watchdog   watchdog
	reaper     reaper

	namespaceProblem string // that was logged last
}

// refusal is a reload of the file that was refused; why is empty when none was.
type refusal struct {
	why string
	at  time.Time
}

// run is the loop. With a handoff it goes on where another program ended.
func (s *supervisor) run(ctx context.Context, from *handoff) error {
	defer close(s.done)
	workersCtx, killWorkers := context.WithCancel(context.WithoutCancel(ctx))
	defer killWorkers()
	s.workersCtx = workersCtx
	frontEnded := make(chan struct{})
	go func() {
		defer close(frontEnded)
		s.front.Run(workersCtx)
	}()
	go s.peers.Run(workersCtx)
	s.announcing.Start(workersCtx)
	s.known = status.New()
	s.handoverEnd = time.NewTimer(time.Hour)
	defer s.handoverEnd.Stop()
	s.overrides.end = time.NewTimer(time.Hour)
	defer s.overrides.end.Stop()
	if from != nil {
		s.takeOver(from)
	} else {
		s.begin()
	}
	s.publish()
	deadline := time.NewTimer(0)
	defer deadline.Stop()
	rounds := time.NewTicker(rollout.RoundInterval)
	defer rounds.Stop()
	for !s.exited {
		s.feedWatchdog()
		s.setDeadline(deadline)
		select {
		case sig := <-s.signals.stop:
			s.stop(sig)
		case <-s.signals.hup:
			s.hup()
		case <-s.signals.dumps[0]:
			s.dump(dumps.Kinds[0])
		case <-s.signals.dumps[1]:
			s.dump(dumps.Kinds[1])
		case <-s.signals.dumps[2]:
			s.dump(dumps.Kinds[2])
		case <-s.signals.dumps[3]:
			s.dump(dumps.Kinds[3])
		case <-s.signals.dumps[4]:
			s.dump(dumps.Kinds[4])
		case e := <-s.events:
			s.workerEvent(e)
		case do := <-s.requests:
			do()
		case r := <-s.tracking.Results():
			s.tracked(r)
		case r := <-s.misc.Results():
			s.programEnded(r)
		case e := <-s.saved:
			e.TakeIn()
		case p := <-s.archive.ended:
			s.historyPaid(p)
		case <-s.handoverEnd.C:
			s.endHandovers()
		case <-s.overrides.end.C:
			s.endOverrides()
		case <-rounds.C:
			s.round()
		case <-deadline.C:
			s.tellRollout(rollout.Tick{})
			s.tellReload(reload.Tick{})
		}
	}
	s.announcing.End(s.opts.KeepServices, announcedPatience)
	killWorkers()
	s.endPrograms()
	select {
	case <-frontEnded:
	case <-time.After(frontPatience): // the kernel does not let it end
	}
	s.finishSaving()
	return nil
}

// setDeadline has a Tick told when one of the machines wants it.
func (s *supervisor) setDeadline(t *time.Timer) {
	at := s.reload.Deadline()
	if b := s.rollout.Deadline(); at.IsZero() || !b.IsZero() && b.Before(at) {
		at = b
	}
	if at.IsZero() {
		t.Stop()
		return
	}
	t.Reset(time.Until(at))
}

// begin starts everything.
func (s *supervisor) begin() {
	s.started = time.Now()
	s.chronicle.brought = s.record(event.RecordDirector, "director", "", "running",
		"started with "+s.current().cfg.Path+", version "+s.opts.Version)
	s.generations = map[uint64]*loaded{s.reload.Generation(): s.current()}
	s.rememberStart()
	s.readHandovers()
	s.readOverrides()
	s.announcing.Load(loadAnnounced)
	s.rollout = rollout.New(s.rolloutOptions())
	for _, name := range s.rolloutOptions().Workers {
		s.keep(name, s.newKeeper(name))
	}
	s.announce(s.current(), s.reload.Generation()) // what is announced already expires otherwise
	s.startUp(func() {
		s.tellConfiguration(s.current())
		s.mail.SendKept()
		s.tracking.Apply(s.current().cfg)
		s.tellRollout(rollout.Begin{})
	})
}

// rolloutOptions are the workers that the command line asks for.
func (s *supervisor) rolloutOptions() (o rollout.Options) {
	if !s.opts.OnlyVRRP {
		o.Workers = append(o.Workers, rollout.LVS)
	}
	if !s.opts.OnlyCheckers {
		o.Workers = append(o.Workers, rollout.VRRP)
	}
	if s.opts.KeepServices {
		o.Keep = append(o.Keep, rollout.LVS)
	}
	if s.opts.KeepAddresses {
		o.Keep = append(o.Keep, rollout.VRRP)
	}
	return o
}

// current is the configuration in force.
func (s *supervisor) current() *loaded { return s.reload.Current().(*loaded) }

// tellReload tells the machine something and carries out what it decides.
func (s *supervisor) tellReload(in reload.Input) {
	for _, e := range s.reload.Step(time.Now(), in, nil) {
		s.carryOutReload(e)
	}
	s.chronicle.forgetAnswered()
}

// tellRollout tells the machine something and carries out what it decides.
func (s *supervisor) tellRollout(in rollout.Input) {
	for _, e := range s.rollout.Step(time.Now(), in, nil) {
		s.carryOutRollout(e)
	}
}

var errStopping = errors.New("director is stopping")

// do runs f in the supervisor's goroutine and waits for it.
func (s *supervisor) do(ctx context.Context, f func()) error {
	finished := make(chan struct{})
	select {
	case s.requests <- func() { f(); close(finished) }:
	case <-s.done:
		return errStopping
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

// post runs f in the supervisor's goroutine, some time; never when it has ended.
func (s *supervisor) post(f func()) {
	select {
	case s.requests <- f:
	case <-s.done:
	}
}
