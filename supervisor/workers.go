package supervisor

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/events"
	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/worker"
)

// keep runs the keeper of a worker.
func (s *supervisor) keep(name rollout.Worker, k *worker.Keeper) {
	s.keepers[name] = k
	go k.Run(s.workersCtx)
}

func (s *supervisor) newKeeper(name rollout.Worker) *worker.Keeper {
	p := privilege(string(name), s.current().cfg)
	return worker.NewKeeper(string(name), func(peer *os.File) (*exec.Cmd, error) {
		return startWorker(s.log, string(name), s.opts, p, peer)
	}, s.events)
}

// runs says whether a worker runs.
func (s *supervisor) runs(name rollout.Worker) bool {
	w, _ := s.rollout.Status(name)
	return w.Pid != 0
}

// sendVRRP tells the vrrp worker. One that does not run is told when it starts.
func (s *supervisor) sendVRRP(key string, m worker.Message) {
	if s.runs(rollout.VRRP) {
		s.keepers[rollout.VRRP].Send(key, m)
	}
}

// workerEvent takes in what a worker said or what became of it.
func (s *supervisor) workerEvent(e worker.Event) {
	name := rollout.Worker(e.Worker)
	switch {
	case e.Started != nil:
		s.pids.Follow(e.Worker, e.Started.Pid)
		if w, ok := s.rollout.Status(name); ok && w.Restarts == 0 && w.Since.IsZero() {
			s.log.Info("worker started", "worker", name, "pid", e.Started.Pid)
		}
		s.tellRollout(rollout.Started{Worker: name, Pid: e.Started.Pid})
	case e.Died != nil:
		if s.hooks.stopping && !s.rollout.Stopping() { // while notify_release runs: nobody starts it again
			s.stopWorkers()
		}
		delete(s.known.Journals, e.Worker) // the next one tells how it is with it
		if name == rollout.VRRP {
			s.counted(s.known.Counters)      // nobody will tell newer ones
			s.known.Host = event.HostState{} // the next one tells what is wrong then
			s.known.Repairs.Anew(status.RepairedAddress)
		}
		if name == rollout.LVS {
			s.misc.CancelAll() // nobody waits for them
			s.announcing.WorkerMissing()
			s.known.Suspend(nil)
			s.asking.open = nil
			s.looking.told = time.Time{}
			s.known.Repairs.Anew(status.RepairedService)
			s.known.CheckCounts, s.known.CheckLag = nil, nil // the next one begins anew
		}
		if e.Died.Early {
			s.log.Debug("a signal ended a worker that had just been started: starting it again", "worker", name, "error",
				e.Died.Err)
		}
		delete(s.chronicle.deaths, name) // of an earlier one
		s.tellRollout(rollout.Died{Worker: name, Err: e.Died.Err, Planned: e.Died.Planned, Early: e.Died.Early})
		s.chronicle.killed = ""
	case e.Received != nil:
		s.known.Heard[e.Worker] = time.Now()
		s.workerSaid(name, *e.Received)
	}
}

