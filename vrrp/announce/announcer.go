package announce

import (
	"log/slog"
	"slices"
	"time"

	"github.com/lvs-director/director/mailbox"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/turns"
)

const (
	// idle is how long the announcer keeps its sockets without work.
	idle = 30 * time.Second
	// late is how late an announcement is that waited because this process did
	// not run. Another may be MASTER meanwhile,
	late = 250 * time.Millisecond
	// yields is how long the engine then has to find out and to end it.
	yields = 100 * time.Millisecond

	// firstRetry and longestRetry bound the pause before an announcement that
	// could not be sent is tried again, and givesUp for how long. When the
	// interface is back after that, the engine has it announced anew.
	firstRetry   = 50 * time.Millisecond
	longestRetry = time.Second
	givesUp      = 10 * time.Second
)

// Job has an instance's addresses announced. It replaces what is left of an
// earlier job of the same Owner and Extra, unless it is Also; without Targets it
// only ends that.
type Job struct {
	Owner   any  // comparable
	Extra   bool // the periodic ones of garp_extra_if, which are a job beside the other
	Also    bool // beside what is left: more of the instance's addresses are there
	Targets []Target
	Count   int // rounds through the targets
}

// name tells jobs apart.
type name struct {
	owner any
	extra bool
}

func (j *Job) name() name { return name{j.Owner, j.Extra} }

// Announcer sends announcements beside the engine, which never waits for it.
type Announcer struct {
	kernel link.Announcer
	log    *slog.Logger
	turns  turns.Turns // its own: it does not wait for work on addresses
	inbox  *mailbox.Mailbox[[]Job]
	stop   chan struct{}

	// queue is in the order in which it is served: every address is announced once
	// before the first one is announced again.
	queue []*announcement
	lines map[lane]*line
	due   time.Time // when work goes on
}

// line is the state of a lane.
type line struct{ next time.Time } // not before

// announcement is a job in progress, on one lane.
type announcement struct {
	Job
	line      *line
	round, at int
	// failing is since when it cannot be sent, retry when it is tried again.
	failing time.Time
	pause   time.Duration
	retry   time.Time
}

// New makes an Announcer.
func New(kernel link.Announcer, log *slog.Logger) *Announcer {
	return &Announcer{
		kernel: kernel, log: log, turns: turns.New(), inbox: mailbox.New[[]Job](), stop: make(chan struct{}),
		lines: make(map[lane]*line),
	}
}

// Put hands jobs over. It never waits.
func (a *Announcer) Put(jobs ...Job) {
	a.inbox.Put(func(waiting *[]Job) { *waiting = append(*waiting, jobs...) })
}

// Close has Run end; what waits is not sent.
func (a *Announcer) Close() { close(a.stop) }

// Run works until Close.
func (a *Announcer) Run() {
	defer a.closeSockets()
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		a.take(a.inbox.Take(nil))
		wait := a.work()
		if wait <= 0 {
			select {
			case <-a.stop:
				return
			default:
				continue
			}
		}
		timer.Reset(wait)
		select {
		case <-a.stop:
			return
		case <-a.inbox.Signal():
		case <-timer.C:
			if len(a.queue) == 0 {
				clear(a.lines)
				a.closeSockets()
			}
		}
	}
}

func (a *Announcer) closeSockets() {
	if err := a.kernel.Close(); err != nil {
		a.log.Warn("failed to close the sockets for gratuitous ARP", "error", err)
	}
}

// take queues jobs in place of the earlier ones of their instances.
func (a *Announcer) take(jobs []Job) {
	if len(jobs) == 0 {
		return
	}
	latest := make(map[name]int, len(jobs)) // the last one that replaces
	for n := range jobs {
		if !jobs[n].Also {
			latest[jobs[n].name()] = n
		}
	}
	if len(latest) > 0 {
		a.queue = slices.DeleteFunc(a.queue, func(q *announcement) bool {
			_, replaced := latest[q.name()]
			return replaced
		})
	}
	if len(a.queue) == 0 {
		a.due = time.Now()
	}
	for n := range jobs {
		if last, replaced := latest[jobs[n].name()]; jobs[n].Count > 0 && (!replaced || n >= last) {
			a.enqueue(a.byLane(&jobs[n])...)
		}
	}
}

// enqueue puts announcements behind those that are as far as they are.
func (a *Announcer) enqueue(list ...*announcement) {
	for _, q := range list {
		at, _ := slices.BinarySearchFunc(a.queue, q.round+1, func(q *announcement, round int) int {
			return q.round - round
		})
		a.queue = slices.Insert(a.queue, at, q)
	}
}

// byLane splits a job, so that no interface waits for another.
func (a *Announcer) byLane(j *Job) (list []*announcement) {
	for _, t := range j.Targets {
		at := slices.IndexFunc(list, func(q *announcement) bool { return q.Targets[0].lane == t.lane })
		if at < 0 {
			at = len(list)
			q := &announcement{Job: *j, line: a.lines[t.lane]}
			if q.line == nil {
				q.line = &line{}
				a.lines[t.lane] = q.line
			}
			q.Targets = nil
			list = append(list, q)
		}
		list[at].Targets = append(list[at].Targets, t)
	}
	return list
}

// work sends one burst and says how long to wait until the next.
func (a *Announcer) work() time.Duration {
	if len(a.queue) == 0 {
		return idle
	}
	if now := time.Now(); now.Sub(a.due) > late {
		a.due = now.Add(yields)
		return yields
	}
	wait := idle
	a.turns.Take(func() {
		now := time.Now()
		left := turns.Burst
		var further []*announcement // they have done a round
		a.queue = slices.DeleteFunc(a.queue, func(q *announcement) bool {
			round := q.round
			left -= a.sendSome(q, now, left)
			if q.round == q.Count {
				return true
			}
			wait = min(wait, max(q.dueAt().Sub(now), 0))
			if q.round > round {
				further = append(further, q)
			}
			return q.round > round
		})
		a.enqueue(further...)
		a.due = time.Now().Add(wait)
	})
	if len(a.queue) == 0 {
		return idle
	}
	return wait
}

// dueAt is when an announcement goes on.
func (q *announcement) dueAt() time.Time {
	if q.line.next.After(q.retry) {
		return q.line.next
	}
	return q.retry
}

// sendSome sends of one round of an announcement what is due, at most limit, and
// says how many packets that were.
func (a *Announcer) sendSome(q *announcement, now time.Time, limit int) (sent int) {
	for round := q.round; sent < limit && q.round == round && !q.dueAt().After(now); {
		t := q.Targets[q.at]
		sent++
		if err := a.send(t); err != nil {
			a.putOff(q, now, err)
			break
		}
		q.failing = time.Time{}
		if t.pause > 0 {
			q.line.next = now.Add(t.pause)
		}
		if q.at++; q.at == len(q.Targets) {
			q.at = 0
			q.round++
		}
	}
	return sent
}

// putOff has an announcement that could not be sent tried again. When it has
// failed for too long it is at its end.
func (a *Announcer) putOff(q *announcement, now time.Time, err error) {
	if q.failing.IsZero() {
		q.failing, q.pause = now, firstRetry
		a.log.Warn("failed to announce an address, trying again: neighbours may send to the old MASTER until then",
			"error", err)
	}
	if now.Sub(q.failing) >= givesUp {
		q.round = q.Count
		return
	}
	q.retry = now.Add(q.pause)
	q.pause = min(2*q.pause, longestRetry)
}

func (a *Announcer) send(t Target) error {
	if t.reply {
		return a.kernel.AnnounceReply(t.from, t.addr)
	}
	return a.kernel.Announce(t.from, t.addr)
}
