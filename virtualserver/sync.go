package virtualserver

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
)

// passes is how often one sync reads again when the kernel turns out to differ
// from what was read.
const passes = 3

// sync makes the kernel have the dirty services as wanted.
func (r *reconciler) sync() {
	for again := 0; len(r.dirty) > 0 && again < passes; again++ {
		touched := r.dirty
		r.dirty = keys{}
		r.syncOnce(touched)
	}
	r.tellVerdicts()
}

// syncOnce is sync for some services. What the kernel refuses may cost a virtual
// server its quorum: then its services are dirty again.
func (r *reconciler) syncOnce(touched keys) {
	now := time.Now()
	prepared := make(map[*server]bool)
	for key := range touched {
		r.changed.add(key)
		if svc := r.services[key]; svc != nil && !prepared[svc.server] {
			prepared[svc.server] = true
			r.prepare(svc.server, now)
			for _, sibling := range svc.server.keys {
				touched.add(sibling)
			}
		}
	}
	if len(touched) == 0 || r.idle() {
		return
	}
	if r.unreadable != "" || !r.looked {
		// Nothing can be done now: try in the next round.
		maps.Copy(r.retry, touched)
		return
	}
	failed := make(map[conf.ServiceKey]failures)
	var done []table.Op
	todo := touched
	for pass := 0; pass < passes && len(todo) > 0; pass++ {
		if pass > 0 && !r.read() {
			break
		}
		for key := range todo {
			delete(failed, key) // only what fails in the last attempt is a failure
		}
		var ops []table.Op
		ops, todo = r.pass(todo, failed)
		if done = append(done, ops...); len(r.drift) == 0 {
			done = nil // nothing that was repaired will be told
		}
	}
	maps.Copy(r.retry, todo)
	var fresh []freshFailure
	recount := make(map[*server]bool) // by what the kernel refuses, or refused before
	for key := range touched {
		if svc := r.services[key]; svc != nil && len(svc.failures.texts)+len(failed[key].texts) > 0 {
			recount[svc.server] = true
		}
		fresh = r.recordFailures(fresh, key, failed[key])
	}
	logFailures(r.Log, fresh)
	r.release(touched)
	r.logRepairs(done)
	for s := range recount {
		if r.evaluateQuorum(s) && s.conf.Sorry != nil {
			r.markDirty(s)
		}
	}
}

// pass computes and carries out operations once. again are the services that
// turned out to differ from what was read.
func (r *reconciler) pass(todo keys, failed map[conf.ServiceKey]failures) (done []table.Op, again keys) {
	again = keys{}
	ops := r.operations(r.claim(todo, failed))
	r.claimWeights(ops)
	errs := r.driver.Apply(ops)
	var strays []conf.ServiceKey
	r.confirmWeights(ops, errs, ipvs.Unanswered)
	for i, err := range errs {
		op, key := ops[i], ops[i].Key()
		removal := op.Kind == table.DelService || op.Kind == table.DelDestination
		switch {
		case err == nil || removal && ipvs.Missing(err):
			if op.Kind == table.DelService && !r.held[key] && r.drift[key] == "" {
				strays = append(strays, key)
			}
			r.have.Do(op)
			if len(r.drift) > 0 {
				done = append(done, op)
			}
			if op.Kind == table.NewService {
				r.disown(key)
			}
			if op.Kind == table.NewService && r.refused.has(key) {
				delete(r.refused, key)
				again.add(key) // now its real servers can be added
			}
			continue
		case ipvs.Contradicts(op, err):
			if r.refused.has(key) {
				continue // its service was refused just now
			}
			again.add(key)
		case op.Kind == table.NewService:
			r.refused.add(key)
		}
		r.stale.add(key)
		f := failed[key]
		f.add(op.String(), err.Error())
		switch op.Kind {
		case table.NewService, table.SetService:
			// One without a scheduler is there, and serves nobody.
			f.service = f.service || op.Kind == table.NewService || r.have[key].Service.Scheduler == table.NoScheduler
		case table.NewDestination, table.SetDestination, table.DelDestination:
			f.addServer(op.Destination.Key, err.Error(), op.Kind == table.NewDestination)
		}
		failed[key] = f
	}
	if len(strays) > 0 { // those that are added later are told as other changes are
		r.Log.Warn("virtual servers were in the kernel already: removed, since this host does not hold their address",
			"virtual_servers", len(strays), "first", strays[0].String())
	}
	return done, again
}

// claim writes services to the journal before they are made ours, and returns
// the ones that may be touched.
func (r *reconciler) claim(todo keys, failed map[conf.ServiceKey]failures) keys {
	var texts []string
	var claimed, adopted []conf.ServiceKey
	for key := range todo {
		if _, wanted := r.want[key]; !wanted || r.held[key] {
			continue
		}
		claimed = append(claimed, key)
		texts = append(texts, table.JournalKey(key))
		if _, exists := r.have[key]; exists {
			adopted = append(adopted, key)
		}
	}
	if len(claimed) == 0 {
		return todo
	}
	slices.Sort(texts)
	if err := r.Journal.Claim(texts...); err != nil {
		allowed := keys{}
		for key := range todo {
			if r.held[key] {
				allowed.add(key)
			} else {
				f := failed[key]
				f.add("journal", fmt.Sprintf("adding it to the journal: %v", err))
				_, exists := r.have[key]
				f.service = !exists
				failed[key] = f
			}
		}
		return allowed
	}
	for _, key := range claimed {
		r.held[key] = true
	}
	for _, key := range adopted {
		r.adopted[key] = true
		_ = r.Journal.Claim(table.AdoptedKey(key)) // else it is shown as one that we made
		r.Log.Warn("virtual server was in the kernel already: adopting it", "virtual_server", key.String())
	}
	return todo
}

