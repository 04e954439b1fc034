package vrrp

import (
	"cmp"
	"errors"
	"io/fs"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"github.com/lvs-director/director/vrrp/link"
)

const (
	// addressBatch is how many instances the address worker is given at once:
	// what is handed over cannot be revoked any more.
	addressBatch = 64
	// burst is how many system calls a worker makes before it lets others run.
	burst = 16
	// addressRetryAfter is the pause before addresses that could not be added
	// are tried again.
	addressRetryAfter = time.Second
)

// addressWork is one hand-over to the address worker.
type addressWork struct {
	// renames come first.
	renames []renamed
	jobs    []addressJob
	// sweep removes what a former life has left behind, but for keep.
	sweep bool
	keep  map[place]bool
}

// addressResult is what became of one job.
type addressResult struct {
	key      key
	seq      uint64
	added    []place // by this job: they were not there
	restored []place // of them, those that had been there before
	missing  []place // wanted and not there
	err      error   // why the first of them is missing
}

// addressWorker owns what is ours on this host: addresses, routes, rules and
// settings. It runs beside the engine, which never waits for it.
type addressWorker struct {
	kernel  link.Addresses
	routes  link.Routes
	filter  link.Filter
	journal Journal
	log     *slog.Logger
	turns   turns
	book    *book
	// foreign were there before us; the value says that it was logged.
	foreign map[place]bool
}

func newAddressWorker(kernel link.Addresses, routes link.Routes, filter link.Filter, journal Journal, held []string, log *slog.Logger, t turns) *addressWorker {
	return &addressWorker{
		kernel: kernel, routes: routes, filter: filter, journal: journal, log: log, turns: t,
		book: newBook(held), foreign: make(map[place]bool),
	}
}

// run works until in is closed.
func (w *addressWorker) run(in <-chan addressWork, out chan<- []addressResult) {
	defer close(out)
	w.findForeign()
	for work := range in {
		out <- w.do(work)
	}
}

// findForeign remembers the addresses that somebody else has put there, so
// that not even a crash in the wrong moment makes them ours.
func (w *addressWorker) findForeign() {
	present, err := w.kernel.List()
	if err != nil {
		w.log.Warn("the host's own addresses are not known: one that is also a virtual address might be removed later", "error", err)
		return
	}
	for _, a := range present {
		if p := (place{device: a.Device, prefix: a.Prefix}); !w.book.held[p] {
			w.foreign[p] = false
		}
	}
}

// followRenames removes what is ours from interfaces that have got another name.
func (w *addressWorker) followRenames(list []renamed) {
	for _, r := range list {
		var there []place
		var before []string
		for p := range w.book.held {
			if p.device == r.from {
				there = append(there, place{device: r.to, prefix: p.prefix})
				before = append(before, p.journalKey())
				delete(w.book.held, p)
				delete(w.book.installed, p)
			}
		}
		if len(there) == 0 {
			continue
		}
		w.log.Info("an interface has another name: removing the virtual addresses of the old one",
			"from", r.from, "interface", r.to, "addresses", len(there))
		var claim []string
		for _, p := range there {
			w.book.held[p] = true
			claim = append(claim, p.journalKey())
		}
		w.claim(claim)
		w.disclaim(before)
		w.remove(there)
	}
}

func (w *addressWorker) do(work addressWork) []addressResult {
	w.followRenames(work.renames)
	remove, add := w.book.plan(work.jobs)
	if work.sweep {
		left := w.book.leftovers(work.keep)
		slices.SortFunc(left, func(a, b place) int {
			return cmp.Or(byRank(b, a), cmp.Compare(a.device, b.device), a.prefix.Addr().Compare(b.prefix.Addr()), cmp.Compare(a.what, b.what))
		})
		for _, p := range left {
			w.log.Info("removing what an earlier run left behind", p.attrs()...)
		}
		remove = append(remove, left...)
	}
	w.remove(remove)
	done := w.add(add)
	results := make([]addressResult, len(work.jobs))
	for i, j := range work.jobs {
		r := addressResult{key: j.key, seq: j.seq}
		for _, h := range j.want {
			p := h.place
			if done.added[p] {
				r.added = append(r.added, p)
			}
			if done.restored[p] {
				r.restored = append(r.restored, p)
			}
			if err := done.failed[p]; err != nil {
				r.missing = append(r.missing, p)
				if r.err == nil {
					r.err = err
				}
			}
		}
		results[i] = r
	}
	return results
}

