package vmac

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"

	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/turns"
)

// Work is one hand-over to the worker.
type Work struct {
	ensure []link.VMAC
	// inspect are those whose settings are looked at, and put back.
	inspect []link.VMAC
	// sweep has all of ours removed but for keep.
	sweep bool
	keep  map[string]bool
	// adopt takes for ours what carries the mark of an earlier run.
	adopt bool
}

// Result is what became of one interface.
type Result struct {
	name string
	err  error
	// degraded is what could not be set and is only good to have.
	degraded error
	// private is link.VMAC's.
	private bool
	// drifted are settings that something else had changed, of one that was inspected.
	drifted []string
	// present says that err is of a removal: nobody wants it and it is still there.
	present bool
}

// Journal remembers across a crash which interfaces and settings are ours.
type Journal interface {
	Claim(keys ...string) error
	Release(keys ...string) error
}

// Worker owns the virtual MAC interfaces of this host that are ours, and the
// settings of their parents that we have changed.
type Worker struct {
	kernel  link.VMACs
	journal Journal
	log     *slog.Logger
	turns   turns.Turns
	work    chan Work
	results chan []Result
	held    map[string]link.VMAC // by name: ours, there or about to be
	old     map[setting]int      // what the settings were before us
	beneath map[string]string    // by parent, of those that are macvlans
}

// NewWorker makes a Worker; held are the keys of the journal.
func NewWorker(kernel link.VMACs, journal Journal, held []string, log *slog.Logger, t turns.Turns) *Worker {
	w := &Worker{
		kernel: kernel, journal: journal, log: log, turns: t,
		work: make(chan Work, 1), results: make(chan []Result),
		held: make(map[string]link.VMAC), old: make(map[setting]int), beneath: make(map[string]string),
	}
	for _, k := range held {
		if v, ok := ParseJournal(k); ok {
			w.held[v.Name] = v
		}
		if s, value, ok := parseSetting(k); ok {
			w.old[s] = value
		}
	}
	return w
}

// Put hands work over. The worker must be idle: Set.Next sees to that.
func (w *Worker) Put(work Work) { w.work <- work }

// Results tells what became of it; it is closed when Run ends.
func (w *Worker) Results() <-chan []Result { return w.results }

// Close has Run end.
func (w *Worker) Close() { close(w.work) }

// Run works until Close.
func (w *Worker) Run() {
	defer close(w.results)
	defer w.kernel.Close()
	for work := range w.work {
		var results []Result
		if work.adopt {
			w.adopt(work.keep)
		}
		if work.sweep {
			results = w.sweep(work.keep)
		}
		for _, v := range work.ensure { // each takes milliseconds
			w.turns.Take(func() { results = append(results, w.ensure(v)) })
		}
		seen := make(map[string]bool)
		for _, v := range work.inspect {
			w.turns.Take(func() {
				if r := w.inspect(v, seen); len(r.drifted) > 0 {
					results = append(results, r)
				}
			})
		}
		w.results <- results
	}
}

// adopt takes for ours what carries the mark and is not wanted now.
func (w *Worker) adopt(keep map[string]bool) {
	marked, err := w.kernel.Marked()
	if err != nil {
		w.log.Warn("failed to look for leftovers of an earlier run", "kind", "virtual MAC interfaces",
			"error", err)
	}
	for _, v := range marked {
		if _, held := w.held[v.Name]; !held && !keep[v.Name] {
			w.log.Info("removing what an earlier run left behind", "interface", v.Name)
			w.held[v.Name] = v
		}
	}
}

// ensure gives an interface and its parent what they need.
func (w *Worker) ensure(v link.VMAC) Result {
	r := Result{name: v.Name}
	if r.err = w.make(v, &r.degraded); r.err == nil {
		is, err := w.kernel.Find(v)
		r.private = err == nil && is.Private
	}
	return r
}

// make makes an interface, or takes one of ours that is there as it is.
func (w *Worker) make(v link.VMAC, degraded *error) error {
	is, err := w.kernel.Find(v)
	was, ours := w.held[v.Name]
	marked := is.Marked
	is.Marked, is.Private = false, false
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := w.removeRenamed(v); err != nil {
			return err
		}
	case err != nil:
		return err
	case !ours && !marked:
		return foreign(v)
	case is == v && (was == v || !ours):
		// An earlier run has made it, whatever became of its journal.
		if !ours {
			w.claim(journalKey(v))
			w.held[v.Name] = v
			w.log.Info("virtual MAC interface of an earlier run adopted", "interface", v.Name, "parent", v.Parent)
		}
		*degraded = w.prepareParent(v)
		return split(w.kernel.Prepare(v), degraded)
	case ours && was == v && is.IPVLAN != v.IPVLAN && sameButMode(is, v):
		w.log.Warn("something else changed the mode of an ipvlan interface: put it back",
			"interface", v.Name, "found", is.IPVLAN, "mode", v.IPVLAN)
		*degraded = w.prepareParent(v)
		return split(w.kernel.Prepare(v), degraded)
	case ours && was == v && is.MAC != v.MAC && sameButMAC(is, v):
		w.log.Warn("something else changed the hardware address of a virtual MAC interface: put it back",
			"interface", v.Name, "found", is.MAC.String(), "mac", v.MAC.String())
		*degraded = w.prepareParent(v)
		return split(w.kernel.Prepare(v), degraded)
	default:
		if err := w.remove(v.Name); err != nil {
			return err
		}
		ours = false
	}
	if ours && was != v {
		w.release(journalKey(was))
	}
	w.claim(journalKey(v))
	w.held[v.Name] = v
	*degraded = w.prepareParent(v)
	if err := split(w.kernel.Make(v), degraded); err != nil {
		delete(w.held, v.Name)
		w.release(journalKey(v))
		if errors.Is(err, fs.ErrExist) {
			return foreign(v)
		}
		return err
	}
	if ours {
		w.log.Warn("a virtual MAC interface was gone: made it again", "interface", v.Name, "parent", v.Parent)
	} else {
		w.log.Info("virtual MAC interface made", "interface", v.Name, "parent", v.Parent, "mac", v.MAC.String())
	}
	return nil
}

