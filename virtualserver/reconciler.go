package virtualserver

import (
	"hash/maphash"
	"slices"
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
	// awaited says whether somebody waits for the loop.
	awaited func() bool

	started   bool // there was a first configuration
	servers   map[conf.ServiceID]*server
	services  map[conf.ServiceKey]*service
	ring      []conf.ServiceKey // of services, in order
	overrides table.Overrides
	told      []event.Override // what overrides was made of
	want      table.Table
	policy    conf.ReconcilePolicy
	causes    event.Numbers // of the configuration and the overrides that are being taken

	// have is what the kernel has of services that are wanted or ours: as last
	// read, with our own changes since.
	have table.Table
	// held are the services in the journal: ours.
	held map[conf.ServiceKey]bool
	// adopted are those of them that were in the kernel before they were ours.
	adopted map[conf.ServiceKey]bool
	// sent are the weights that the journal says we sent.
	sent map[conf.ServiceKey]map[conf.ServerKey]table.Sent
	// noted are the notes of a journal whose service is not configured yet.
	noted map[conf.ServiceKey][]table.Note

	looked bool // have was read at least once

	// dirty services may differ from what is wanted; retry ones failed and are
	// tried again later; stale ones have to be read again; changed ones may have
	// something to report.
	dirty, retry, stale, changed keys
	seed                         maphash.Seed // of the sums of what was told
	// untold are those of changed whose real servers were told a moment ago.
	untold keys
	// news are verdicts that are told when the table has them. There is no map without one: a map
	// keeps its memory when it is emptied.
	news map[conf.RealServerID]event.RealServerState
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
	wake       time.Time       // when the loop has to look again before its next round; zero is never
	handsTold  []event.Override
	paths      []*server       // of checks as_client
	pathsTold  map[uint32]bool // what was told of them
	gained     int             // virtual servers that have gained their first quorum in this report
	host       host
	holding    holding
	counting   counting
	beaten     time.Time // when Alive was called last
}

// server is a virtual server of the configuration.
type server struct {
	conf *conf.VirtualServer
	name string
	keys []conf.ServiceKey // its services, one or more
	// verdicts are those on all its real servers; the zero one where none was told.
	verdicts table.Verdicts
	// partial says that others have some of its services.
	partial bool
	// path says that it is for checks as_client: it is none of the user's, and nobody is told of it.
	path bool
	// alpha says that a real server of it begins down.
	alpha bool
	// four and six are reached by NAT, by IPv4 and by IPv6; nil is none.
	four, six *conf.RealServer

	up, serving int    // real servers that are up, and those of them that get connections
	weights     uint64 // of those, in all
	quorum      bool   // by which the table is made
	was         bool   // the one that was told
	since       time.Time
	reason      string
	limits      limits // when was changed last
	event       event.Number
	causes      event.Numbers
	// moved are the verdicts of real servers that came up, or went down, since then.
	moved     map[conf.ServerKey]moved
	reported  event.VirtualServerState
	inTable   uint64 // the sum of what was told of the table
	inTableAt time.Time
}

// moved is the last change of a real server.
type moved struct {
	up    bool
	event event.Number
}

// limits are what a virtual server's quorum was decided by.
type limits struct {
	quorum, hysteresis uint32
	weights            uint64
}

// service is one of the kernel's services that is wanted.
type service struct {
	server   *server
	key      conf.ServiceKey
	failures failures // of the last attempt
	failing  bool     // that was logged
	repaired int
	synced   bool             // the kernel had it as wanted before
	tied     []*conf.Instance // this host has to hold one of them; none is that it has not
	// elsewhere says why it is not wanted in the table at present; empty when it is.
	elsewhere string
	order     string // fingerprint of the order of its real servers, with mh
	// differs is what something else changed and stays, with reconcile report, and serversDiffer
	// is that of its real servers.
	differs, serversDiffer string

	hands     map[conf.ServerKey]hand
	handsSet  int      // since the last line about it
	handLines attempts // of the log
	leaving   map[conf.ServerKey]leaving
	ending    map[conf.ServerKey]table.EndFlows
	drained   map[conf.ServerKey]bool // a drain that is over
	counted   time.Time               // when its connections were read
	traffic   event.Traffic           // of the service itself, when it was listed last
}

