package main

import (
	"maps"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

// serverName identifies a real server by the texts that events carry.
type serverName struct{ virtualServer, realServer string }

// knowledge is the latest that was heard of every object in the
// configuration. The supervisor owns it; a restarted worker is told it, and
// director status shows it.
type knowledge struct {
	instances      map[string]event.InstanceState
	virtualServers map[string]event.VirtualServerState
	realServers    map[serverName]event.RealServerState
	checks         map[serverName]map[string]event.CheckResult
	table          event.TableLoaded
	counters       event.VRRPCounters
}

func newKnowledge() *knowledge {
	return &knowledge{
		instances:      make(map[string]event.InstanceState),
		virtualServers: make(map[string]event.VirtualServerState),
		realServers:    make(map[serverName]event.RealServerState),
		checks:         make(map[serverName]map[string]event.CheckResult),
	}
}

// check notes the result of one run of a checker.
func (k *knowledge) check(r event.CheckResult) {
	name := serverName{r.VirtualServer, r.RealServer}
	if k.checks[name] == nil {
		k.checks[name] = make(map[string]event.CheckResult)
	}
	k.checks[name][r.Checker] = r
}

// realServer notes the verdict on a real server.
func (k *knowledge) realServer(s event.RealServerState) {
	k.realServers[serverName{s.VirtualServer, s.RealServer}] = s
}

// latestCheck is the result of a real server that was heard last.
func (k *knowledge) latestCheck(name serverName) (event.CheckResult, bool) {
	results := slices.SortedFunc(maps.Values(k.checks[name]), func(a, b event.CheckResult) int {
		return b.At.Compare(a.At)
	})
	if len(results) == 0 {
		return event.CheckResult{}, false
	}
	return results[0], true
}

// forget drops what is not in cfg any more.
func (k *knowledge) forget(cfg *conf.Config) {
	instances := make(map[string]bool)
	for _, i := range cfg.Instances {
		instances[i.Name] = true
	}
	services := make(map[string]bool)
	servers := make(map[serverName]bool)
	for _, vs := range cfg.VirtualServers {
		services[vs.String()] = true
		for _, rs := range vs.RealServers {
			servers[serverName{vs.String(), rs.String()}] = true
		}
	}
	maps.DeleteFunc(k.instances, func(name string, _ event.InstanceState) bool { return !instances[name] })
	maps.DeleteFunc(k.virtualServers, func(name string, _ event.VirtualServerState) bool { return !services[name] })
	maps.DeleteFunc(k.realServers, func(n serverName, _ event.RealServerState) bool { return !servers[n] })
	maps.DeleteFunc(k.checks, func(n serverName, _ map[string]event.CheckResult) bool { return !servers[n] })
}

// snapshot is what a worker that starts has to know, died being when its
// predecessor did.
func (k *knowledge) snapshot(died time.Time) worker.Snapshot {
	s := worker.Snapshot{}
	if !died.IsZero() {
		s.Died = worker.Monotonic() - time.Since(died)
	}
	for _, i := range k.instances {
		s.Instances = append(s.Instances, i)
	}
	for _, r := range k.realServers {
		s.RealServers = append(s.RealServers, r)
	}
	return s
}
