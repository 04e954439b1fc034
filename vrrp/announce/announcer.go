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
// earlier job of the same Owner and Extra; without Targets it only ends that.
type Job struct {
	Owner   any  // comparable
	Extra   bool // the periodic ones of garp_extra_if, which are a job beside the other
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

	queue []*announcement
	next  map[lane]time.Time // not before
	due   time.Time          // when work goes on
}

// announcement is a job in progress, on one lane.
type announcement struct {
	Job
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
		next: make(map[lane]time.Time),
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
				clear(a.next)
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
	latest := make(map[name]int, len(jobs))
	for n := range jobs {
		latest[jobs[n].name()] = n
	}
	a.queue = slices.DeleteFunc(a.queue, func(q *announcement) bool {
		_, replaced := latest[q.name()]
		return replaced
	})
	if len(a.queue) == 0 {
		a.due = time.Now()
	}
	for n, j := range jobs {
		if latest[j.name()] == n && j.Count > 0 {
			a.queue = append(a.queue, j.byLane()...)
		}
	}
}

// byLane splits a job, so that no interface waits for another.
func (j *Job) byLane() (list []*announcement) {
	lanes := make(map[lane]*announcement)
	for _, t := range j.Targets {
		q := lanes[t.lane]
		if q == nil {
			q = &announcement{Job: *j}
			q.Targets = nil
			lanes[t.lane] = q
			list = append(list, q)
		}
		q.Targets = append(q.Targets, t)
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
		kept := a.queue[:0]
		for _, q := range a.queue {
			left -= a.sendSome(q, now, left)
			if q.round == q.Count {
				continue
			}
			kept = append(kept, q)
			wait = min(wait, max(a.dueAt(q).Sub(now), 0))
		}
		clear(a.queue[len(kept):])
		a.queue = kept
		a.due = time.Now().Add(wait)
	})
	if len(a.queue) == 0 {
		return idle
	}
	return wait
}

// dueAt is when an announcement goes on.
func (a *Announcer) dueAt(q *announcement) time.Time {
	if next := a.next[q.Targets[q.at].lane]; next.After(q.retry) {
		return next
	}
	return q.retry
}

// sendSome sends of one announcement what is due, at most limit, and says how
// many packets that were.
func (a *Announcer) sendSome(q *announcement, now time.Time, limit int) (sent int) {
	for sent < limit && q.round < q.Count && !a.dueAt(q).After(now) {
		t := q.Targets[q.at]
		sent++
		if err := a.send(t); err != nil {
			a.putOff(q, now, err)
			break
		}
		q.failing = time.Time{}
		if t.pause > 0 {
			a.next[t.lane] = now.Add(t.pause)
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
		a.log.Warn("failed to announce an address, trying again: neighbours may take a while to find it", "error", err)
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
