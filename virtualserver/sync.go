package virtualserver

import (
	"fmt"
	"maps"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
)

// passes is how often sync looks again in one go when the kernel turns out to
// be different from what was read.
const passes = 3

// sync brings the dirty services in line.
func (k *keeper) sync() {
	touched := k.dirty
	k.dirty = keys{}
	for key := range touched {
		k.changed.add(key)
		if s := k.servers[key]; s != nil {
			k.want[key] = table.WantedEntry(s.conf, k.verdicts)
		}
	}
	if len(touched) == 0 || k.idle() {
		return
	}
	if k.trouble != "" || !k.looked {
		// What cannot be done now is done in the next round.
		maps.Copy(k.retry, touched)
		return
	}
	failures := make(map[conf.ServiceKey]map[string]string)
	var done []table.Op
	todo := touched
	for pass := 0; pass < passes && len(todo) > 0; pass++ {
		if pass > 0 && !k.read() {
			break
		}
		for key := range todo {
			delete(failures, key) // only what fails in the last attempt is a failure
		}
		var ops []table.Op
		ops, todo = k.pass(todo, failures)
		done = append(done, ops...)
	}
	maps.Copy(k.retry, todo)
	for key := range touched {
		k.settle(key, failures[key])
	}
	k.release(touched)
	k.tellRepairs(done)
}

// pass computes and carries out operations once. again are the services that
// are not as they were believed to be.
func (k *keeper) pass(todo keys, failures map[conf.ServiceKey]map[string]string) (done []table.Op, again keys) {
	again = keys{}
	ops := k.operations(k.claim(todo, failures))
	for i, err := range k.driver.Apply(ops) {
		op, key := ops[i], ops[i].Key()
		removal := op.Kind == table.DelService || op.Kind == table.DelDestination
		switch {
		case err == nil || removal && ipvs.Missing(err):
			k.have.Do(op)
			done = append(done, op)
			if op.Kind == table.NewService && k.refused.has(key) {
				delete(k.refused, key)
				again.add(key) // its real servers were not tried
			}
			continue
		case ipvs.Contradicts(op, err):
			if k.refused.has(key) {
				continue // its service was refused just now: that says it all
			}
			again.add(key)
		case op.Kind == table.NewService:
			k.refused.add(key)
		}
		k.stale.add(key)
		fail(failures, key, op.String(), err)
	}
	return done, again
}

// claim writes to the journal what is about to be ours, before anything is
// done, and returns the services that may be touched.
func (k *keeper) claim(todo keys, failures map[conf.ServiceKey]map[string]string) keys {
	var texts []string
	var claimed, adopted []conf.ServiceKey
	for key := range todo {
		if _, wanted := k.want[key]; !wanted || k.held[key] {
			continue
		}
		claimed = append(claimed, key)
		texts = append(texts, table.JournalKey(key))
		if _, exists := k.have[key]; exists {
			adopted = append(adopted, key)
		}
	}
	if len(claimed) == 0 {
		return todo
	}
	slices.Sort(texts)
	if err := k.Journal.Claim(texts...); err != nil {
		allowed := keys{}
		for key := range todo {
			if k.held[key] {
				allowed.add(key)
			} else {
				fail(failures, key, "write to the journal", fmt.Errorf("write to the journal: %w", err))
			}
		}
		return allowed
	}
	for _, key := range claimed {
		k.held[key] = true
	}
	for _, key := range adopted {
		k.Log.Warn("virtual server was in the kernel already and is ours from now on", "virtual_server", key.String())
	}
	return todo
}

// operations is the difference for some services.
func (k *keeper) operations(todo keys) []table.Op {
	want, have := make(table.Table, len(todo)), make(table.Table, len(todo))
	for key := range todo {
		if e, ok := k.want[key]; ok {
			want[key] = e
		}
		if e, ok := k.have[key]; ok {
			have[key] = e
		}
	}
	ops := table.Diff(want, have, func(key conf.ServiceKey) bool { return k.held[key] })
	return slices.DeleteFunc(ops, func(op table.Op) bool {
		_, exists := have[op.Key()]
		return op.Kind == table.NewDestination && !exists && k.refused.has(op.Key())
	})
}

// settle keeps the failures of a service until the next attempt and logs what
// is new about them: an error that stays is said once.
func (k *keeper) settle(key conf.ServiceKey, failures map[string]string) {
	if len(failures) > 0 {
		k.retry.add(key)
	}
	s := k.servers[key]
	if s == nil {
		k.settleOrphan(key, failures)
		return
	}
	var fresh []string
	for op, text := range failures {
		if s.failures[op] != text {
			fresh = append(fresh, text)
		}
	}
	switch {
	case len(fresh) > 0:
		k.Log.Error("virtual server is not as configured, will be tried again",
			"virtual_server", key.String(), "failed", len(failures), "error", slices.Min(fresh))
	case len(failures) == 0 && len(s.failures) > 0:
		k.Log.Info("virtual server is as configured now", "virtual_server", key.String())
	}
	s.failures = failures
	if len(failures) == 0 {
		s.synced = true
		delete(k.refused, key)
	}
}

// settleOrphan is settle for a service that is ours and no longer wanted.
func (k *keeper) settleOrphan(key conf.ServiceKey, failures map[string]string) {
	text := first(failures)
	if text != "" && text != k.orphans[key] {
		k.Log.Error("virtual server is still in the kernel, will be tried again", "virtual_server", key.String(), "error", text)
	}
	if text == "" {
		delete(k.orphans, key)
	} else {
		k.orphans[key] = text
	}
}

// release strikes from the journal what is gone.
func (k *keeper) release(touched keys) {
	var gone []conf.ServiceKey
	var texts []string
	for key := range touched {
		_, wanted := k.want[key]
		_, exists := k.have[key]
		if !wanted && !exists {
			delete(k.stale, key)
			delete(k.refused, key)
			if k.held[key] {
				gone = append(gone, key)
				texts = append(texts, table.JournalKey(key))
			}
		}
	}
	if len(gone) == 0 {
		return
	}
	if err := k.Journal.Release(texts...); err != nil {
		// It stays held, and is released when the journal can be written.
		k.warnOnce("journal", "cannot strike removed virtual servers from the journal", "error", err)
		for _, key := range gone {
			k.retry.add(key)
		}
		return
	}
	for _, key := range gone {
		delete(k.held, key)
		delete(k.orphans, key)
	}
}

// removeAll removes what is ours from the kernel, at the end.
func (k *keeper) removeAll() {
	k.servers, k.want, k.names, k.ring = nil, table.Table{}, nil, nil
	if k.idle() || !k.read() {
		return
	}
	for key := range k.held {
		k.dirty.add(key)
	}
	k.sync()
}

func fail(failures map[conf.ServiceKey]map[string]string, key conf.ServiceKey, op string, err error) {
	if failures[key] == nil {
		failures[key] = make(map[string]string)
	}
	failures[key][op] = err.Error()
}

// first is one of the failures, always the same.
func first(failures map[string]string) string {
	text := ""
	for _, t := range failures {
		if text == "" || t < text {
			text = t
		}
	}
	return text
}
