package bfd

import "time"

// limitWindow is how often the same remark about the same thing is logged.
const limitWindow = time.Minute

// limits lets each remark through once in a window and counts the others. Its keys come
// from small tables, so it cannot grow with the traffic.
type limits map[string]*limit

type limit struct {
	until      time.Time
	suppressed int
}

// allow says whether to log now, and how often it has happened since the last time.
func (l *limits) allow(remark string, now time.Time) (times int, ok bool) {
	if *l == nil {
		*l = make(limits)
	}
	r := (*l)[remark]
	if r == nil {
		r = &limit{}
		(*l)[remark] = r
	}
	if now.Before(r.until) {
		r.suppressed++
		return 0, false
	}
	times = r.suppressed + 1
	r.until, r.suppressed = now.Add(limitWindow), 0
	return times, true
}
