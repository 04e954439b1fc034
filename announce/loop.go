package announce

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lvs-director/director/announce/link"
	"github.com/lvs-director/director/announce/rules"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/mailbox"
)

// Journal keeps texts of what is ours in the kernel and cannot say so itself.
type Journal interface {
	Held() []string
	Claim(keys ...string) error
	Release(keys ...string) error
}

// Options are what a Loop needs.
type Options struct {
	Log *slog.Logger
	// Open opens the kernel, when there is a block for the first time.
	Open func() (link.Kernel, error)
	// Services reads which services the kernel's IPVS has. It may take its time. One goroutine calls it.
	Services func() (map[conf.ServiceKey]bool, error)
	Journal  Journal
	// Number numbers what happens, and Note keeps it. Both are called from the goroutine of Run.
	Number func() event.Number
	Note   func(event.Record)
}

// Config is what is to be announced.
type Config struct {
	Blocks     []rules.Block
	Generation uint64 // as in event.TableLoaded
	// Since is when blocks, by name, were announced that a director before had; nil is not known.
	Since map[string]time.Time
}

// Loop announces. Run owns all its state; the other methods may be called from any goroutine at any time, and none
// waits.
type Loop struct {
	o     Options
	inbox *mailbox.Mailbox[requests]
	state atomic.Pointer[Snapshot]
	done  chan struct{}
}

// requests are what the loop was told and has not taken in.
type requests struct {
	config   *Config
	trackers map[rules.Key]event.TrackerState
	servers  map[string]rules.Server
	table    *tableTold
	handed   *map[string]event.Number // by block
	// supervisor, heard and missing are when the supervisor's loop went round last, when the lvs worker's table loop
	// did, and when it was told that no such worker runs.
	supervisor, heard, missing time.Time
	stop                       bool
	end                        *ending
}

type tableTold struct {
	generation uint64
	err        string
}

type ending struct{ keep bool }

// New makes a Loop that does nothing until Run is called.
func New(o Options) *Loop {
	l := &Loop{o: o, inbox: mailbox.New[requests](), done: make(chan struct{})}
	l.state.Store(&Snapshot{})
	return l
}

// Apply makes a configuration the one in force. What it does not announce any more is withdrawn.
func (l *Loop) Apply(c Config) { l.inbox.Put(func(r *requests) { r.config = &c }) }

// Tracker tells what trackers are like.
func (l *Loop) Tracker(list ...event.TrackerState) {
	l.inbox.Put(func(r *requests) {
		if r.trackers == nil {
			r.trackers = make(map[rules.Key]event.TrackerState, len(list))
		}
		for _, t := range list {
			r.trackers[rules.Key{Kind: t.Kind, Name: t.Name}] = t
		}
	})
}

// Server tells what a virtual server is like.
func (l *Loop) Server(name string, s rules.Server) {
	l.inbox.Put(func(r *requests) {
		if r.servers == nil {
			r.servers = make(map[string]rules.Server)
		}
		r.servers[name] = s
	})
}

// Table tells how far the IPVS table has come; err is why it is not loaded.
func (l *Loop) Table(generation uint64, err string) {
	l.inbox.Put(func(r *requests) { r.table = &tableTold{generation, err} })
}

// HandedOver names the blocks that an operator has taken away from this host, each with the event.
func (l *Loop) HandedOver(blocks map[string]event.Number) {
	blocks = maps.Clone(blocks)
	l.inbox.Put(func(r *requests) { r.handed = &blocks })
}

// Beat tells that the supervisor's loop goes round.
func (l *Loop) Beat() { l.inbox.Put(func(r *requests) { r.supervisor = time.Now() }) }

// Heartbeat tells that the loop of the lvs worker that owns the table goes round.
func (l *Loop) Heartbeat() { l.inbox.Put(func(r *requests) { r.heard = time.Now() }) }

// WorkerMissing tells that no lvs worker runs.
func (l *Loop) WorkerMissing() { l.inbox.Put(func(r *requests) { r.missing = time.Now() }) }

// Stop withdraws everything. It says for how long the services have to stay.
func (l *Loop) Stop() time.Duration {
	l.inbox.Put(func(r *requests) { r.stop = true })
	return l.Leaves(nil)
}

// Leaves is for how long the services have to stay when these blocks take the place of those there are: the longest
// withdraw_delay of what is announced now and would not be any more.
func (l *Loop) Leaves(blocks []rules.Block) (wait time.Duration) {
	for _, s := range l.state.Load().Blocks {
		if s.State != rules.Announced {
			continue
		}
		for _, a := range s.Block.Addresses {
			if !slices.ContainsFunc(blocks, func(b rules.Block) bool {
				return b.Device == s.Block.Device && slices.Contains(b.Addresses, a)
			}) {
				wait = max(wait, s.Block.Delay)
			}
		}
	}
	return wait
}

// End removes everything of ours from the kernel and ends Run; with keep the local routes stay. Done is closed then.
func (l *Loop) End(keep bool) { l.inbox.Put(func(r *requests) { r.end = &ending{keep} }) }

// Done is closed when Run has ended.
func (l *Loop) Done() <-chan struct{} { return l.done }

// Snapshot is how it is now. It must not be changed.
func (l *Loop) Snapshot() *Snapshot { return l.state.Load() }

// round is how often it is looked whether everything is as it should be.
const round = 500 * time.Millisecond

// Run announces until End is called, or until ctx ends, which leaves everything as it is. It is called once.
func (l *Loop) Run(ctx context.Context) {
	defer close(l.done)
	k := newKeeper(l.o, &l.state)
	defer k.close()
	reads := make(chan reading, 1)
	var links <-chan struct{}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.inbox.Signal():
			t := l.inbox.Take(requests{})
			k.take(t, time.Now())
			if t.end != nil {
				k.end(t.end.keep)
				return
			}
		case <-links:
			k.links = true
		case r := <-reads:
			k.read(r)
		case <-timer.C:
		}
		if !k.open() {
			timer.Reset(round)
			if k.idle() {
				timer.Stop()
			}
			continue
		}
		if links == nil {
			links = k.watch(ctx)
		}
		if k.wantsReading(time.Now()) {
			go func() { reads <- readServices(l.o.Services) }()
		}
		k.step(time.Now())
		timer.Reset(round)
		if k.idle() {
			timer.Stop()
		}
	}
}

// reading is what a look at the kernel's services has given.
type reading struct {
	at       time.Time // when it began
	services map[conf.ServiceKey]bool
	err      error
}

func readServices(read func() (map[conf.ServiceKey]bool, error)) reading {
	r := reading{at: time.Now()}
	r.services, r.err = read()
	return r
}
