package virtualserver

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"strings"
	"syscall"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
)

// reconcile is one round: it compares the kernel's services and the real servers
// of some of them with what is wanted, and tries again what failed before.
func (r *reconciler) reconcile() {
	if r.idle() || !r.started {
		return
	}
	now := time.Now()
	r.overridesDue(now)
	r.retryDue(now)
	if r.policy == conf.NoReconcile && r.looked && r.unreadable == "" && len(r.stale) == 0 {
		r.readDraining()
	} else if r.read() {
		r.readSome()
		r.readDraining()
	}
	r.count()
	r.sync()
	r.applyHost()
	r.report()
}

// look is what the loop does between two rounds, when the time has come for something
// that it waits for.
func (r *reconciler) look() {
	r.wake = time.Time{}
	if r.driver != nil && r.unreadable == "" {
		r.readDraining()
	}
	r.sync()
	r.report()
}

// readDraining reads the services whose real servers finish their connections.
func (r *reconciler) readDraining() {
	for _, key := range r.ring {
		svc := r.services[key]
		e, known := r.have[key]
		if !known || !r.drains(svc) || svc.elsewhere != "" {
			continue
		}
		if err := r.readEntry(e.Service); err != nil {
			r.cannotRead(err)
			return
		}
		r.dirty.add(key)
	}
}

// open opens the kernel's table when it is needed for the first time.
func (r *reconciler) open() bool {
	if r.driver != nil {
		return true
	}
	d, err := r.Open()
	if err != nil {
		r.cannotRead(err)
		return false
	}
	r.driver = pulsing{d, r.beat}
	return true
}

// reopen closes a driver that talks to an IPVS which is gone: the module was
// unloaded, and is another one when it is loaded again.
func (r *reconciler) reopen() {
	r.driver.Close()
	r.driver = nil
}

// read compares the kernel's services with the last known ones, and reads the
// real servers of those that are new or stale.
func (r *reconciler) read() bool {
	if !r.open() {
		return false
	}
	services, err := r.driver.Services()
	if ipvs.Missing(err) {
		r.reopen()
		if r.open() {
			services, err = r.driver.Services()
		} else {
			return false
		}
	}
	if err != nil {
		r.cannotRead(err)
		return false
	}
	seen, now := keys{}, time.Now()
	found := make(map[conf.ServiceKey]string) // what is different, and is left so
	for _, s := range services {
		svc := r.services[s.Key]
		if svc == nil && !r.held[s.Key] {
			continue // not ours
		}
		seen.add(s.Key)
		if svc != nil {
			svc.traffic, s.Traffic = s.Traffic, event.Traffic{}
		}
		e, known := r.have[s.Key]
		stray := !known && svc != nil && svc.elsewhere != "" && svc.synced && !r.stale.has(s.Key)
		switch {
		case stray && r.leaves(s.Key):
			found[s.Key] = strayText
		case !known || r.stale.has(s.Key):
			if err := r.readEntry(s); err != nil {
				r.cannotRead(err)
				return false
			}
			if stray {
				r.changedByOthers(s.Key, strayText)
			} else {
				r.postpone(s.Key, now)
			}
		case table.SameService(e.Service, s):
		case r.leaves(s.Key):
			found[s.Key] = changedText
		default:
			e.Service = s
			r.have[s.Key] = e
			r.changedByOthers(s.Key, changedText)
		}
	}
	for key := range r.have {
		switch {
		case seen.has(key):
		case r.leaves(key):
			found[key] = missingText
		default:
			delete(r.have, key)
			r.changedByOthers(key, missingText)
		}
	}
	r.looked = true
	r.countElsewhere(seen, now)
	r.reportServices(found)
	if r.unreadable != "" {
		r.Log.Info("IPVS table can be read again")
		r.unreadable, r.hopeless = "", false
		r.markAllChanged()
	}
	return true
}

// What something else did to a service.
const (
	missingText = "missing"
	changedText = "scheduler, flags or persistence changed"
	strayText   = "added while this host does not hold its address"
)

