package virtualserver

import (
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/retry"
)

// linePause is the least time between two log lines about the failures of one
// virtual server, or about its repairs.
const linePause = time.Minute

// attempts is what was tried again and again for one virtual server.
type attempts struct {
	retry.Retry
	logged time.Time
}

// log says whether a line may be logged now.
func (a *attempts) log(now time.Time) bool {
	if !a.logged.IsZero() && now.Sub(a.logged) < linePause {
		return false
	}
	a.logged = now
	return true
}

// ready says whether it may be tried in this round. Rounds are rarer than the
// first pause is long: half a round early is in time.
func (a *attempts) ready(now time.Time) bool {
	return a == nil || a.Ready(now.Add(reconcileInterval/2))
}

// times is how often it was tried in a row.
func (a *attempts) times() int {
	if a == nil {
		return 0
	}
	return a.Times
}

// helpless says that repairs do not help: something else keeps changing it.
func (a *attempts) helpless(now time.Time) bool {
	return a != nil && a.Times > retry.FreeRepairs && !a.IsCalm(now)
}

type history map[conf.ServiceKey]*attempts

func (h history) of(key conf.ServiceKey) *attempts {
	if h[key] == nil {
		h[key] = &attempts{}
	}
	return h[key]
}

// forget drops what happened to services long ago, and returns them.
func (h history) forget(now time.Time) (calm []conf.ServiceKey) {
	for key, a := range h {
		if a.IsCalm(now) {
			delete(h, key)
			calm = append(calm, key)
		}
	}
	return calm
}

// postpone marks a service to be brought in line: now, or when its turn comes.
func (r *reconciler) postpone(key conf.ServiceKey, now time.Time) {
	if r.failures[key].ready(now) && (r.drift[key] == "" || r.repairs[key].ready(now)) {
		r.dirty.add(key)
		delete(r.retry, key)
		return
	}
	r.retry.add(key)
}

// retryDue marks the services whose time to be tried again has come.
func (r *reconciler) retryDue(now time.Time) {
	for key := range r.retry {
		r.postpone(key, now)
	}
	for _, key := range append(r.failures.forget(now), r.repairs.forget(now)...) {
		r.changed.add(key)
	}
}
