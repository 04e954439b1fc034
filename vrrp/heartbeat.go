package vrrp

import "time"

const (
	// HeartbeatInterval is the longest time between two heartbeats.
	HeartbeatInterval = 500 * time.Millisecond
	// heartbeatPause is the shortest one: how old what the supervisor knows of the
	// last advertisement may be.
	heartbeatPause = 20 * time.Millisecond
)

// heartbeats is when the last one was told and the next one is due.
type heartbeats struct {
	due        timer
	last       time.Time
	advertised time.Duration
	sent       bool // an advertisement has left since fire began
}

// advertised is called when what is due was done: it plans a heartbeat soon
// after an advertisement.
func (e *Engine) advertised() {
	h := &e.heartbeats
	if !h.sent || e.opts.Heartbeat == nil {
		return
	}
	h.sent = false
	h.advertised = e.opts.SinceBoot()
	if soon := h.last.Add(heartbeatPause); soon.Before(h.due.Due()) {
		e.deadlines.Set(&h.due, soon)
	}
}

// beat tells a heartbeat and plans the next one.
func (e *Engine) beat(now time.Time) {
	if e.opts.Heartbeat == nil {
		return
	}
	h := &e.heartbeats
	h.due.kind, h.last = heartbeatDue, now
	e.deadlines.Set(&h.due, now.Add(HeartbeatInterval))
	e.opts.Heartbeat(Heartbeat{At: e.opts.SinceBoot(), Advertised: h.advertised, ShortestDown: e.shortestDown()})
}

// shortestDown is how long the first BACKUP waits that would take over.
func (e *Engine) shortestDown() time.Duration {
	shortest := time.Duration(0)
	for _, i := range e.order {
		if !i.owns {
			continue
		}
		if down := time.Duration(i.params.DownTimerAdverts) * i.params.AdvertInterval; shortest == 0 || down < shortest {
			shortest = down
		}
	}
	return shortest
}
