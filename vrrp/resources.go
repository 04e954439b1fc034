package vrrp

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/resource"
)

// What instances want to have in the kernel, and what became of it.

// defaultTable is the nftables table of no_accept unless nftables names one.
const defaultTable = "director"

// resourcesOf are what an instance wants to have in the kernel as MASTER.
func resourcesOf(cfg *conf.Instance) []resource.Resource {
	addresses := addressesOf(cfg)
	list := resourceList(addresses, cfg.Routes, cfg.Rules)
	// The address owner accepts always (RFC 9568 section 6.4.3).
	if cfg.NoAccept && cfg.Priority != machine.Owner {
		for _, a := range addresses {
			list = append(list, resource.Filter{Block: link.Block{
				Table: cmp.Or(cfg.FilterTable, defaultTable), Address: a.Prefix.Addr(),
			}})
		}
	}
	return list
}

// addressesOf are all addresses of an instance, in the order of the file.
func addressesOf(cfg *conf.Instance) []conf.Address {
	return slices.Concat(cfg.Addresses, cfg.ExcludedAddresses)
}

func resourceList(addresses []conf.Address, routes []conf.Route, rules []conf.Rule) []resource.Resource {
	list := make([]resource.Resource, 0, len(addresses)+len(routes)+len(rules))
	for _, a := range addresses {
		list = append(list, resource.Address{Address: a})
	}
	for _, r := range routes {
		list = append(list, resource.Route{Route: r})
	}
	for _, r := range rules {
		list = append(list, resource.Rule{Rule: r})
	}
	return list
}

func keysOf(list []resource.Resource) []resource.Key {
	keys := make([]resource.Key, len(list))
	for n, r := range list {
		keys[n] = r.Key()
	}
	return keys
}

// wish hands to the reconciler what the instance wants now.
func (e *Engine) wish(i *instance, doubt resource.Doubt) {
	i.seq++
	if i.awaits {
		return // goForAddresses does it
	}
	job := resource.Job{Owner: i.id, Seq: i.seq, Doubt: doubt}
	if i.owns {
		job.Want = i.resources
	} else {
		job.Look = keysOf(i.resources)
	}
	e.put(job)
}

func (e *Engine) put(job resource.Job) {
	e.pending[job.Owner] = job.Seq
	e.reconciler.Put(job)
}

// release gives the addresses up, and what was still to be announced of them.
func (e *Engine) release(i *instance) {
	i.owns, i.announce, i.announced, i.missing = false, 0, nil, nil
	i.state.Missing = ""
	i.awaits = false
	e.deadlines.Remove(&i.patience)
	e.scheduleExtra(i, time.Time{})
	e.stopAnnouncing(i)
	if !e.keep {
		e.wish(i, resource.NoDoubt)
	}
}

// verify has what is missing of a MASTER's put back.
func (e *Engine) verify(i *instance, doubt resource.Doubt) {
	if i.owns && !e.stopping {
		e.wish(i, doubt)
	}
}

// reconciled takes in what became of a wish.
func (e *Engine) reconciled(r resource.Result) {
	now := e.opts.Clock.Now()
	if r.All && e.pending[r.Owner] == r.Seq {
		delete(e.pending, r.Owner)
	}
	e.noteTrouble(r)
	if r.Owner == staticOwner {
		e.staticsReconciled(r, now)
		return
	}
	id, ok := r.Owner.(conf.InstanceID)
	i := e.instances[id]
	if !ok || i == nil {
		e.logHolding(&e.limits, r.Of(event.Holding), now)
		return
	}
	e.takeHolding(i, r, now)
	e.suspectConflicts(now, i)
	e.takeAbsence(i, r)
	if !i.owns {
		return
	}
	if !r.Part {
		i.done = max(i.done, r.Seq)
	}
	e.takeMissing(i, r, now)
	e.takeRestored(i, r, now)
	switch {
	case i.announce == 0:
		e.announceAlso(i, r.Added, i.params.GARP.MasterRepeat)
	case r.Part && r.Seq == i.seq:
		e.announcePart(i, r.Ready)
	default:
		e.announce(i)
	}
}

// takeRestored says what something else had removed and is there again.
func (e *Engine) takeRestored(i *instance, r resource.Result, now time.Time) {
	if len(r.Restored) == 0 {
		return
	}
	i.state.Restored += len(r.Restored)
	if n, ok := i.limits.allow("restored", now); ok {
		k := r.Restored[0]
		e.log.Warn("something else has removed a virtual "+k.Kind().String()+": put it back", append(k.Attrs(),
			"instance", i.cfg.Name, "number", len(r.Restored), "times", n)...)
	}
	e.tellAgain(i)
}

