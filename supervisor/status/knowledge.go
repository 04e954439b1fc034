package status

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

// ServerName identifies a real server by the texts that events carry.
type ServerName struct{ VirtualServer, RealServer string }

// Knowledge is the latest that was heard of every object in the
// configuration. The supervisor owns it; a restarted worker is told it, and
// director status shows it.
type Knowledge struct {
	Instances      map[string]event.InstanceState // by identity; by name when an older director told it
	VirtualServers map[string]event.VirtualServerState
	RealServers    map[ServerName]event.RealServerState
	Checks         map[ServerName][]event.CheckResult // the last one of each checker; a list is replaced, never changed
	// Histories are what an lvs worker that is replaced remembers of its checks, for the next.
	Histories []event.CheckHistory
	// CheckCounts are what the lvs worker that runs has counted, and CheckLag how late its checks began, as last
	// asked for; they are replaced, never changed.
	CheckCounts []event.CheckCounts
	CheckLag    *event.Lateness
	InTable     map[string]event.ServersInTable // by virtual server
	Groups      map[string]event.GroupState     // by name
	BFDs        map[string]event.BFDState       // by identity (conf.BFDInstance.ID)
	Lower       map[string]event.LowerHeard     // the last one of an instance, as Instances
	Table       event.TableLoaded
	Host        event.HostState
	Counters    event.VRRPCounters
	Heard       map[string]time.Time // when a worker was heard last
	Journals    map[string]string    // why the journal of a worker is not written
	Suspended   map[string]bool      // virtual servers whose checks are suspended
	Await       *worker.Await        // what the lvs worker told of it; nil is nothing yet
	Repairs     Repairs
	Asked       Asked

	frozen frozen
}

// New knows nothing.
func New() *Knowledge {
	return &Knowledge{
		Instances:      make(map[string]event.InstanceState),
		VirtualServers: make(map[string]event.VirtualServerState),
		RealServers:    make(map[ServerName]event.RealServerState),
		Checks:         make(map[ServerName][]event.CheckResult),
		InTable:        make(map[string]event.ServersInTable),
		Groups:         make(map[string]event.GroupState),
		BFDs:           make(map[string]event.BFDState),
		Lower:          make(map[string]event.LowerHeard),
		Heard:          make(map[string]time.Time),
		Journals:       make(map[string]string),
	}
}

// Instance notes where an instance is. One that has stopped is forgotten: a worker that
// starts must not resume it.
func (k *Knowledge) Instance(s event.InstanceState) {
	own(&k.Instances, &k.frozen.instances)
	if s.ID != "" {
		delete(k.Instances, s.Instance)
	}
	k.Repairs.see(RepairedAddress, cmp.Or(s.ID, s.Instance), s.Restored, s.State == event.Stop)
	if s.State == event.Stop {
		delete(k.Instances, cmp.Or(s.ID, s.Instance))
		return
	}
	k.Instances[cmp.Or(s.ID, s.Instance)] = s
}

// BFD notes what a BFD session is like. The map is replaced: a report may be reading it.
func (k *Knowledge) BFD(b event.BFDState) {
	k.BFDs = maps.Clone(k.BFDs)
	k.BFDs[b.ID] = b
}

// InTheTable notes how a virtual server stands in the table.
func (k *Knowledge) InTheTable(s event.VirtualServerState) {
	k.Repairs.see(RepairedService, s.VirtualServer, s.Repaired, false)
	k.frozen.verdicts++
	own(&k.VirtualServers, &k.frozen.virtualServers)
	k.VirtualServers[s.VirtualServer] = s
}

// ServersInTable notes what the kernel has of the real servers of a virtual server.
func (k *Knowledge) ServersInTable(s event.ServersInTable) {
	if s.Slots != k.InTable[s.VirtualServer].Slots {
		k.frozen.verdicts++
	}
	own(&k.InTable, &k.frozen.inTable)
	k.InTable[s.VirtualServer] = s
}

// LowerHeard notes a losing advertisement that an instance has heard as MASTER.
func (k *Knowledge) LowerHeard(h event.LowerHeard) { k.Lower[cmp.Or(h.ID, h.Instance)] = h }

// Of is where an instance is, whatever its name was when that was told; known is false
// when nothing was.
func (k *Knowledge) Of(i *conf.Instance) (s event.InstanceState, known bool) {
	if s, known = k.Instances[i.ID().String()]; known {
		return s, true
	}
	s, known = k.Instances[i.Name]
	return s, known && s.ID == ""
}

// ByID is what was known of the instance that a state is about.
func (k *Knowledge) ByID(s event.InstanceState) (was event.InstanceState, known bool) {
	if was, known = k.Instances[cmp.Or(s.ID, s.Instance)]; !known {
		was, known = k.Instances[s.Instance]
	}
	return was, known
}

// lowerOf is the last losing advertisement that an instance has heard.
func (k *Knowledge) lowerOf(i *conf.Instance) (h event.LowerHeard, known bool) {
	if h, known = k.Lower[i.ID().String()]; known {
		return h, true
	}
	h, known = k.Lower[i.Name]
	return h, known && h.ID == ""
}

// Check notes the result of one run of a checker.
func (k *Knowledge) Check(r event.CheckResult) {
	name := ServerName{r.VirtualServer, r.RealServer}
	before := k.Checks[name]
	n := slices.IndexFunc(before, func(o event.CheckResult) bool { return o.Checker == r.Checker })
	if n < 0 {
		n = len(before)
	}
	after := make([]event.CheckResult, max(n+1, len(before)))
	copy(after, before)
	after[n] = r
	own(&k.Checks, &k.frozen.checks)
	k.Checks[name] = after
}

