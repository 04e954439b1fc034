package virtualserver

import (
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
)

// reconciler is the state of a running loop. Only Run's goroutine touches it.
type reconciler struct {
	Options
	driver ipvs.Driver // nil until it is needed

	started  bool // there was a first configuration
	servers  map[conf.ServiceKey]*server
	ring     []conf.ServiceKey // of servers, in order
	names    map[conf.RealServerID]*server
	verdicts table.Verdicts
	want     table.Table

	// have is what the kernel has of services that are wanted or ours: as last
	// read, with our own changes since.
	have table.Table
	// held are the services in the journal: ours.
	held map[conf.ServiceKey]bool

	looked bool  // have was read at least once
	fatal  error // another process has to go on

	// dirty services may differ from what is wanted; retry ones failed and are
	// tried again later; stale ones have to be read again; changed ones may have
	// something to report.
	dirty, retry, stale, changed keys
	// refused services could not be added: their real servers are not tried.
	refused keys
	// drift says what something else did to a service.
	drift map[conf.ServiceKey]string
	// failures and repairs are the attempts on services that failed and those that
	// undid what something else had changed, as far as they are not forgotten.
	failures, repairs history
	// orphans are ours, not wanted, and could not be removed: the error.
	orphans map[conf.ServiceKey]string

	unreadable string // why the kernel's table cannot be read; empty when it can
	hopeless   bool   // it will not be readable by waiting
	load       load
	next       int             // in ring: whose real servers are read next
	credit     int             // how many services and real servers may be read
	warned     map[string]bool // warnings that are logged once
}

// server is a virtual server of the configuration.
type server struct {
	conf *conf.VirtualServer
	key  conf.ServiceKey

	quorum   bool
	since    time.Time
	reason   string
	failures failures // of the last attempt
	failing  bool     // that was logged
	repaired int
	synced   bool // the kernel had it as wanted before
	reported event.VirtualServerState
}

// failures is what the kernel refused of one service.
type failures struct {
	texts   map[string]string       // operation to error
	servers map[conf.ServerKey]bool // real servers that it does not have because of it
	service bool                    // it does not have the service itself
}

func (f *failures) add(op, text string) {
	if f.texts == nil {
		f.texts = make(map[string]string)
	}
	f.texts[op] = text
}

// first returns one of the failures, always the same.
func (f *failures) first() string {
	text := ""
	for _, t := range f.texts {
		if text == "" || t < text {
			text = t
		}
	}
	return text
}

type keys map[conf.ServiceKey]struct{}

func (s keys) add(k conf.ServiceKey)      { s[k] = struct{}{} }
func (s keys) has(k conf.ServiceKey) bool { _, ok := s[k]; return ok }

func newReconciler(opt Options) *reconciler {
	r := &reconciler{
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
		failures: history{},
		repairs:  history{},
		warned:   make(map[string]bool),
	}
	for _, text := range opt.Journal.Held() {
		if key, ok := table.ParseJournalKey(text); ok {
			r.held[key] = true
		}
	}
	return r
}

func (r *reconciler) close() {
	if r.driver != nil {
		r.driver.Close()
	}
}

// idle says whether there is nothing to keep and nothing to remove.
func (r *reconciler) idle() bool { return len(r.servers) == 0 && len(r.held) == 0 }

// take takes requests.
func (r *reconciler) take(a *application, verdicts table.Verdicts) {
	if a != nil {
		r.configure(a)
	}
	if !r.started {
		return
	}
	for id, v := range verdicts {
		r.takeVerdict(id, v)
	}
	if a != nil && !r.idle() {
		r.read() // a new service may be in the kernel already
	}
	r.sync()
	r.report()
}

// configure replaces the configuration. It keeps what is known of servers that
// are in both.
func (r *reconciler) configure(a *application) {
	known := make(table.Verdicts, len(a.verdicts))
	for _, v := range a.verdicts {
		if id, err := conf.ParseRealServer(v.VirtualServer, v.RealServer); err == nil {
			known[id] = v
		}
	}
	before := r.configuredWeights()
	servers := make(map[conf.ServiceKey]*server, len(a.servers))
	names := make(map[conf.RealServerID]*server)
	verdicts := make(table.Verdicts)
	for _, vs := range a.servers {
		key := table.Canonical(vs.Key)
		if servers[key] != nil {
			continue // the first one counts
		}
		s := r.servers[key]
		if s == nil {
			s = &server{key: key, since: time.Now(), reason: "started"}
		}
		s.conf = vs
		servers[key] = s
		for _, rs := range vs.RealServers {
			id := vs.ServerID(rs)
			names[id] = s
			v, told := r.verdicts[id]
			if !told {
				v, told = known[id]
			}
			if !told {
				continue
			}
			if old, had := before[id]; had && v.Weight == old {
				// The checkers wanted the configured weight, which the new configuration may change.
				v.Weight = rs.Weight
			}
			verdicts[id] = v
		}
	}
	r.servers, r.names, r.verdicts, r.started = servers, names, verdicts, true
	r.want = table.Wanted(a.servers, verdicts)
	r.ring = r.want.Keys()
	r.next, r.credit = 0, 0
	r.load.begin(a.generation)
	for key := range r.servers {
		r.dirty.add(key)
	}
	for key := range r.held {
		r.dirty.add(key)
	}
	r.warnForwarding()
}

// configuredWeights returns the weights of the configuration in force.
func (r *reconciler) configuredWeights() map[conf.RealServerID]int {
	weights := make(map[conf.RealServerID]int, len(r.names))
	for _, s := range r.servers {
		for _, rs := range s.conf.RealServers {
			weights[s.conf.ServerID(rs)] = rs.Weight
		}
	}
	return weights
}

// takeVerdict takes a verdict. One about a server that is not configured came late.
func (r *reconciler) takeVerdict(id conf.RealServerID, v event.RealServerState) {
	s := r.names[id]
	if s == nil {
		return
	}
	r.verdicts[id] = v
	r.dirty.add(s.key)
	r.Log.Debug("verdict", "virtual_server", v.VirtualServer, "real_server", v.RealServer,
		"up", v.Up, "weight", v.Weight, "reason", v.Reason)
}
