package nft

import (
	"context"
	"sync"
	"time"

	"github.com/lvs-director/director/retry"
)

// Guard keeps tables of ours right while nobody calls: it verifies each when a
// notification says that something may have gone from it, and every period in case
// one was lost. Its methods may be called from any goroutine.
type Guard struct {
	period  time.Duration
	repairs chan Repair

	mu     sync.Mutex // between its callers and the goroutine that watches
	tables map[string]*guarded
	stop   context.CancelFunc // of that goroutine; nil before there is one
	ended  chan struct{}
	closed bool
}

type guarded struct {
	keeper *Keeper
	count  int       // of repairs
	last   time.Time // of the last one
	failed string    // what the last attempt failed with
	retry  retry.Retry
	// contested says that a Repair has told so.
	contested bool
}

// NewGuard guards no table yet. period is also the shortest time between two repairs of
// a table. A program that fights for it makes the pauses longer, to 30 s.
func NewGuard(period time.Duration) *Guard {
	return &Guard{period: period, repairs: make(chan Repair, 16), tables: make(map[string]*guarded)}
}

// Use calls use with the keeper of a table, which is guarded from then on. It works in
// the network namespace of the thread that calls it first.
func (g *Guard) Use(t Table, use func(*Keeper) error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	kept := g.tables[t.Name]
	if kept == nil {
		kept = &guarded{keeper: NewKeeper(t)}
		g.tables[t.Name] = kept
	}
	if g.stop == nil {
		ctx, stop := context.WithCancel(context.Background())
		g.stop, g.ended = stop, make(chan struct{})
		// Without notifications the period does.
		changed, _ := Watch(ctx, g.keeps)
		go g.watch(ctx, changed)
	}
	return use(kept.keeper)
}

func (g *Guard) keeps(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tables[name] != nil
}

// Repairs tells what was put back, until Close. What nobody reads in time is counted in
// the next one.
func (g *Guard) Repairs() <-chan Repair { return g.repairs }

// Close ends the watching. The tables stay.
func (g *Guard) Close() {
	g.mu.Lock()
	stop, ended, closed := g.stop, g.ended, g.closed
	g.closed = true
	g.mu.Unlock()
	if closed {
		return
	}
	if stop != nil {
		stop()
		<-ended
	}
	close(g.repairs)
	for _, t := range g.tables {
		t.keeper.Close()
	}
}

// watch verifies the tables when something has changed, and every period.
func (g *Guard) watch(ctx context.Context, changed <-chan struct{}) {
	defer close(g.ended)
	period := time.NewTicker(g.period)
	defer period.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-period.C:
		case _, open := <-changed:
			if !open {
				changed = nil
			}
		}
		g.verify(time.Now())
	}
}

func (g *Guard) verify(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, t := range g.tables {
		if now.Sub(t.last) < g.period-g.period/10 || !t.retry.Ready(now) {
			continue // a later turn of the period looks at it
		}
		missing, err := t.keeper.Verify()
		switch {
		case err != nil:
			t.retry.Failed(now)
		case len(missing) > 0:
			t.retry.Repaired(now)
		case t.failed == "" && (!t.contested || !t.retry.IsCalm(now)):
			continue
		}
		t.last = now
		text := ""
		if err != nil {
			text = err.Error()
		}
		if err == nil || text != t.failed {
			t.tell(g.repairs, Repair{Table: name, Missing: missing, Err: err})
		}
		t.failed = text
	}
}

// tell completes a Repair and tells it, if there is room.
func (t *guarded) tell(to chan<- Repair, r Repair) {
	if r.Missing != nil || r.Err != nil {
		t.count++
	}
	if t.contested = len(r.Missing) > 0 && t.retry.Times > retry.FreeRepairs; t.contested {
		r.Contested, r.Since = t.retry.Times, t.retry.Since
	}
	r.Count = t.count
	select {
	case to <- r:
	default:
	}
}