// hand is a weight that was set by hand in the kernel's table.
type hand struct {
	weight     int
	configured int // the weight of the configuration then
	since      time.Time
}

// leaving is a real server that has left the configuration.
type leaving struct {
	was   table.Destination
	drain table.Drain
}

// failures is what the kernel refused of one service.
type failures struct {
	texts   map[string]string         // operation to error
	servers map[conf.ServerKey]string // real servers that are not as wanted, and the error
	refused map[conf.ServerKey]bool   // those of them that the kernel does not have
	service bool                      // it does not have the service itself
}

func (f *failures) add(op, text string) {
	if f.texts == nil {
		f.texts = make(map[string]string)
	}
	f.texts[op] = text
}

func (f *failures) addServer(key conf.ServerKey, text string, refused bool) {
	if f.servers == nil {
		f.servers, f.refused = make(map[conf.ServerKey]string), make(map[conf.ServerKey]bool)
	}
	f.servers[key] = text
	if refused {
		f.refused[key] = true
	}
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
		awaited:  func() bool { return false },
		want:     table.Table{},
		have:     table.Table{},
		held:     make(map[conf.ServiceKey]bool),
		adopted:  make(map[conf.ServiceKey]bool),
		sent:     make(map[conf.ServiceKey]map[conf.ServerKey]table.Sent),
		noted:    make(map[conf.ServiceKey][]table.Note),
		dirty:    keys{},
		retry:    keys{},
		stale:    keys{},
		changed:  keys{},
		untold:   keys{},
		seed:     maphash.MakeSeed(),
		refused:  keys{},
		drift:    make(map[conf.ServiceKey]string),
		orphans:  make(map[conf.ServiceKey]string),
		failures: history{},
		repairs:  history{},
		warned:   make(map[string]bool),
	}
	r.readJournal()
	return r
}

// readJournal takes in what an earlier loop has left.
func (r *reconciler) readJournal() {
	for _, text := range r.Journal.Held() {
		if key, ok := table.ParseJournalKey(text); ok {
			r.held[key] = true
			continue
		}
		if key, ok := table.ParseAdoptedKey(text); ok {
			r.adopted[key] = true
			continue
		}
		if n, ok := table.ParseNote(text); ok {
			if n.Kind == table.NoteSent {
				r.sentOf(n.Service)[n.Server] = append(r.sentOf(n.Service)[n.Server], int(n.First))
			} else {
				r.noted[n.Service] = append(r.noted[n.Service], n)
			}
			continue
		}
		r.host.readJournal(text)
	}
}

func (r *reconciler) close() {
	if r.driver != nil {
		r.driver.Close()
	}
}

// idle says whether there is nothing to keep and nothing to remove.
func (r *reconciler) idle() bool { return len(r.services) == 0 && len(r.held) == 0 && r.host.idle() }

// take takes requests.
func (r *reconciler) take(t requests) {
	r.causes = t.causes()
	defer func() { r.causes = "" }()
	if t.overrides != nil && (len(t.overrides.reset) > 0 || !sameOverrides(t.overrides.list, r.told)) {
		r.takeOverrides(*t.overrides)
	}
	if t.followed != nil {
		r.host.followed = *t.followed
		r.host.hurry()
	}
	r.takeHolding(t)
	if t.application != nil {
		r.configure(t.application)
	}
	if t.looked {
		r.counting.looked = time.Now()
	}
	if !r.started {
		return
	}
	for id, v := range t.verdicts {
		r.takeVerdict(id, v)
	}
	if t.application != nil {
		r.flushAtStart(t.application)
	}
	if t.application != nil && !r.idle() && r.unknown() {
		r.read() // a new service may be in the kernel already
	}
	r.sync()
	r.answerHolding()
	r.applyHost()
	if t.looked && !r.counting.on { // else the next slice comes in its time, however many look
		r.count()
	}
	r.report()
}

