package vrrp

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/keyfile"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/presence"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/workers"
)

// Run passes messages between the supervisor and the engine until
// one of them, or a signal, ends it. The supervisor's end is ours: nobody
// would remove the addresses after us.
func Run(p *workers.Process) error {
	network, err := link.NewKernel()
	if err != nil {
		return err
	}
	alone, leave := alone(p.Log)
	defer leave()
	number := worker.NewNumbering(event.PartVRRP).Next
	sessions := newSessions(p, number)
	engine := vrrp.New(vrrp.Options{
		Number: number, Companion: sessions.set,
		Log: p.Log, Journal: p.Journal, Network: network, Clock: link.SystemClock{}, SinceBoot: link.SinceBoot,
		Alone: func() bool { return alone },
		Events: func(s event.InstanceState) {
			p.Out.Put("instance "+s.ID, worker.Message{Instance: &s})
		},
		GroupEvents: func(s event.GroupState) {
			p.Out.Put("group "+s.Group, worker.Message{Group: &s})
		},
		LowerHeard: func(h event.LowerHeard) {
			p.Out.Put("lower "+h.Instance, worker.Message{LowerHeard: &h})
		},
		Refused: func(r event.RefusedSender) {
			p.Out.Put("refused "+r.Instance+" "+r.Reason, worker.Message{Refused: &r})
		},
		Host: func(s event.HostState) { p.Out.Put("host", worker.Message{Host: &s}) },
		Heartbeat: func(h vrrp.Heartbeat) {
			p.Out.Put("heartbeat", worker.Message{Heartbeat: &worker.Heartbeat{
				At: h.At, Advertised: h.Advertised, ShortestDown: h.ShortestDown,
			}})
		},
	})
	sessions.engine = engine
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()

	release := true
	var configured *conf.Config // the last one told
	stop := func() error {
		engine.Stop(release)
		return <-ended
	}
	var patience <-chan time.Time // runs while a notify_release may run
	for first := true; ; {
		select {
		case err := <-ended:
			return err
		case <-p.Term:
			// Who sends it to all processes of a daemon means the supervisor, whose notify_release
			// comes first: then it says Finish, with a signal of its own.
			if wait := releaseWait(configured); wait > 0 && patience == nil {
				patience = time.After(wait)
				break
			}
			return stop()
		case <-patience:
			return stop()
		case m, ok := <-p.In:
			switch {
			case !ok:
				err := stop()
				p.Log.Error("the supervisor has ended: gave up mastership")
				return err
			case m.Finish != nil:
				return stop()
			case m.Proceed != nil:
				engine.AllowMaster()
			case m.Count != nil:
				stats := engine.Stats
				if m.Count.Clear {
					stats = engine.StatsAndClear
				}
				if c, err := stats(ctx); err == nil {
					c.BFD = sessions.counters(ctx)
					p.Out.Put("counters", worker.Message{Counters: &c})
				}
			case m.Tracker != nil:
				_ = engine.Track(ctx, *m.Tracker) // one that has stopped tracks nothing
			case m.HandOver != nil:
				_ = engine.HandOver(ctx, m.HandOver.Of(configured), m.HandOver.CausesByID, m.HandOver.Causes.List()...)
			case m.Await != nil:
				_ = engine.AwaitTable(ctx, identities(m.Await))
			case m.Announce != nil:
				if id, err := conf.ParseInstanceID(m.Announce.ID); err == nil {
					_ = engine.Announce(ctx, id)
				}
			case m.HeldInTable != nil:
				if id, err := conf.ParseInstanceID(m.HeldInTable.ID); err == nil {
					_ = engine.InTable(ctx, id, m.HeldInTable.Acquired)
				}
			case m.Configure != nil:
				if m.Configure.Await != nil {
					_ = engine.AwaitTable(ctx, identities(m.Configure.Await))
				}
				release, configured = !m.Configure.KeepAddresses, m.Configure.Config
				if m.Configure.Proceed {
					engine.AllowMaster()
				}
				_ = engine.Track(ctx, m.Configure.Trackers...)
				_ = engine.HandOver(ctx, m.Configure.HandOver.Of(configured), m.Configure.HandOver.CausesByID)
				var known map[conf.InstanceID]vrrp.Resume
				if first {
					known = resume(m.Configure.Known, m.Configure.Config)
				}
				first = false
				keyfile.Keys(m.Configure.Keys).Into(m.Configure.Config)
				sessions.apply(ctx, m.Configure)
				p.Out.Put("applied", workers.Applied(m.Configure, engine.Apply(ctx, m.Configure.Config, known,
					m.Configure.Causes.List()...)))
			}
		}
	}
}