// workerSaid takes in a message of a worker.
func (s *supervisor) workerSaid(name rollout.Worker, m worker.Message) {
	if m.LeftOut > 0 {
		s.log.Warn("transitions were left out: this process was too slow to take them in, and scripts, FIFOs and mail are "+
			"not told of them", "object", aboutWhat(&m), "transitions", m.LeftOut)
	}
	switch {
	case m.Applied != nil:
		if m.Applied.Error != "" {
			s.log.Error("configuration not applied in full", "generation", m.Applied.Generation, "error", m.Applied.Error)
		}
		if name == rollout.VRRP {
			s.hasHeard(name, m.Applied.Generation)
		}
		s.tellRollout(rollout.Applied{Worker: name, Generation: m.Applied.Generation, Problem: m.Applied.Error})
	case m.Heartbeat != nil:
		s.heartbeat(name, *m.Heartbeat)
	case m.Instance != nil:
		was, _ := s.known.ByID(*m.Instance)
		s.happened(m.LeftOut, events.Instance(was, *m.Instance)...)
		s.instance(*m.Instance)
	case m.Counters != nil:
		s.counted(*m.Counters)
	case m.LowerHeard != nil:
		s.happened(m.LeftOut, events.TwoMasters(*m.LowerHeard))
		s.known.LowerHeard(*m.LowerHeard)
		s.notify.LowerHeard(*m.LowerHeard)
	case m.Refused != nil:
		s.happened(m.LeftOut, events.Refused(*m.Refused))
	case m.Host != nil:
		s.happened(0, events.Problems(s.known.Host.Problems, m.Host.Problems)...)
		s.known.Host = *m.Host
	case m.Journal != nil:
		s.known.Journals[string(name)] = m.Journal.Error
	case m.Group != nil:
		s.happened(m.LeftOut, events.Group(s.known.Groups[m.Group.Group], *m.Group)...)
		s.known.Groups[m.Group.Group] = *m.Group
		s.notify.Group(*m.Group)
	case m.BFD != nil:
		s.bfd(*m.BFD, m.LeftOut)
	case m.RealServer != nil:
		was, known := s.known.RealServers[status.ServerName{
			VirtualServer: m.RealServer.VirtualServer, RealServer: m.RealServer.RealServer}]
		s.happened(m.LeftOut, events.RealServer(was, *m.RealServer, known)...)
		s.known.RealServer(*m.RealServer)
		s.announcing.RealServer(*m.RealServer)
		s.notify.RealServer(*m.RealServer)
	case m.RunProgram != nil:
		s.runProgram(*m.RunProgram)
	case m.Check != nil:
		s.known.Check(*m.Check)
	case m.CheckHistory != nil:
		s.checkHistory(*m.CheckHistory)
	case m.ChecksCounted != nil:
		s.checksCounted(*m.ChecksCounted)
	case m.VirtualServer != nil:
		was, known := s.known.VirtualServers[m.VirtualServer.VirtualServer]
		s.happened(m.LeftOut, events.VirtualServer(was, *m.VirtualServer, known)...)
		if known && was.Alive > 0 && m.VirtualServer.Alive == 0 {
			s.whoIsCutOff(*m.VirtualServer)
		}
		s.virtualServer(*m.VirtualServer)
		s.mail.VirtualServer(*m.VirtualServer)
		s.notify.VirtualServer(*m.VirtualServer)
	case m.InTable != nil:
		s.known.ServersInTable(*m.InTable)
	case m.Await != nil:
		s.known.Await = m.Await
		s.sendVRRP("await", worker.Message{Await: m.Await})
	case m.HeldInTable != nil:
		s.heldInTable(*m.HeldInTable)
	case m.Counted != nil:
		s.kernelCounted(*m.Counted)
	case m.Suspended != nil:
		s.known.Suspend(m.Suspended.VirtualServers)
	case m.KernelWeights != nil:
		s.kernelWeights(m.KernelWeights.List)
	case m.Table != nil:
		s.known.Table = *m.Table
		s.announcing.Table(*m.Table)
		s.hasHeard(name, m.Table.Generation)
		s.tellRollout(rollout.TableLoaded{Table: rollout.Table{Generation: m.Table.Generation, Problem: m.Table.Error}})
	}
}

// hasHeard forgets what a reload has dropped, now that a worker has heard of the reload and has
// told what it had to tell before. The lvs worker says so of its table: it applies before that.
func (s *supervisor) hasHeard(name rollout.Worker, generation uint64) {
	if generation == s.reload.Generation() { // else a later one may bring it back
		s.forget(name, s.current().cfg)
	}
}

// forget drops what is known of objects of a worker that a configuration does not have.
func (s *supervisor) forget(name rollout.Worker, cfg *conf.Config) {
	if name == rollout.VRRP {
		s.known.ForgetInstances(cfg)
	} else {
		s.known.ForgetServers(cfg)
	}
}

// aboutWhat is the object of a message that tells a transition.
func aboutWhat(m *worker.Message) string {
	switch {
	case m.Instance != nil:
		return m.Instance.Instance
	case m.LowerHeard != nil:
		return m.LowerHeard.Instance
	case m.Group != nil:
		return m.Group.Group
	case m.BFD != nil:
		return m.BFD.Session
	case m.RealServer != nil:
		return m.RealServer.RealServer + " of " + m.RealServer.VirtualServer
	case m.VirtualServer != nil:
		return m.VirtualServer.VirtualServer
	}
	return "other"
}

