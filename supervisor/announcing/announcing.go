package announcing

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/lvs-director/director/announce"
	"github.com/lvs-director/director/announce/link"
	"github.com/lvs-director/director/announce/rules"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/netns"
	"github.com/lvs-director/director/supervisor/handover"
	"github.com/lvs-director/director/supervisor/statefile"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/worker"
)

// Options are what an Announcing works with.
type Options struct {
	Log      *slog.Logger
	RunDir   worker.RunDir
	StateDir string
	File     string             // the configuration
	Save     *statefile.Saver   // writes which blocks are handed over
	Note     func(event.Record) // keeps what happens; any goroutine calls it
	// Open and Services are those of announce.Options; nil is this host.
	Open     func() (link.Kernel, error)
	Services func() (map[conf.ServiceKey]bool, error)
}

// Announcing is what the supervisor has of announced addresses.
type Announcing struct {
	o       Options
	loop    *announce.Loop
	journal *lazyJournal
	config  announce.Config
	servers map[string]*server
	orders  handover.Set
	causes  map[string]event.Number // of the orders
	started bool
}

// server is what is known of a virtual server that a block needs.
type server struct {
	state     event.VirtualServerState
	unchecked map[string]bool // real servers that have checks and no result
}

// JournalName is the name of the journal in the run directory.
const JournalName = "announce"

// New makes one that announces nothing yet.
func New(o Options) *Announcing {
	a := &Announcing{
		o: o, servers: make(map[string]*server), causes: make(map[string]event.Number),
		journal: &lazyJournal{path: o.RunDir.Journal(JournalName), epoch: netns.Epoch, log: o.Log},
	}
	if o.Open == nil {
		o.Open = openHost
	}
	if o.Services == nil {
		o.Services = kernelServices()
	}
	a.loop = announce.New(announce.Options{
		Log: o.Log, Open: o.Open, Services: o.Services, Journal: a.journal, Note: o.Note,
		Number: worker.NewNumbering(event.PartAnnounce).Next,
	})
	return a
}

// Start runs the loop until ctx ends, which leaves all that is announced as it is.
func (a *Announcing) Start(ctx context.Context) {
	a.started = true
	go a.loop.Run(ctx)
}

// Apply makes a configuration the one in force. known and trackers are what is known by now.
func (a *Announcing) Apply(cfg *conf.Config, generation uint64, known *status.Knowledge,
	trackers []event.TrackerState) {
	a.config.Blocks, a.config.Generation = blocksOf(cfg), generation
	a.follow()
	before := a.servers
	a.servers = make(map[string]*server)
	for _, b := range a.config.Blocks {
		for _, name := range b.Servers {
			a.servers[name] = &server{state: known.VirtualServers[name], unchecked: make(map[string]bool)}
		}
	}
	for _, v := range cfg.VirtualServers {
		s := a.servers[v.String()]
		if s == nil {
			continue
		}
		for _, r := range v.RealServers {
			is, told := known.RealServers[status.ServerName{VirtualServer: v.String(), RealServer: r.String()}]
			if len(r.Checkers) > 0 && (!told || is.Verdict() == event.NotChecked) {
				s.unchecked[r.String()] = true
			}
		}
	}
	if len(a.config.Blocks) > 0 || len(before) > 0 || a.started {
		a.loop.Tracker(trackers...)
		for name := range a.servers {
			a.tell(name)
		}
		a.loop.Apply(a.config)
		a.tellOrders()
	}
}

// blocksOf are the blocks of a configuration.
func blocksOf(cfg *conf.Config) (list []rules.Block) {
	for _, c := range cfg.Announces {
		list = append(list, rules.BlockOf(c, cfg.VirtualServers))
	}
	return list
}

// Leaves is for how long services have to stay before a configuration takes the place of the one in force.
func (a *Announcing) Leaves(cfg *conf.Config) time.Duration { return a.loop.Leaves(blocksOf(cfg)) }

// Announces says whether there is a block.
func (a *Announcing) Announces() bool { return len(a.config.Blocks) > 0 }

func (a *Announcing) tell(name string) {
	s := a.servers[name]
	a.loop.Server(name, rules.Server{VirtualServerState: s.state, Unchecked: len(s.unchecked)})
}

// VirtualServer tells what the lvs worker has told.
func (a *Announcing) VirtualServer(v event.VirtualServerState) {
	if s := a.servers[v.VirtualServer]; s != nil {
		s.state = v
		a.tell(v.VirtualServer)
	}
}

// RealServer tells what the lvs worker has told.
func (a *Announcing) RealServer(r event.RealServerState) {
	s := a.servers[r.VirtualServer]
	if s == nil || !s.unchecked[r.RealServer] || r.Verdict() == event.NotChecked {
		return
	}
	delete(s.unchecked, r.RealServer)
	a.tell(r.VirtualServer)
}

// Tracker tells what a tracker is like.
func (a *Announcing) Tracker(t event.TrackerState) {
	if a.Announces() {
		a.loop.Tracker(t)
	}
}

// Table tells how far the IPVS table has come.
func (a *Announcing) Table(t event.TableLoaded) { a.loop.Table(t.Generation, t.Error) }

// Heartbeat tells that the lvs worker's table loop goes round.
func (a *Announcing) Heartbeat() {
	if a.Announces() {
		a.loop.Heartbeat()
	}
}

// WorkerMissing tells that no lvs worker runs.
func (a *Announcing) WorkerMissing() { a.loop.WorkerMissing() }

// Beat tells that the supervisor's loop goes round.
func (a *Announcing) Beat() {
	if a.Announces() {
		a.loop.Beat()
	}
}

// Stop withdraws everything, and says for how long the services have to stay.
func (a *Announcing) Stop() time.Duration { return a.loop.Stop() }

// End removes what is ours, when the services have gone, and waits for that for so long at most. With keep the
// services stay, and the routes with them.
func (a *Announcing) End(keep bool, patience time.Duration) {
	if !a.started {
		return
	}
	a.loop.End(keep)
	enough := time.NewTimer(patience)
	defer enough.Stop()
	select {
	case <-a.loop.Done():
		a.journal.close()
	case <-enough.C:
		a.o.Log.Error("failed to remove what announced addresses in time", "waited", patience)
	}
}

// MostDelay is the longest withdraw_delay of a configuration.
func MostDelay(cfg *conf.Config) (most time.Duration) {
	for _, c := range cfg.Announces {
		most = max(most, c.WithdrawDelay)
	}
	return most
}

// Since is when blocks were announced, for the program that takes over.
func (a *Announcing) Since() map[string]time.Time {
	m := make(map[string]time.Time)
	for _, s := range a.loop.Snapshot().Blocks {
		if s.State == rules.Announced {
			m[s.Block.Name] = s.Since
		}
	}
	return m
}

// GoOn tells since when blocks are announced, of a program before; it comes before Apply.
func (a *Announcing) GoOn(since map[string]time.Time) { a.config.Since = since }

// names are those of the blocks that a name stands for.
func (a *Announcing) names(name, all string) (list []string) {
	for _, b := range a.config.Blocks {
		if b.Name == name || name == all {
			list = append(list, b.Name)
		}
	}
	slices.Sort(list)
	return list
}