// unknown says that the kernel may have something of what is wanted, or is not to be there,
// that was not looked at.
func (r *reconciler) unknown() bool {
	if !r.looked || r.unreadable != "" {
		return true
	}
	for key := range r.want {
		if _, known := r.have[key]; !known {
			return true
		}
	}
	for _, svc := range r.services {
		if svc.elsewhere != "" && svc.counted.IsZero() {
			return true
		}
	}
	return false
}

// takeVerdict takes a verdict. One about a server that is not configured came late.
func (r *reconciler) takeVerdict(id conf.RealServerID, v event.RealServerState) {
	s := r.serverOf(id)
	if s == nil {
		return
	}
	v.Unset = ""
	was, is := s.verdicts[id.Server], table.VerdictOf(v)
	if !sameWeight(s, was, is) {
		r.markDirty(s)
	}
	s.verdicts[id.Server] = is
	s.note(id.Server, was, v)
	if r.news == nil {
		r.news = make(map[conf.RealServerID]event.RealServerState)
	}
	r.news[id] = v
	r.Log.Debug("verdict", "virtual_server", v.VirtualServer, "real_server", v.RealServer,
		"up", v.Up, "weight", v.Weight, "reason", v.Reason)
}

// serverOf is the virtual server of a real server that is configured; nil is none.
func (r *reconciler) serverOf(id conf.RealServerID) *server {
	s := r.servers[id.Service]
	if s == nil {
		return nil
	}
	if _, configured := s.verdicts[id.Server]; !configured {
		return nil
	}
	return s
}

// sameWeight says that a verdict changes nothing in the table: most tell that a real server
// is up, which it was taken for before its first check.
func sameWeight(s *server, was, is table.Verdict) bool {
	if !was.Told {
		return is.Up && !is.Checked && is.Starting == 0 && !s.alpha
	}
	return was.Up == is.Up && was.Starting == is.Starting && was.Checked == is.Checked &&
		(!is.Checked || was.Weight == is.Weight)
}

// takeOverrides replaces the overrides.
func (r *reconciler) takeOverrides(o overriding) {
	r.told = o.list
	r.overrides = table.NewOverrides(o.list, time.Now())
	for _, reset := range o.reset {
		r.resetHands(reset)
	}
	for _, s := range r.servers {
		r.markDirty(s)
	}
}

// sameOverrides says that two lists have the same overrides in the same order. One that
// came through a connection has its times in another form.
func sameOverrides(a, b []event.Override) bool {
	return slices.EqualFunc(a, b, func(x, y event.Override) bool {
		same := x.Since.Equal(y.Since) && x.Until.Equal(y.Until)
		x.Since, x.Until, y.Since, y.Until = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		return same && x == y
	})
}

// overridesDue drops the overrides that are over.
func (r *reconciler) overridesDue(now time.Time) {
	if n := r.overrides.Next; !n.IsZero() && !now.Before(n) {
		r.takeOverrides(overriding{list: r.told})
	}
}

func (r *reconciler) markDirty(s *server) {
	for _, key := range s.keys {
		r.dirty.add(key)
	}
}

// wakeAt has the loop look again at a time.
func (r *reconciler) wakeAt(at time.Time) {
	if !at.IsZero() && (r.wake.IsZero() || at.Before(r.wake)) {
		r.wake = at
	}
}

func (r *reconciler) sentOf(key conf.ServiceKey) map[conf.ServerKey]table.Sent {
	if r.sent[key] == nil {
		r.sent[key] = make(map[conf.ServerKey]table.Sent)
	}
	return r.sent[key]
}
