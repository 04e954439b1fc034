package vrrp

import (
	"time"

	"github.com/lvs-director/director/event"
)

// heartbeatPause is the shortest time between two heartbeats, and the longest.
// How old what the supervisor knows of the last advertisement may be is half
// of the shortest interval within these bounds: a successor resumes within two
// intervals. More heartbeats would cost more than the advertisements.
const (
	shortestHeartbeatPause = 20 * time.Millisecond
	longestHeartbeatPause  = event.HeartbeatInterval / 2
)

// heartbeats is when the last one was told and the next one is due.
type heartbeats struct {
	due        timer
	last       time.Time
	pause      time.Duration
	advertised time.Time // when an advertisement left last
	sent       bool      // one has left since fire began
}

// noteAdvertisement is called when an advertisement has left.
func (h *heartbeats) noteAdvertisement(now time.Time) { h.advertised, h.sent = now, true }

// slept is called after the host was suspended, which no timer has counted.
func (h *heartbeats) slept(d time.Duration) {
	if !h.advertised.IsZero() {
		h.advertised = h.advertised.Add(-d)
	}
}

// advertised is called when what is due was done: it plans a heartbeat soon
// after an advertisement.
func (e *Engine) advertised() {
	h := &e.heartbeats
	if !h.sent || e.opts.Heartbeat == nil {
		return
	}
	h.sent = false
	if soon := h.last.Add(h.pause); soon.Before(h.due.Due()) {
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
	e.deadlines.Set(&h.due, now.Add(event.HeartbeatInterval))
	interval, down := e.shortestTimes()
	h.pause = min(max(interval/2, shortestHeartbeatPause), longestHeartbeatPause)
	told := Heartbeat{At: e.opts.SinceBoot(), ShortestDown: down}
	if !h.advertised.IsZero() {
		told.Advertised = told.At - e.opts.Clock.Now().Sub(h.advertised)
	}
	e.opts.Heartbeat(told)
}

// shortestTimes are the shortest interval of all instances that are MASTER and
// how long the first BACKUP waits that would take over; 0 without a MASTER.
func (e *Engine) shortestTimes() (interval, down time.Duration) {
	for _, i := range e.order {
		if !i.owns {
			continue
		}
		every := i.params.AdvertInterval
		if interval == 0 || every < interval {
			interval = every
		}
		if d := time.Duration(i.params.DownTimerAdverts) * every; down == 0 || d < down {
			down = d
		}
	}
	return interval, down
}
