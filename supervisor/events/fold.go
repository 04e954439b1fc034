package events

import (
	"fmt"
	"time"

	"github.com/lvs-director/director/event"
)

const (
	// foldEach is in how much time records of one object and kind are counted.
	foldEach = time.Minute
	// foldAfter is how many of them are kept one by one in that time.
	foldAfter = 30
	// showEach is how often what is counted is written at most for those who read.
	showEach = 5 * time.Second
)

// folding bounds the records of what flaps: when more than foldAfter of one kind come of an object
// within foldEach, the others are counted and make one record at the end of that time. It is a rule
// only: the time is told. The zero value is ready.
type folding struct {
	objects map[folded]*fold
	next    time.Time // when the first of them ends
}

type folded struct {
	object string
	kind   event.RecordKind
}

// fold is what is counted of an object.
type fold struct {
	ends  time.Time
	since time.Time // when it began to count
	all   int
	last  event.Record // of those that were not kept
	shown time.Time
}

// take says whether a record is kept.
func (f *folding) take(r event.Record, now time.Time) bool {
	key := folded{r.Object, r.Kind}
	o := f.objects[key]
	if o == nil || !now.Before(o.ends) {
		if f.objects == nil {
			f.objects = make(map[folded]*fold)
		}
		if o != nil && o.all > foldAfter {
			return o.count(r) // its record is due, and comes before the next one
		}
		o = &fold{ends: now.Add(foldEach), since: now}
		f.objects[key] = o
		if f.next.IsZero() || o.ends.Before(f.next) {
			f.next = o.ends
		}
	}
	return o.count(r)
}

func (o *fold) count(r event.Record) (kept bool) {
	o.all++
	if o.all <= foldAfter {
		return true
	}
	o.last = r
	return false
}

// due ends what is over by now, and gives its records.
func (f *folding) due(now time.Time) (list []event.Record) {
	if f.next.IsZero() || now.Before(f.next) {
		return nil
	}
	return f.end(func(o *fold) bool { return !now.Before(o.ends) })
}

// end ends what over says, and gives its records.
func (f *folding) end(over func(*fold) bool) (list []event.Record) {
	f.next = time.Time{}
	for key, o := range f.objects {
		if !over(o) {
			if f.next.IsZero() || o.ends.Before(f.next) {
				f.next = o.ends
			}
			continue
		}
		delete(f.objects, key)
		list = o.tell(list)
	}
	return list
}

// show gives the records of what is counted, which goes on.
func (f *folding) show(now time.Time) (list []event.Record) {
	for _, o := range f.objects {
		if now.Sub(o.shown) < showEach || o.all <= foldAfter {
			continue
		}
		list = o.tell(list)
		o.all, o.since, o.shown = foldAfter, now, now
	}
	return list
}

// tell appends the record of what was counted, if anything was.
func (o *fold) tell(list []event.Record) []event.Record {
	left := o.all - foldAfter
	if left <= 0 {
		return list
	}
	r := o.last
	r.Text = fmt.Sprintf("%d more of this kind since %s were not kept one by one; the last: %s", left,
		o.since.Format(time.TimeOnly), r.Text)
	r.LeftOut += left - 1
	return append(list, r)
}