// releaseSlack is what the supervisor needs beside the scripts.
const releaseSlack = time.Second

// releaseWait is how long notify_release of a configuration may run at a stop; 0 without one.
func releaseWait(cfg *conf.Config) (wait time.Duration) {
	if cfg == nil {
		return 0
	}
	for _, i := range cfg.Instances {
		if !i.Notify.Release.IsZero() {
			wait = max(wait, i.Notify.Release.Timeout+releaseSlack)
		}
	}
	for _, g := range cfg.SyncGroups {
		if !g.Notify.Release.IsZero() {
			wait = max(wait, g.Notify.Release.Timeout+releaseSlack)
		}
	}
	return wait
}

// identities are the instances that a message names.
func identities(a *worker.Await) []conf.InstanceID {
	ids := make([]conf.InstanceID, 0, len(a.Instances))
	for _, text := range a.Instances {
		if id, err := conf.ParseInstanceID(text); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

const cannotTellOthers = "failed to look for other directors: removing only leftovers of an earlier run that are in " +
	"the configuration"

// alone shows other directors that this one has virtual routers here, until
// leave, and says whether nobody else of our kind does.
func alone(log *slog.Logger) (alone bool, leave func()) {
	here, err := presence.Acquire(os.Getppid())
	if err != nil {
		log.Warn(cannotTellOthers, "error", err)
		return false, func() {}
	}
	others, err := here.Others()
	if err != nil {
		log.Warn(cannotTellOthers, "error", err)
	}
	return err == nil && others.None(), func() { _ = here.Close() }
}

// resume says what instances were in the worker that died, and for how long
// the neighbours have heard nothing of it: what it took to start this one counts.
// Without a heartbeat it was silent since it died at the latest.
func resume(known worker.Snapshot, cfg *conf.Config) map[conf.InstanceID]vrrp.Resume {
	if known.Died == 0 {
		return nil
	}
	silent := worker.Monotonic() - known.Died
	if known.Advertised != 0 {
		silent = max(silent, link.SinceBoot()-known.Advertised)
	}
	ids := make(map[string]conf.InstanceID, len(cfg.Instances))
	for _, i := range cfg.Instances {
		ids[i.Name] = i.ID()
	}
	r := make(map[conf.InstanceID]vrrp.Resume, len(known.Instances))
	for _, i := range known.Instances {
		id, err := conf.ParseInstanceID(i.ID)
		ok := err == nil
		if i.ID == "" { // of an older director
			id, ok = ids[i.Instance]
		}
		if ok {
			r[id] = vrrp.Resume{
				State: i.State, Since: i.Since, SilentFor: silent, Silenced: known.Silenced, Event: i.Event, Causes: i.Causes,
			}
		}
	}
	return r
}

// Release removes what a vrrp worker that is dead for good left in the kernel.
func Release(d worker.RunDir, log *slog.Logger) error {
	j, err := workers.OpenJournal(log, d, worker.VRRP)
	if err != nil {
		return err
	}
	defer j.Close()
	network, err := link.NewKernel()
	if err != nil {
		return err
	}
	engine := vrrp.New(vrrp.Options{
		Log: log, Journal: j, Network: network, Clock: link.SystemClock{}, Events: func(event.InstanceState) {},
		// What carries the mark is the dead worker's, whatever became of its
		// journal, unless another director or keepalived is here.
		Alone: func() bool {
			others, err := presence.Look(os.Getpid(), os.Getppid())
			return err == nil && others.None()
		},
	})
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(context.Background()) }()
	// Without an instance everything that is ours is left over.
	err = engine.Apply(context.Background(), &conf.Config{}, nil)
	engine.Stop(true)
	<-ended
	return err
}
