package notify

import "github.com/lvs-director/director/notify/program"

// step is one script to run.
type step struct {
	script string // the keyword: "notify_master"
	state  string // what it is told
	cmd    program.Command
}

// maxLeft is how many scripts of one object may run on without holding up the
// next; with that many the next waits for one of them to end.
const maxLeft = 32

// queue decides which script of an object runs when. It knows neither a clock nor a
// process: runs are numbers. The zero value is an empty queue.
type queue struct {
	current []step // what remains of the state that is being told
	waiting []step // the latest state, told after that
	holder  uint64 // the run that holds up the next; 0 is none
	overdue bool   // the holder has had its time
	left    int    // runs that go on without holding up anything
	final   bool   // everything ends: maxLeft no longer counts
}

// push makes a state the next to be told, in the place of one that waits.
func (q *queue) push(steps []step) { q.waiting = steps }

// waits says whether a state waits to be told.
func (q *queue) waits() bool { return len(q.waiting) > 0 }

// ready says whether next has a script to start.
func (q *queue) ready() bool {
	if len(q.current) == 0 && len(q.waiting) == 0 {
		return false
	}
	return q.holder == 0 || q.overdue && (q.final || q.left < maxLeft)
}

// next returns the script to start now. It must be ready. The caller starts it and
// calls began. passed says that the script before it still runs.
func (q *queue) next() (s step, passed bool) {
	if q.holder != 0 {
		q.left++
		q.holder = 0
		passed = true
	}
	if len(q.current) == 0 {
		q.current, q.waiting = q.waiting, nil
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