// removeRenamed removes what is v but for its name: one of ours that something
// else has renamed has the hardware address that v needs.
func (w *Worker) removeRenamed(v link.VMAC) error {
	marked, err := w.kernel.Marked()
	if err != nil {
		return err
	}
	for _, m := range marked {
		if _, held := w.held[m.Name]; held || m.MAC != v.MAC || m.IPVLAN != v.IPVLAN {
			continue
		}
		named := v
		named.Name = m.Name
		is, err := w.kernel.Find(named)
		is.Marked, is.Private = false, false
		if err != nil || is != named {
			continue // it is on another interface
		}
		w.log.Warn("something else renamed a virtual MAC interface: removing it", "interface", m.Name, "was", v.Name)
		if err := w.kernel.Remove(m.Name); err != nil {
			return err
		}
	}
	return nil
}

// inspect puts settings of an interface and its parent back that something else
// has changed. Parents are looked at once: seen has them.
func (w *Worker) inspect(v link.VMAC, seen map[string]bool) Result {
	r := Result{name: v.Name}
	drifted, err := w.kernel.Drifted(v)
	if err != nil {
		return r // gone: an event tells
	}
	r.drifted = drifted
	if v.IPVLAN == "" {
		for _, parent := range []string{v.Parent, w.beneath[v.Parent]} {
			if parent != "" && !seen[parent] {
				seen[parent] = true
				r.drifted = append(r.drifted, w.driftedParent(parent)...)
			}
		}
	}
	if len(r.drifted) > 0 {
		r.degraded = w.prepareParent(v)
		if err := split(w.kernel.Prepare(v), &r.degraded); err != nil && r.degraded == nil {
			r.degraded = err
		}
	}
	return r
}

// sameButMAC says whether two differ in their hardware address alone.
func sameButMAC(a, b link.VMAC) bool {
	a.MAC = b.MAC
	return a == b
}

// sameButMode says whether two are ipvlan devices that differ in their mode alone.
func sameButMode(a, b link.VMAC) bool {
	both := a.IPVLAN != "" && b.IPVLAN != ""
	a.IPVLAN = b.IPVLAN
	return both && a == b
}

// split takes from an error what is only good to have.
func split(err error, degraded *error) error {
	var d *link.Degraded
	if errors.As(err, &d) {
		if *degraded == nil {
			*degraded = d
		}
		return nil
	}
	return err
}

func foreign(v link.VMAC) error {
	return fmt.Errorf("interface %s is there and director did not make it: remove it (ip link delete %s), "+
		"or give the virtual MAC interface another name (use_vmac NAME)", v.Name, v.Name)
}

// sweep removes all that is ours but for keep, and tells what could not be removed.
func (w *Worker) sweep(keep map[string]bool) (failed []Result) {
	var names []string
	for name := range w.held {
		if !keep[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		w.turns.Take(func() {
			if err := w.remove(name); err != nil {
				w.log.Error("failed to remove a virtual MAC interface, still present", "interface", name, "error", err)
				failed = append(failed, Result{name: name, err: err, present: true})
			}
		})
	}
	parents := make(map[string]bool)
	for _, v := range w.held {
		parents[v.Parent], parents[w.beneath[v.Parent]] = true, true
	}
	for s, old := range w.old {
		if !parents[s.device] {
			w.restore(s, old)
		}
	}
	return failed
}

func (w *Worker) remove(name string) error {
	if err := w.kernel.Remove(name); err != nil {
		return err
	}
	w.release(journalKey(w.held[name]))
	delete(w.held, name)
	return nil
}

func (w *Worker) claim(key string) {
	if err := w.journal.Claim(key); err != nil {
		w.log.Warn("failed to write the journal: after a crash director would not remove this",
			"key", key, "error", err)
	}
}

func (w *Worker) release(key string) {
	if err := w.journal.Release(key); err != nil {
		w.log.Warn("failed to write the journal: after a crash director would remove this, whoever created it",
			"key", key, "error", err)
	}
}