// takeMissing takes what is wanted and cannot be had. Only when all is done
// is it known that nothing is missing.
func (e *Engine) takeMissing(i *instance, r resource.Result, now time.Time) {
	missing := r.Of(event.Missing)
	if len(missing) == 0 {
		if len(i.missing) > 0 && r.All && r.Seq == i.seq {
			i.missing, i.state.Missing = nil, ""
			e.log.Info("all missing addresses, routes and rules are present now", "instance", i.cfg.Name)
			e.tellAgain(i)
		}
		return
	}
	i.missing = make(map[resource.Key]bool, len(missing))
	for _, t := range missing {
		i.missing[t.Key] = true
	}
	if n, ok := i.limits.allow("missing", now); ok {
		k := missing[0].Key
		e.log.Error("failed to create a virtual "+k.Kind().String()+", trying again", append(k.Attrs(),
			"instance", i.cfg.Name, "number", len(missing), "error", missing[0].Err, "times", n)...)
	}
	if text := troubleText(missing); text != i.state.Missing {
		i.state.Missing = text
		e.tellAgain(i)
	}
}

// takeHolding takes what is not wanted any more and cannot be removed.
func (e *Engine) takeHolding(i *instance, r resource.Result, now time.Time) {
	holding := r.Of(event.Holding)
	e.logHolding(&i.limits, holding, now, "instance", i.cfg.Name)
	text := ""
	if len(holding) > 0 {
		text = troubleText(holding)
	}
	if text == i.state.Holding || text == "" && !r.All {
		return
	}
	if text == "" {
		e.log.Info("removed all that was still present", "instance", i.cfg.Name)
	}
	i.state.Holding = text
	e.tellAgain(i)
}

func (e *Engine) logHolding(l *limits, holding []resource.Trouble, now time.Time, attrs ...any) {
	if len(holding) == 0 {
		return
	}
	if n, ok := l.allow("holding", now); ok {
		k := holding[0].Key
		e.log.Error("failed to remove a virtual "+k.Kind().String()+", still present: trying again",
			slices.Concat(k.Attrs(), attrs,
				[]any{"number", len(holding), "error", holding[0].Err, "times", n})...)
	}
}

// troubleText is what cannot be had, or removed, for people.
func troubleText(list []resource.Trouble) string {
	text := list[0].Err.Error()
	if more := len(list) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// Some virtual servers stand in the IPVS table only while this host holds their address,
// since this host is a real server of theirs too. They are there before the address comes
// and go after it has gone; advertisements wait for neither.

// tablePatience is how long addresses wait for the table. It takes a few milliseconds to
// ask for a virtual server and to have it.
const tablePatience = 200 * time.Millisecond

// awaitTable has the next wish for the addresses of a new MASTER wait for the table.
func (e *Engine) awaitTable(i *instance, now time.Time) {
	if i.awaits = e.tabled[i.id]; i.awaits {
		e.deadlines.Set(&i.patience, now.Add(tablePatience))
	}
}

// goForAddresses has the addresses brought that waited.
func (e *Engine) goForAddresses(i *instance) {
	if !i.awaits {
		return
	}
	i.awaits = false
	e.deadlines.Remove(&i.patience)
	e.wish(i, resource.NoDoubt)
}

// takeAbsence notes and tells that the addresses of an instance that is MASTER no longer
// were removed, or cannot be: another router has them.
func (e *Engine) takeAbsence(i *instance, r resource.Result) {
	if i.owns || !i.present || !r.All || r.Seq != i.seq {
		return
	}
	i.present = false
	if i.started && !e.stopping {
		e.tellAgain(i)
	}
}

// tellPresence puts the presence of the addresses into what is told.
func (i *instance) tellPresence() {
	i.state.Presence, i.state.Acquired = event.Absent, i.acquired
	if i.present {
		i.state.Presence = event.Present
	}
}

// sharedJournal lets several goroutines write a journal.
type sharedJournal struct {
	mu sync.Mutex
	Journal
}

// Claim implements Journal.
func (j *sharedJournal) Claim(keys ...string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.Journal.Claim(keys...)
}

// Release implements Journal.
func (j *sharedJournal) Release(keys ...string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.Journal.Release(keys...)
}