// instance notes a transition and tells the user's scripts.
func (s *supervisor) instance(i event.InstanceState) {
	s.known.Instance(i)
	s.notify.Instance(i)
	s.toldFront(i)
	s.handoverHeard(i)
	s.present(i)
	if followed := instanceNamed(s.current().cfg, s.current().cfg.Global.LVSSync.Instance); followed != nil &&
		s.runs(rollout.LVS) && (i.ID == followed.ID().String() || i.ID == "" && i.Instance == followed.Name) {
		s.keepers[rollout.LVS].Send("followed", worker.Message{Followed: &i})
	}
}

// instanceNamed is the instance of a configuration that has a name now; nil is none.
func instanceNamed(cfg *conf.Config, name string) *conf.Instance {
	if name == "" {
		return nil
	}
	for _, i := range cfg.Instances {
		if i.Name == name {
			return i
		}
	}
	return nil
}

// carryOutRollout does what the machine has decided.
func (s *supervisor) carryOutRollout(e rollout.Effect) {
	switch e := e.(type) {
	case rollout.Start:
		s.keepers[e.Worker].Start()
	case rollout.Hand:
		s.hand(e)
	case rollout.Proceed:
		s.sendVRRP("proceed", worker.Message{Proceed: &worker.Proceed{}})
	case rollout.Finish:
		s.finish(e)
	case rollout.Kill:
		s.log.Error("killing a worker", "worker", e.Worker, "pid", e.Pid, "why", e.Why)
		s.chronicle.killed = s.record(event.RecordWorker, "worker "+string(e.Worker), "", "killed", e.Why)
		go s.keepers[e.Worker].Kill() // not here: a keeper may be telling something, and waits for us
	case rollout.Release:
		s.releaseWorker(e)
	case rollout.ReplaceWorker:
		if e.Worker == rollout.LVS {
			s.replaceLVS()
			return
		}
		go s.keepers[e.Worker].Replace()
	case rollout.Examine:
		s.examine(e)
	case rollout.Lost:
		s.lost(e)
	case rollout.Deployed:
		s.pids.Freshen()
		nameProcess(s.log, s.current().cfg.Global.ProcessNames)
		s.tellReload(reload.Deployed{Generation: e.Generation, Problems: e.Problems})
	case rollout.Exit:
		s.exited = true
	default:
		if !s.carryOutUpgrade(e) {
			s.logRollout(e)
		}
	}
}

// logRollout writes what the machine wants to be known.
func (s *supervisor) logRollout(e rollout.Effect) {
	switch e := e.(type) {
	case rollout.InService:
		s.ready("READY=1")
		s.endStart()
		cfg := s.current().cfg
		s.log.Info("in service", "config", cfg.Path, "instances", len(cfg.Instances), "virtual_servers",
			len(cfg.VirtualServers))
	case rollout.TableNotLoaded:
		s.log.Warn("the IPVS table is not loaded: going on without it", "waited", rollout.TablePatience)
	case rollout.WorkerDied:
		err := e.Err
		if err == nil {
			err = errors.New("exit status 0")
		}
		s.log.Error("worker died", "worker", e.Worker, "pid", e.Pid, "error", err, "restart_in", e.Again)
		s.chronicle.died(e.Worker, s.record(event.RecordWorker, "worker "+string(e.Worker), "running", "dead", err.Error(),
			s.chronicle.killed))
	case rollout.WorkerRestarted:
		s.log.Info("worker restarted", "worker", e.Worker, "pid", e.Pid, "down", e.Down)
		s.record(event.RecordWorker, "worker "+string(e.Worker), "dead", "running", "started again",
			s.chronicle.deaths[e.Worker].event)
	case rollout.WorkerReplaced:
		s.log.Info("worker replaced", "worker", e.Worker, "pid", e.Pid, "before", e.Before)
		s.record(event.RecordWorker, "worker "+string(e.Worker), "", "replaced", "by an upgrade")
	case rollout.ReplaceFailed:
		s.log.Error("workers are not replaced", "error", e.Why)
	case rollout.Unkillable:
		s.log.Error("a worker has stopped answering: director does not kill it", "worker", e.Worker, "pid", e.Pid, "why",
			e.Why)
	}
}

