package events

import (
	"slices"
	"sync"

	"github.com/lvs-director/director/event"
)

// mostRecent is how many records are kept in memory for those who look all the time: no disk is asked
// for them.
const mostRecent = 200

// recent are the latest records.
type recent struct {
	mu   sync.Mutex
	list []event.Record
}

func (r *recent) add(list []event.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, list[max(0, len(list)-mostRecent):]...)
	if more := len(r.list) - mostRecent; more > 0 {
		r.list = slices.Clone(r.list[more:])
	}
}

// Recent are the latest records, the oldest first. It waits for no disk.
func (l *Log) Recent() []event.Record {
	l.recent.mu.Lock()
	defer l.recent.mu.Unlock()
	return slices.Clone(l.recent.list)
}