// operations computes the difference between wanted and present for some services.
func (r *reconciler) operations(todo keys) []table.Op {
	want, have := make(table.Table, len(todo)), make(table.Table, len(todo))
	for key := range todo {
		e, wanted := r.want[key]
		old, exists := r.have[key]
		if wanted && exists && table.SameEntry(e, old) {
			continue // as most are when a configuration is applied again
		}
		if wanted {
			want[key] = e
		}
		if exists {
			have[key] = old
		}
	}
	ops := table.Diff(want, have, func(key conf.ServiceKey) bool {
		svc := r.services[key]
		return r.held[key] || svc != nil && svc.elsewhere != "" // of whoever made it
	})
	return slices.DeleteFunc(ops, func(op table.Op) bool {
		_, exists := have[op.Key()]
		return op.Kind == table.NewDestination && !exists && r.refused.has(op.Key())
	})
}

// freshFailure is a failure to be logged.
type freshFailure struct {
	key    conf.ServiceKey
	failed int
	text   string
}

// recordFailures keeps the failures of a service, plans the next attempt and adds
// what is to be logged: an error that stays is logged once, and no service more than
// once a minute.
func (r *reconciler) recordFailures(fresh []freshFailure, key conf.ServiceKey, f failures) []freshFailure {
	now := time.Now()
	failing := len(f.texts) > 0
	if failing {
		r.failures.of(key).Failed(now)
		r.retry.add(key)
	}
	s := r.services[key]
	if s == nil {
		r.recordOrphan(key, f.first())
		return fresh
	}
	var news []string
	for op, text := range f.texts {
		if s.failures.texts[op] != text {
			news = append(news, text)
		}
	}
	switch {
	case len(news) > 0 && r.failures.of(key).log(now):
		s.failing = true
		fresh = append(fresh, freshFailure{key, len(f.texts), slices.Min(news)})
	case !failing && s.failing:
		s.failing = false
		r.Log.Info("virtual server is configured now", "virtual_server", key.String())
	}
	s.failures = f
	if !failing {
		s.synced = true
		delete(r.refused, key)
	}
	return fresh
}

// failureLines is how many failures of one round get a log line of their own.
const failureLines = 5

func logFailures(log *slog.Logger, fresh []freshFailure) {
	slices.SortFunc(fresh, func(a, b freshFailure) int { return table.CompareServices(a.key, b.key) })
	for i, f := range fresh {
		if i == failureLines {
			log.Error("failed to configure more virtual servers, trying again", "virtual_servers", len(fresh)-i)
			return
		}
		log.Error("failed to configure a virtual server, trying again",
			"virtual_server", f.key.String(), "failed", f.failed, "error", f.text)
	}
}

// recordOrphan is recordFailures for a service that is ours and no longer wanted.
func (r *reconciler) recordOrphan(key conf.ServiceKey, text string) {
	if text == "" {
		delete(r.orphans, key)
		return
	}
	if text != r.orphans[key] && r.failures.of(key).log(time.Now()) {
		r.Log.Error("failed to remove a virtual server, still present, trying again",
			"virtual_server", key.String(), "error", text)
	}
	r.orphans[key] = text
}

// release removes services that are gone from the journal.
func (r *reconciler) release(touched keys) {
	var gone []conf.ServiceKey
	var texts []string
	for key := range touched {
		_, wanted := r.want[key]
		_, exists := r.have[key]
		if !wanted && !exists {
			delete(r.stale, key)
			delete(r.refused, key)
			if r.held[key] {
				gone = append(gone, key)
				texts = append(texts, table.JournalKey(key))
			}
		}
	}
	if len(gone) == 0 {
		return
	}
	if err := r.Journal.Release(texts...); err != nil {
		// They stay in the journal and are tried again.
		r.warnOnce("journal", "failed to remove virtual servers from the journal, trying again", "error", err)
		for _, key := range gone {
			r.retry.add(key)
		}
		return
	}
	for _, key := range gone {
		delete(r.held, key)
		delete(r.orphans, key)
		r.disown(key)
	}
}

// disown forgets that a service was adopted: it is gone, or was made by us since.
func (r *reconciler) disown(key conf.ServiceKey) {
	if r.adopted[key] && r.Journal.Release(table.AdoptedKey(key)) == nil {
		delete(r.adopted, key)
	}
}

// removeAll removes our services from the kernel.
func (r *reconciler) removeAll() {
	r.servers, r.services, r.want, r.ring = nil, nil, table.Table{}, nil
	all := r.host.flushAtStop
	r.host.configure(&conf.Config{})
	if r.idle() || !r.read() {
		return
	}
	if all {
		r.flush()
	}
	r.applyHost()
	for key := range r.held {
		r.dirty.add(key)
	}
	r.sync()
}