// countElsewhere notes that services which are not to be in the table are not there: they have
// no connections, which whoever waits for the end of a drain wants to know.
func (r *reconciler) countElsewhere(seen keys, now time.Time) {
	if len(r.holding.awaited) == 0 {
		return
	}
	for key, svc := range r.services {
		if svc.elsewhere == "" || seen.has(key) {
			continue
		}
		if svc.counted.IsZero() {
			r.changed.add(key)
		}
		svc.counted = now
	}
}

// readEntry reads the real servers of a service that is listed.
func (r *reconciler) readEntry(s table.Service) error {
	destinations, err := r.driver.Destinations(s.Key)
	if err != nil {
		return err
	}
	before, known := r.have[s.Key]
	now := ipvs.Entry(s, destinations)
	for at, d := range now.Destinations {
		switch {
		case d.Weight > 0:
			d.Place = d.Weight
		case known || r.held[s.Key]:
			d.Place = before.Destinations[at].Place
		default:
			d.Place = table.StrangePlace
		}
		now.Destinations[at] = d
	}
	if svc := r.services[s.Key]; svc != nil {
		svc.counted = time.Now()
		order := ""
		if table.Hashes(s.Scheduler) {
			order = table.Fingerprint(s, r.placed(s.Key, destinations, now), r.MaglevIndex())
		}
		if !known || r.drains(svc) || order != svc.order ||
			!maps.EqualFunc(before.Destinations, now.Destinations, sameButCounts) {
			r.changed.add(s.Key)
		}
		svc.order = order
		r.noteHands(svc, before, known, now)
		if known && r.looked && r.policy >= conf.ReportOnly && !r.stale.has(s.Key) {
			if svc.differs == "" { // else it is told of the service already
				r.reportDifference(svc, &svc.serversDiffer, difference(before, now))
			}
			now = countsOnly(before, now)
		}
	}
	r.have[s.Key] = now
	delete(r.stale, s.Key)
	return nil
}

// placed are the real servers in the kernel's order, each with the weight of its place.
func (r *reconciler) placed(key conf.ServiceKey, list []table.Destination, now table.Entry) []table.Destination {
	all := make([]table.Destination, len(list))
	for i, d := range list {
		all[i] = d
		all[i].Place = cmp.Or(now.Destinations[d.Key].Place, r.want[key].Destinations[d.Key].Place)
	}
	return all
}

// countsOnly is an entry as it is believed to be, with the connections that the
// kernel has counted.
func countsOnly(before, now table.Entry) table.Entry {
	for at, d := range before.Destinations {
		d.Counts = now.Destinations[at].Counts
		before.Destinations[at] = d
	}
	return before
}

// leaves says that a difference of a service is not repaired, but at most reported.
func (r *reconciler) leaves(key conf.ServiceKey) bool {
	return r.services[key] != nil && r.policy >= conf.ReportOnly && r.looked && !r.stale.has(key)
}

// reportServices reports what is different about the services themselves, or is no longer.
func (r *reconciler) reportServices(found map[conf.ServiceKey]string) {
	if r.policy != conf.ReportOnly {
		return
	}
	for key, svc := range r.services {
		r.reportDifference(svc, &svc.differs, found[key])
	}
}

// reportDifference notes in its place what something else has changed and is left so.
func (r *reconciler) reportDifference(svc *service, place *string, text string) {
	if text == *place || r.policy != conf.ReportOnly {
		return
	}
	if *place = text; text != "" {
		r.Log.Warn("something else changed a virtual server: leaving it (reconcile report)", "virtual_server",
			svc.key.String(), "found", text)
	}
	r.changed.add(svc.key)
}

// forgetDifferences ends what was reported, with another policy.
func (r *reconciler) forgetDifferences() {
	if r.policy == conf.ReportOnly {
		return
	}
	for key, svc := range r.services {
		if svc.differs != "" || svc.serversDiffer != "" {
			svc.differs, svc.serversDiffer = "", ""
			r.changed.add(key)
		}
	}
}

// roundAtLeast is how many services are compared in a round although somebody waits.
const roundAtLeast = 8

