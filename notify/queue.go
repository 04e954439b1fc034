package notify

import (
	"slices"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/program"
)

// step is one script to run.
type step struct {
	script string // the keyword: "notify_master"
	state  string // what it is told
	cmd    program.Command
	cause  event.Number // what it tells
}

// maxLeft is how many scripts of one object may run on without holding up the
// next; with that many the next waits for one of them to end.
const maxLeft = 32

const (
	// maxWaiting is how many states of one object wait to be told.
	maxWaiting = 32
	// maxBehind is how late a state is told that is over. One that has waited for longer is
	// left out: what the scripts are for is the present state.
	maxBehind = 5 * time.Second
)

// waiting is a state that waits to be told.
type waiting struct {
	steps []step
	since time.Time
	// beside says that it is no state, but what is told beside states: it takes the place of none.
	beside bool
}

// queue decides which script of an object runs when. It knows neither a clock nor a
// process: it is told the time, and runs are numbers. The zero value is an empty queue.
//
// States are told in the order in which they came. When there are too many, or when they
// have waited for too long, the later ones count; what is left out is counted.
type queue struct {
	current []step    // what remains of the state that is being told
	waiting []waiting // those that are told after that
	holder  uint64    // the run that holds up the next; 0 is none
	overdue bool      // the holder has had its time
	left    int       // runs that go on without holding up anything
	final   bool      // everything ends: maxLeft no longer counts
	skipped int       // states that were left out and of which nobody has been told
}

// push makes a state the last one to be told, or has something told beside states.
func (q *queue) push(w waiting) {
	if len(w.steps) == 0 {
		return
	}
	if len(q.waiting) == maxWaiting {
		q.skipped++
		if w.beside {
			return
		}
		first := max(slices.IndexFunc(q.waiting, func(w waiting) bool { return w.beside }), 0)
		q.waiting = slices.Delete(q.waiting, first, first+1)
	}
	q.waiting = append(q.waiting, w)
}

// waitsFor says whether a script is the next thing to be told after all that waits.
func (q *queue) waitsFor(script string) bool {
	n := len(q.waiting)
	return n > 0 && q.waiting[n-1].steps[0].script == script
}

// latestOnly leaves out what comes before the last state.
func (q *queue) latestOnly() {
	last := 0
	for i, w := range q.waiting {
		if !w.beside {
			last = i
		}
	}
	q.skipped += last
	q.waiting = slices.Delete(q.waiting, 0, last)
}

// ready says whether next has a script to start.
func (q *queue) ready() bool {
	if len(q.current) == 0 && len(q.waiting) == 0 {
		return false
	}
	return q.holder == 0 || q.overdue && (q.final || q.left < maxLeft)
}

// next returns the script to start now. It must be ready. The caller starts it and
// calls began. passed says that the script before it still runs.
func (q *queue) next(now time.Time) (s step, passed bool) {
	if q.holder != 0 {
		q.left++
		q.holder = 0
		passed = true
	}
	if len(q.current) == 0 {
		if q.final || now.Sub(q.waiting[0].since) >= maxBehind {
			q.latestOnly()
		}
		q.current, q.waiting = q.waiting[0].steps, q.waiting[1:]
		if len(q.waiting) == 0 {
			q.waiting = nil
		}
	}
	s, q.current = q.current[0], q.current[1:]
	return s, passed
}

// began notes that the script from next runs under this number.
func (q *queue) began(run uint64) { q.holder, q.overdue = run, false }

// late notes that a run has had its time. It returns false for one that holds up nothing.
func (q *queue) late(run uint64) bool {
	q.overdue = q.overdue || q.holder == run
	return q.holder == run
}

// ended notes that a run has ended. It returns false for one that held up nothing.
func (q *queue) ended(run uint64) bool {
	if q.holder != run {
		q.left--
		return false
	}
	q.holder = 0
	return true
}

// idle says whether nothing waits and nothing runs that holds up others.
func (q *queue) idle() bool {
	return q.holder == 0 && len(q.current) == 0 && len(q.waiting) == 0
}

// finished says whether nothing waits and no script that runs has to be waited for.
func (q *queue) finished() bool {
	return (q.holder == 0 || q.overdue) && len(q.current) == 0 && len(q.waiting) == 0
}