// hand gives a running worker a configuration; one that was just started is
// given all that is known beside.
func (s *supervisor) hand(e rollout.Hand) {
	l := s.generations[e.Generation]
	c := &worker.Configure{
		Generation: e.Generation, Config: l.cfg, Proceed: s.rollout.MayMaster(), Trackers: s.trackers(),
		HandOver:      *s.handoverMessage(),
		KeepAddresses: s.opts.KeepAddresses, KeepServices: s.opts.KeepServices,
		Causes: s.chronicle.behind(e.Worker, e.Fresh),
	}
	if e.Worker == rollout.VRRP {
		c.Keys = l.keys.OfInstances(l.cfg) // the other one signs nothing
		c.Await = s.known.Await
		if len(l.cfg.VirtualServers)+len(l.cfg.Peers) > 0 {
			without := *l.cfg
			without.Peers = nil
			without.VirtualServers = nil // its heap stays small, and reading 40,000 real servers takes long
			c.Config = &without
		}
	}
	if e.Fresh { // whatever a worker before it did not get to hear
		s.forget(e.Worker, l.cfg)
	}
	if e.Worker == rollout.LVS {
		c.Trackers = append(c.Trackers, s.bfdTrackers()...)
		c.Overrides = s.operatorsOverrides()
		c.Presence = s.presence(l.cfg)
	}
	if followed := instanceNamed(l.cfg, l.cfg.Global.LVSSync.Instance); followed != nil && e.Worker == rollout.LVS {
		if i, known := s.known.Of(followed); known {
			c.Followed = &i
		}
	}
	if e.Fresh {
		c.Known = s.known.Snapshot(e.Predecessor.Died)
		c.Known.Advertised = e.Predecessor.LastSent
		c.Known.Silenced = e.Predecessor.Silenced
		if e.Worker == rollout.LVS {
			c.Known.Checks, s.known.Histories = s.known.CheckHistories(), nil
		}
	}
	s.keepers[e.Worker].Send("configure", worker.Message{Configure: c})
}

// finish asks a worker to end.
func (s *supervisor) finish(e rollout.Finish) {
	if e.Worker == rollout.VRRP && e.Pid != 0 {
		// A signal is there sooner than a message: priority 0 leaves at once.
		_ = syscall.Kill(e.Pid, syscall.SIGTERM)
	}
	s.keepers[e.Worker].Send("finish", worker.Message{Finish: &worker.Finish{}})
}

// releaseWorker removes what a worker left in the kernel.
func (s *supervisor) releaseWorker(e rollout.Release) {
	s.log.Error("removing what a worker left in the kernel", "worker", e.Worker, "why", e.Why)
	p := privilege(string(e.Worker), s.current().cfg)
	go func() {
		err := release(string(e.Worker), s.opts, p)
		s.post(func() {
			if err != nil {
				s.log.Error("failed to remove what a worker left in the kernel", "worker", e.Worker, "error", err)
			}
			s.tellRollout(rollout.Released{Worker: e.Worker, Err: err})
		})
	}()
}

// lost tells everybody that nobody does what the vrrp worker did.
func (s *supervisor) lost(e rollout.Lost) {
	now := time.Now()
	cfg := s.current().cfg
	s.forget(rollout.VRRP, cfg)
	causes := event.NumbersOf(s.chronicle.deaths[rollout.VRRP].event)
	for _, i := range cfg.Instances {
		was, _ := s.known.Of(i)
		is := event.InstanceState{
			Instance: i.Name, ID: i.ID().String(), From: was.State, State: event.Fault, Since: now, Priority: was.Priority,
			Reason: e.Why, Event: s.chronicle.number(), Causes: causes,
		}
		s.happened(0, events.Instance(was, is)...)
		s.instance(is)
	}
	for _, g := range cfg.SyncGroups {
		is := event.GroupState{
			Group: g.Name, State: event.Fault, Since: now, Reason: e.Why, Event: s.chronicle.number(), Causes: causes,
		}
		s.happened(0, events.Group(s.known.Groups[g.Name], is)...)
		s.notify.Group(is)
	}
}