// readSome compares the real servers of some services: of so many that all had
// their turn after reconcileRound rounds. Small tables are compared as a whole. When a
// configuration or a verdict comes meanwhile, the rest waits for the next round.
func (r *reconciler) readSome() {
	total := 0
	for _, key := range r.ring {
		total += r.cost(key)
	}
	r.credit = min(r.credit+max(total/reconcileRound+1, reconcileAtOnce), total)
	for i := range r.ring {
		key := r.ring[r.next]
		if r.credit < r.cost(key) || i >= roundAtLeast && r.awaited() {
			return
		}
		r.credit -= r.cost(key)
		r.next = (r.next + 1) % len(r.ring)
		if !r.compareEntry(key) {
			return
		}
	}
}

// compareEntry compares the real servers of one service, if it could be added; false is that the
// table cannot be read.
func (r *reconciler) compareEntry(key conf.ServiceKey) bool {
	before, known := r.have[key]
	if !known {
		return true
	}
	if err := r.readEntry(before.Service); err != nil {
		r.cannotRead(err)
		return false
	}
	if text := difference(before, r.have[key]); text != "" {
		r.changedByOthers(key, text)
	}
	return true
}

// sameButCounts says that a real server is as it was, whatever the kernel has counted.
func sameButCounts(a, b table.Destination) bool {
	a.Counts, b.Counts = table.Counts{}, table.Counts{}
	return a == b
}

// difference describes how the real servers of a service were changed.
func difference(before, now table.Entry) string {
	key := before.Service.Key
	now.Service = before.Service
	if table.SameEntry(before, now) {
		return "" // as nearly always
	}
	counts := make(map[table.OpKind]int)
	for _, op := range table.Diff(table.Table{key: before}, table.Table{key: now}, nil) {
		counts[op.Kind]++
	}
	var parts []string
	for _, c := range []struct {
		kind table.OpKind
		word string
	}{
		{table.NewDestination, "missing"},
		{table.SetDestination, "changed"},
		{table.DelDestination, "added"},
	} {
		if n := counts[c.kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, c.word))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "real servers " + strings.Join(parts, ", ")
}

// changedByOthers notes what something else did to a service that was as wanted.
func (r *reconciler) changedByOthers(key conf.ServiceKey, text string) {
	if s := r.services[key]; s != nil && s.synced && r.drift[key] == "" {
		r.drift[key] = text
	}
	r.postpone(key, time.Now())
}

// repairLines is how many repairs of one round get a log line of their own.
const repairLines = 5

// logRepairs logs and counts the foreign changes that were undone.
func (r *reconciler) logRepairs(done []table.Op) {
	if len(r.drift) == 0 {
		return
	}
	count, example := make(map[conf.ServiceKey]int), make(map[conf.ServiceKey]string)
	for _, op := range done {
		key := op.Key()
		if count[key]++; count[key] == 1 {
			example[key] = op.String()
		}
	}
	now := time.Now()
	var repaired []conf.ServiceKey
	for _, key := range r.ring {
		text, drifted := r.drift[key]
		s := r.services[key]
		if !drifted || len(s.failures.texts) > 0 {
			continue
		}
		delete(r.drift, key)
		if count[key] == 0 {
			continue // something else changed it to what is wanted
		}
		s.repaired++
		r.changed.add(key)
		a := r.repairs.of(key)
		a.Repaired(now)
		if !a.log(now) {
			continue
		}
		if repaired = append(repaired, key); len(repaired) > repairLines {
			continue
		}
		line := "something else changed a virtual server: changed back"
		if a.helpless(now) {
			line = "something else keeps changing a virtual server: changed back, with longer and longer pauses"
		}
		r.Log.Warn(line, "virtual_server", key.String(), "found", text, "times", a.Times,
			"operations", count[key], "first", example[key])
	}
	if n := len(repaired) - repairLines; n > 0 {
		r.Log.Warn("something else changed more virtual servers: changed back", "virtual_servers", n)
	}
	for key := range r.drift {
		if r.services[key] == nil {
			delete(r.drift, key)
		}
	}
}

// cannotRead notes that the kernel's table cannot be read, and logs each error once.
func (r *reconciler) cannotRead(err error) {
	if text := err.Error(); text != r.unreadable {
		r.hopeless = errors.Is(err, ipvs.ErrNoIPVS) || errors.Is(err, syscall.EPERM)
		r.Log.Error("failed to read the IPVS table, trying again", "error", text)
		r.unreadable = text
		r.markAllChanged()
	}
}
