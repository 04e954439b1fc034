package virtualserver

import (
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
)

// keeper is the state of a running loop. Only Run's goroutine touches it.
type keeper struct {
	Options
	driver ipvs.Driver // nil until it is needed

	started  bool // the first configuration is there
	servers  map[conf.ServiceKey]*server
	ring     []conf.ServiceKey // of servers, in order
	names    map[conf.RealServerID]*server
	verdicts table.Verdicts
	want     table.Table

	// have is what the kernel has of services that are wanted or ours, as last
	// read and changed since.
	have table.Table
	// held are the services that the journal says are ours.
	held map[conf.ServiceKey]bool

	looked bool // have was read at least once

	// dirty services may differ from what is wanted; retry ones failed and
	// become dirty in the next round; stale ones have to be read again; changed
	// ones may have something to report.
	dirty, retry, stale, changed keys
	// refused services could not be added: their real servers need not be tried.
	refused keys
	// drift is what somebody else did to a service.
	drift map[conf.ServiceKey]string
	// orphans are ours, not wanted, and could not be removed: why.
	orphans map[conf.ServiceKey]string

	trouble string // why the kernel's table cannot be read
	load    load
	next    int             // in ring: whose real servers are read next
	credit  int             // how many services and real servers may be read
	warned  map[string]bool // what is said once
}

// server is a virtual server of the configuration.
type server struct {
	conf *conf.VirtualServer
	key  conf.ServiceKey

	quorum   bool
	since    time.Time
	reason   string
	failures map[string]string // operation to error, of the last attempt
	repaired int
	synced   bool // the kernel had it as wanted once
	reported event.VirtualServerState
}

type keys map[conf.ServiceKey]struct{}

func (s keys) add(k conf.ServiceKey)      { s[k] = struct{}{} }
func (s keys) has(k conf.ServiceKey) bool { _, ok := s[k]; return ok }

func newKeeper(opt Options) *keeper {
	k := &keeper{
		Options:  opt,
		verdicts: table.Verdicts{},
		have:     table.Table{},
		held:     make(map[conf.ServiceKey]bool),
		dirty:    keys{},
		retry:    keys{},
		stale:    keys{},
		changed:  keys{},
		refused:  keys{},
		drift:    make(map[conf.ServiceKey]string),
		orphans:  make(map[conf.ServiceKey]string),
		warned:   make(map[string]bool),
	}
	for _, text := range opt.Journal.Held() {
		if key, ok := table.ParseJournalKey(text); ok {
			k.held[key] = true
		}
	}
	return k
}

func (k *keeper) close() {
	if k.driver != nil {
		k.driver.Close()
	}
}

// idle says that there is nothing to keep and nothing to remove.
func (k *keeper) idle() bool { return len(k.servers) == 0 && len(k.held) == 0 }

// take takes what the loop was told.
func (k *keeper) take(a *application, verdicts table.Verdicts) {
	if a != nil {
		k.configure(a)
	}
	if !k.started {
		return
	}
	for id, v := range verdicts {
		k.judge(id, v)
	}
	if a != nil && !k.idle() {
		k.read() // a service that is new to us may be in the kernel already
	}
	k.sync()
	k.report()
}

// configure replaces the configuration and keeps what is known of the servers
// that stay.
func (k *keeper) configure(a *application) {
	known := make(table.Verdicts, len(a.verdicts))
	for _, v := range a.verdicts {
		if id, err := conf.ParseRealServer(v.VirtualServer, v.RealServer); err == nil {
			known[id] = v
		}
	}
	before := k.configuredWeights()
	servers := make(map[conf.ServiceKey]*server, len(a.servers))
	names := make(map[conf.RealServerID]*server)
	verdicts := make(table.Verdicts)
	for _, vs := range a.servers {
		key := table.Canonical(vs.Key)
		if servers[key] != nil {
			continue // the first counts
		}
		s := k.servers[key]
		if s == nil {
			s = &server{key: key, since: time.Now(), reason: "started"}
		}
		s.conf = vs
		servers[key] = s
		for _, rs := range vs.RealServers {
			id := vs.ServerID(rs)
			names[id] = s
			v, told := k.verdicts[id]
			if !told {
				v, told = known[id]
			}
			if !told {
				continue
			}
			if old, had := before[id]; had && v.Weight == old {
				// The checkers wanted the configured weight, which may have changed.
				v.Weight = rs.Weight
			}
			verdicts[id] = v
		}
	}
	k.servers, k.names, k.verdicts, k.started = servers, names, verdicts, true
	k.want = table.Wanted(a.servers, verdicts)
	k.ring = k.want.Keys()
	k.next, k.credit = 0, 0
	k.load.begin(a.generation)
	for key := range k.servers {
		k.dirty.add(key)
	}
	for key := range k.held {
		k.dirty.add(key)
	}
	k.warnForwarding()
}

// configuredWeights are the weights of the configuration that is in force.
func (k *keeper) configuredWeights() map[conf.RealServerID]int {
	weights := make(map[conf.RealServerID]int, len(k.names))
	for _, s := range k.servers {
		for _, rs := range s.conf.RealServers {
			weights[s.conf.ServerID(rs)] = rs.Weight
		}
	}
	return weights
}

// judge takes a verdict. One about a server that is not configured is late.
func (k *keeper) judge(id conf.RealServerID, v event.RealServerState) {
	s := k.names[id]
	if s == nil {
		return
	}
	k.verdicts[id] = v
	k.dirty.add(s.key)
	k.Log.Debug("verdict", "virtual_server", v.VirtualServer, "real_server", v.RealServer,
		"up", v.Up, "weight", v.Weight, "reason", v.Reason)
}
