package lvs

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
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
	prober  checkers.Prober
}

// Run is the loop on this host.
func Run(p *workers.Process) error {
	prober, err := probe.New(probe.Options{Log: p.Log})
	if err != nil {
		return err
	}
	defer prober.Close()
	return run(p, host{ipvs.Opener(), marks.NewKernel(), marks.Foreign, prober})
}

// run joins the checkers to the table, and both to the supervisor.
// When the supervisor is gone the table stays: connections go on, and the next
// director adopts it.
func run(p *workers.Process, h host) error {
	inKernel := &loaded{tell: func(t event.TableLoaded) { p.Out.Put("table", worker.Message{Table: &t}) }}
	loop := virtualserver.New(virtualserver.Options{
		Open: h.table, Journal: p.Journal, Log: p.Log,
		State: func(s event.VirtualServerState) {
			p.Out.Put("virtual server "+s.VirtualServer, worker.Message{VirtualServer: &s})
		},
		Loaded: inKernel.tableIs,
	})
	marking := marks.New(marks.Options{
		Log: p.Log, Kernel: h.marks, Done: inKernel.marksAre, Foreign: h.foreign,
	})
	schedule := checkers.New(checkers.Options{
		Log: p.Log, Prober: h.prober, Rand: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
		Events: func(s event.RealServerState) {
			loop.Verdict(s)
			p.Out.Put("real server "+s.VirtualServer+" "+s.RealServer, worker.Message{RealServer: &s})
		},
		Results: func(r event.CheckResult) {
			p.Out.Put("check "+r.VirtualServer+" "+r.RealServer+" "+r.Checker, worker.Message{Check: &r})
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx) }()
	go marking.Run(ctx)

	keep := false
	beat := time.NewTicker(event.HeartbeatInterval)
	defer beat.Stop()
	for {
		select {
		case <-beat.C:
			p.Out.Put("heartbeat", worker.Message{Heartbeat: &worker.Heartbeat{}})
		case err := <-ended:
			schedule.Close()
			return err
		case <-p.Term:
			// The supervisor got it too and will say when: addresses go first.
		case m, ok := <-p.In:
			switch {
			case !ok:
				p.Log.Error("the supervisor is gone: leaving the table as it is")
				schedule.Close()
				cancel()
				return <-ended
			case m.Finish != nil:
				schedule.Close()
				loop.Stop(keep)
				marking.Stop(keep)
				return <-ended
			case m.Configure != nil:
				keep = m.Configure.KeepServices
				known := m.Configure.Known.RealServers
				cfg := withoutGroups(p.Log, m.Configure.Config)
				marking.Apply(cfg.VirtualServers, m.Configure.Generation)
				loop.Apply(cfg, known, m.Configure.Generation)
				schedule.Apply(cfg, checkers.SnapshotOf(known))
				p.Out.Put("applied", workers.Applied(m.Configure, nil))
			}
		}
	}
}

// withoutGroups leaves out what the table cannot hold yet, loudly.
func withoutGroups(log *slog.Logger, cfg *conf.Config) *conf.Config {
	c := *cfg
	c.VirtualServers = nil
	for _, vs := range cfg.VirtualServers {
		if vs.Group != "" {
			log.Warn("virtual server left out", "virtual_server", vs.String(), "reason", worker.NoGroups)
			continue
		}
		c.VirtualServers = append(c.VirtualServers, vs)
	}
	return &c
}

// Release removes what an lvs worker that is dead for good left in the kernel.
func Release(d worker.RunDir, log *slog.Logger) error {
	j, err := workers.OpenJournal(log, d, worker.LVS)
	if err != nil {
		return err
	}
	defer j.Close()
	rules := marks.NewKernel()
	err = rules.Put(marks.Rules{})
	rules.Close()
	if len(j.Held()) == 0 {
		return err
	}
	loop := virtualserver.New(virtualserver.Options{Open: ipvs.Opener(), Journal: j, Log: log})
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(context.Background()) }()
	loop.Apply(&conf.Config{}, nil, 0) // without a virtual server everything that is ours is left over
	loop.Stop(false)
	return errors.Join(err, <-ended)
}