// remove takes things away and then out of the journal. What the kernel does
// not give up stays in the journal: it is still ours.
func (w *addressWorker) remove(places []place) {
	var gone []string
	there := w.findRoutes(places)
	w.turns.each(len(places), func(i int) {
		p := places[i]
		if err := w.take(w.book.holding(p), there); err != nil {
			w.log.Error("what should be gone stays", append(p.attrs(), "error", err)...)
			return
		}
		w.book.gone(p)
		gone = append(gone, p.journalKey())
	})
	w.disclaim(gone)
}

// outcome is what became of things that were to be added.
type outcome struct {
	added, restored map[place]bool
	failed          map[place]error
}

// add puts things into the journal and then into the kernel.
func (w *addressWorker) add(want []holding) outcome {
	var claim []string
	for _, h := range want {
		if p := h.place; !w.book.held[p] && !w.isForeign(p) {
			claim = append(claim, p.journalKey())
		}
	}
	w.claim(claim)
	o := outcome{added: make(map[place]bool), restored: make(map[place]bool), failed: make(map[place]error)}
	var late, disclaim []string
	var present []holding
	settle := func(h holding, err error) {
		p := h.place
		switch {
		case err == nil:
			o.added[p] = true
			was, before := w.book.installed[p]
			o.restored[p] = before && was.same(h)
			if w.isForeign(p) {
				delete(w.foreign, p)
				late = append(late, p.journalKey())
			}
			w.book.held[p], w.book.installed[p] = true, h
		case errors.Is(err, fs.ErrExist) && w.book.held[p]:
			w.book.installed[p] = h
		case errors.Is(err, fs.ErrExist):
			if !w.isForeign(p) {
				disclaim = append(disclaim, p.journalKey())
			}
			if !w.foreign[p] {
				w.foreign[p] = true
				w.log.Warn("what is wanted was there before director and will be left there", p.attrs()...)
			}
		default:
			o.failed[p] = err
			if !w.book.held[p] && !w.isForeign(p) {
				disclaim = append(disclaim, p.journalKey())
			}
		}
	}
	w.turns.each(len(want), func(i int) {
		h := want[i]
		if err := w.unguarded(h, o); err != nil {
			settle(h, err)
			return
		}
		err := w.put(h)
		if h.route != nil && errors.Is(err, fs.ErrExist) {
			present = append(present, h) // is it the one that is wanted?
			return
		}
		settle(h, err)
	})
	w.compare(present, settle)
	w.claim(late)
	w.disclaim(disclaim)
	return o
}

func (w *addressWorker) isForeign(p place) bool {
	_, is := w.foreign[p]
	return is
}

func (w *addressWorker) claim(keys []string) {
	if len(keys) == 0 {
		return
	}
	if err := w.journal.Claim(keys...); err != nil {
		// Without the address the service is down for certain; without the
		// journal only a crash is badly cleaned up.
		w.log.Warn("the journal could not be written: after a crash these would be taken for somebody else's",
			"first", keys[0], "number", len(keys), "error", err)
	}
}

func (w *addressWorker) disclaim(keys []string) {
	if len(keys) == 0 {
		return
	}
	if err := w.journal.Release(keys...); err != nil {
		w.log.Warn("the journal could not be written: after a crash these would be removed, whoever has them then",
			"first", keys[0], "number", len(keys), "error", err)
	}
}

// turns lets only one of the workers beside the engine be busy at a time, so
// that they leave a processor for it.
type turns chan struct{}

func newTurns() turns { return make(turns, 1) }

// each calls f for 0 to n-1 in short bursts.
func (t turns) each(n int, f func(i int)) {
	for start := 0; start < n; start += burst {
		t <- struct{}{}
		for i := start; i < min(start+burst, n); i++ {
			f(i)
		}
		<-t
		breathe()
	}
}

// breathe lets a waiting engine run. With a single processor a yield does not
// do: only an idle scheduler looks for expired timers.
func breathe() {
	if runtime.GOMAXPROCS(0) == 1 {
		time.Sleep(50 * time.Microsecond)
		return
	}
	runtime.Gosched()
}
