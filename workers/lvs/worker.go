package lvs

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/marks"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/workers"
)

// host is what the loop works on.
type host struct {
	table   func() (ipvs.Driver, error)
	marks   marks.Kernel
	foreign func() (uint64, error) // as for marks.Options
	// addresses are those of this host; nil is that they cannot be known.
	addresses func() ([]netip.Addr, error)
	// moved has an entry when they may have changed; nil is that nobody says so.
	moved  <-chan struct{}
	prober checkers.Prober
	// programs and files are what prober was made with.
	programs *programs
	files    *watched
	sessions *watched
	// paths are the marks of checks as_client whose way the kernel has.
	paths *atomic.Pointer[map[uint32]bool]
	// fit fits this process to a configuration that comes; nil does not.
	fit func(*conf.Config)
}

// Run is the loop on this host.
func Run(p *workers.Process) error {
	h := host{
		table: ipvs.Opener(), marks: marks.NewKernel(), foreign: marks.Foreign, programs: newPrograms(p.Out.Put),
		files: newFiles(), sessions: newSessions(), addresses: ownAddresses, paths: new(atomic.Pointer[map[uint32]bool]),
	}
	f := newFitter(p.Log)
	defer f.stop()
	h.fit = f.fit
	watching, unwatch := context.WithCancel(context.Background())
	defer unwatch()
	var err error
	if h.moved, err = watchAddresses(watching); err != nil {
		p.Log.Warn("changes of this host's addresses are noticed late", "error", err)
	}
	prober, err := probe.New(probe.Options{Log: p.Log, Programs: h.programs.run, Files: h.files.value,
		Sessions: h.sessions.session, Path: h.hasPath})
	if err != nil {
		return err
	}
	defer prober.Close()
	h.prober = prober
	return run(p, h)
}

// run joins the checkers to the table, and both to the supervisor.
// When the supervisor is gone the table stays: connections go on, and the next
// director adopts it.
func run(p *workers.Process, h host) error {
	inKernel := newLoaded(func(t event.TableLoaded) { p.Out.Put("table", worker.Message{Table: &t}) })
	var marking *marks.Keeper
	// The loop of the table says that this process lives, when the one below has asked it to: one of them
	// alone proves nothing.
	var asked atomic.Bool
	loop := virtualserver.New(virtualserver.Options{
		Open: h.table, Journal: p.Journal, Log: p.Log, Number: worker.NewNumbering(event.PartTable).Next,
		State: func(s event.VirtualServerState) {
			p.Out.Put("virtual server "+s.VirtualServer, worker.Message{VirtualServer: &s})
		},
		Loaded: func(t event.TableLoaded) {
			inKernel.tableIs(t)
			marking.Loaded(t.Generation)
		},
		// A verdict is news when the table has it, or when it cannot have it.
		Verdict: func(s event.RealServerState) {
			p.Out.Put("real server "+s.VirtualServer+" "+s.RealServer, worker.Message{RealServer: &s})
		},
		InTable: func(t event.ServersInTable) {
			p.Out.Put("in table "+t.VirtualServer, worker.Message{InTable: &t})
		},
		Counted: func(c event.Counted) { p.Out.Put("counted", worker.Message{Counted: &c}) },
		Paths: func(marks map[uint32]bool) {
			if h.paths != nil {
				h.paths.Store(&marks)
			}
		},
		Await: func(ids []conf.InstanceID) {
			a := worker.Await{}
			for _, id := range ids {
				a.Instances = append(a.Instances, id.String())
			}
			p.Out.Put("await", worker.Message{Await: &a})
		},
		Held: func(h event.HeldInTable) {
			p.Out.Put("held in table "+h.ID, worker.Message{HeldInTable: &h})
		},
		MaglevIndex: sync.OnceValue(ipvs.MaglevIndex),
		Alive: func() {
			if asked.Swap(false) {
				p.Out.Put("heartbeat", worker.Message{Heartbeat: &worker.Heartbeat{}})
			}
		},
		Hands: func(list []event.Override) {
			p.Out.Put("kernel weights", worker.Message{KernelWeights: &worker.Overrides{List: list}})
		},
	})
	var latest atomic.Pointer[conf.Config] // of those that were asked for; the keeper of the marks reads it
	marking = marks.New(marks.Options{
		Log: p.Log, Kernel: h.marks, Done: inKernel.marksAre, Foreign: h.foreign,
		Absent: func() string { return h.absent(latest.Load()) },
	})
	schedule := checkers.New(checkers.Options{
		Log: p.Log, Prober: h.prober, Rand: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
		Events: loop.Verdicts, Number: worker.NewNumbering(event.PartChecks).Next,
		Results: func(r event.CheckResult) {
			p.Out.Put("check "+r.VirtualServer+" "+r.RealServer+" "+r.Checker, worker.Message{Check: &r})
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		loop.Run(ctx)
	}()
	go marking.Run(ctx)

	t := turn{
		host: h, process: p, loop: loop, marking: marking, schedule: schedule, inKernel: inKernel,
		asked: func(cfg *conf.Config) { latest.Store(cfg) }, patience: time.NewTimer(0),
	}
	defer t.patience.Stop()
	beat := time.NewTicker(event.HeartbeatInterval)
	defer beat.Stop()
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for {
		select {
		case <-h.moved:
			t.look()
		case <-look.C:
			t.look()
		case <-beat.C:
			asked.Store(true)
		case <-p.Term:
			// The supervisor got it too and will say when: addresses go first.
		case <-inKernel.changed:
			t.marksChanged()
		case <-inKernel.tables:
			t.tableChanged()
		case <-t.patience.C:
			t.late()
		case m, ok := <-p.In:
			switch {
			case !ok:
				p.Log.Error("the supervisor has ended: leaving the IPVS table in place")
				schedule.Close()
				cancel()
				<-ended
				return nil
			case m.Finish != nil:
				schedule.Close()
				loop.Stop(t.keep)
				marking.Stop(t.keep)
				return nil
			case m.AskChecks != nil:
				askChecks(schedule, *m.AskChecks, p.Out.Put)
			case m.Look != nil:
				loop.Look()
			case m.CountChecks != nil:
				countChecks(schedule, *m.CountChecks, p.Out.Put)
			case m.ProgramEnded != nil:
				h.programs.ended(*m.ProgramEnded)
			default:
				t.take(m)
			}
		}
	}
}

// hasPath is a probe.Options.Path.
func (h *host) hasPath(mark uint32) bool {
	paths := h.paths.Load()
	return paths != nil && (*paths)[mark]
}

// Release removes what an lvs worker that is dead for good left in the kernel.
func Release(d worker.RunDir, log *slog.Logger) error {
	j, err := workers.OpenJournal(log, d, worker.LVS)
	if err != nil {
		return err
	}
	defer j.Close()
	if len(j.Held()) > 0 {
		loop := virtualserver.New(virtualserver.Options{Open: ipvs.Opener(), Journal: j, Log: log})
		go loop.Run(context.Background())
		// Without a virtual server everything that is ours is left over.
		loop.Apply(&conf.Config{}, virtualserver.Known{}, 0)
		loop.Stop(false)
	}
	rules := marks.NewKernel()
	defer rules.Close()
	return rules.Put(marks.Rules{})
}