// RealServer notes the verdict on a real server.
func (k *Knowledge) RealServer(s event.RealServerState) {
	k.frozen.verdicts++
	own(&k.RealServers, &k.frozen.realServers)
	k.RealServers[ServerName{s.VirtualServer, s.RealServer}] = s
}

// verdict is that on a real server. A worker that has not said anything yet has not said that it is dead.
func (k *Knowledge) verdict(name ServerName) event.Verdict {
	if state, told := k.RealServers[name]; told {
		return state.Verdict()
	}
	return event.NotChecked
}

// latestCheck is the result of a real server that was heard last.
func (k *Knowledge) latestCheck(name ServerName) (latest event.CheckResult, ok bool) {
	for n, r := range k.Checks[name] {
		if n == 0 || r.At.After(latest.At) {
			latest, ok = r, true
		}
	}
	return latest, ok
}

// Suspend notes which virtual servers are not checked at present.
func (k *Knowledge) Suspend(names []string) {
	k.frozen.verdicts++
	k.Suspended = make(map[string]bool, len(names))
	for _, name := range names {
		k.Suspended[name] = true
	}
}

// What a reload drops is known until the worker that has it has heard of the reload: one that
// comes before that may bring it back, and the worker, to which nothing has happened, would
// not tell it again.

// ForgetInstances drops what cfg, which the vrrp worker has, does not have.
func (k *Knowledge) ForgetInstances(cfg *conf.Config) {
	instances := make(map[string]bool)
	for _, i := range cfg.Instances {
		instances[i.ID().String()], instances[i.Name] = true, true
	}
	groups := make(map[string]bool)
	for _, g := range cfg.SyncGroups {
		groups[g.Name] = true
	}
	keep(&k.Instances, &k.frozen.instances, func(name string) bool { return instances[name] })
	sessions := make(map[string]bool)
	for _, b := range cfg.BFDs {
		sessions[b.ID()] = true
	}
	k.BFDs = maps.Clone(k.BFDs) // a report may be reading it
	maps.DeleteFunc(k.BFDs, func(id string, _ event.BFDState) bool { return !sessions[id] })
	maps.DeleteFunc(k.Groups, func(name string, _ event.GroupState) bool { return !groups[name] })
	maps.DeleteFunc(k.Lower, func(name string, _ event.LowerHeard) bool { return !instances[name] })
	k.Repairs.forget(RepairedAddress, instances)
}

// ForgetServers drops what cfg, which the lvs worker has, does not have.
func (k *Knowledge) ForgetServers(cfg *conf.Config) {
	if len(k.VirtualServers)+len(k.InTable)+len(k.RealServers)+len(k.Checks) == 0 {
		return // as at the start
	}
	services := make(map[string]bool)
	servers := make(map[ServerName]bool)
	for _, vs := range cfg.VirtualServers {
		service := vs.String()
		services[service] = true
		for _, rs := range vs.RealServers {
			name := ServerName{service, rs.String()}
			servers[name] = true
			if results := k.Checks[name]; len(results) > 0 {
				names := checkers.Names(rs)
				gone := func(r event.CheckResult) bool { return !slices.Contains(names, r.Checker) }
				if slices.ContainsFunc(results, gone) {
					own(&k.Checks, &k.frozen.checks)
					k.Checks[name] = slices.DeleteFunc(slices.Clone(results), gone)
				}
			}
		}
	}
	k.frozen.verdicts++
	isService := func(name string) bool { return services[name] }
	isServer := func(name ServerName) bool { return servers[name] }
	keep(&k.VirtualServers, &k.frozen.virtualServers, isService)
	keep(&k.InTable, &k.frozen.inTable, isService)
	k.Repairs.forget(RepairedService, services)
	keep(&k.RealServers, &k.frozen.realServers, isServer)
	keep(&k.Checks, &k.frozen.checks, isServer)
}

// Snapshot is what a worker that starts has to know, died being when its
// predecessor did.
func (k *Knowledge) Snapshot(died time.Time) worker.Snapshot {
	s := worker.Snapshot{}
	if !died.IsZero() {
		s.Died = worker.Monotonic() - time.Since(died)
	}
	for _, i := range k.Instances {
		s.Instances = append(s.Instances, i)
	}
	for _, r := range k.RealServers {
		s.RealServers = append(s.RealServers, r)
	}
	for _, v := range k.VirtualServers {
		s.VirtualServers = append(s.VirtualServers, v)
	}
	s.BFDs = slices.Collect(maps.Values(k.BFDs))
	return s
}

// CheckHistories is what a new lvs worker is told of the checks: what the one before
// remembered when it could be asked, else the results that it told.
func (k *Knowledge) CheckHistories() []event.CheckHistory {
	if len(k.Histories) > 0 {
		return k.Histories
	}
	var list []event.CheckHistory
	for name, results := range k.Checks {
		for _, r := range results {
			list = append(list, event.CheckHistory{
				VirtualServer: name.VirtualServer, RealServer: name.RealServer, Checker: r.Checker, Runs: 1,
				Results: []event.CheckResult{r},
			})
		}
	}
	return list
}

// States are where the instances of a configuration are, by name.
func (k *Knowledge) States(cfg *conf.Config) map[string]event.VRRPState {
	m := make(map[string]event.VRRPState, len(cfg.Instances))
	for _, i := range cfg.Instances {
		if s, known := k.Of(i); known {
			m[i.Name] = s.State
		}
	}
	return m
}
