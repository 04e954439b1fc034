package vrrp

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/lvs-director/director/vrrp/link"
)

// announcerIdle is how long the announcer keeps its sockets without work.
const announcerIdle = 30 * time.Second

const (
	// lateAnnouncement is how late an announcement is that waited because this
	// process did not run. Another may be MASTER meanwhile,
	lateAnnouncement = 250 * time.Millisecond
	// announcerYields is how long the engine then has to find out and to end it.
	announcerYields = 100 * time.Millisecond
)

// target is an address to announce and the interface that has it.
type target struct {
	from  link.Interface
	addr  netip.Addr
	reply bool          // the other form of a gratuitous ARP
	lane  lane          // what it keeps a distance in,
	pause time.Duration // and which
}

// announceJob has an instance's addresses announced. It replaces what is
// left of an earlier job of the instance; without targets it only ends that.
type announceJob struct {
	key     key
	extra   bool // the periodic ones of garp_extra_if, which are a job beside the other
	targets []target
	count   int // rounds through the targets
}

type jobName struct {
	key   key
	extra bool
}

func (j *announceJob) name() jobName { return jobName{j.key, j.extra} }

// announcer sends gratuitous ARP beside the engine, which never waits for it.
type announcer struct {
	kernel link.Announcer
	log    *slog.Logger
	turns  turns
	queue  []*announcement
	next   map[lane]time.Time // not before
	due    time.Time          // when work goes on
	// failed counts packets that could not be sent since the last success.
	failed int
}

// announcement is a job in progress.
type announcement struct {
	announceJob
	round, at int
}

// run works until in is closed; what is left then is not sent.
func (a *announcer) run(in <-chan []announceJob) {
	defer func() {
		if err := a.kernel.Close(); err != nil {
			a.log.Warn("closing the sockets for gratuitous ARP", "error", err)
		}
	}()
	a.next = make(map[lane]time.Time)
	timer := time.NewTimer(announcerIdle)
	defer timer.Stop()
	for {
		wait := a.work()
		if wait <= 0 {
			select {
			case jobs, ok := <-in:
				if !ok {
					return
				}
				a.take(jobs)
			default:
			}
			continue
		}
		timer.Reset(wait)
		select {
		case jobs, ok := <-in:
			if !ok {
				return
			}
			a.take(jobs)
		case <-timer.C:
			if len(a.queue) == 0 {
				clear(a.next)
				if err := a.kernel.Close(); err != nil {
					a.log.Warn("closing the sockets for gratuitous ARP", "error", err)
				}
			}
		}
	}
}

// take queues jobs in place of the earlier ones of their instances.
func (a *announcer) take(jobs []announceJob) {
	latest := make(map[jobName]int, len(jobs))
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
		if latest[j.name()] == n && j.count > 0 {
			a.queue = append(a.queue, j.byLane()...)
		}
	}
}

// byLane splits a job, so that no interface waits for another.
func (j *announceJob) byLane() (list []*announcement) {
	lanes := make(map[lane]*announcement)
	for _, t := range j.targets {
		q := lanes[t.lane]
		if q == nil {
			q = &announcement{announceJob: *j}
			q.targets = nil
			lanes[t.lane] = q
			list = append(list, q)
		}
		q.targets = append(q.targets, t)
	}
	return list
}

// work sends one burst and says how long to wait until the next.
func (a *announcer) work() time.Duration {
	if len(a.queue) == 0 {
		return announcerIdle
	}
	if now := time.Now(); now.Sub(a.due) > lateAnnouncement {
		a.due = now.Add(announcerYields)
		return announcerYields
	}
	wait := announcerIdle
	sent := 0
	a.turns.each(1, func(int) {
		now := time.Now()
		kept := a.queue[:0]
		for _, q := range a.queue {
			done := false
			for sent < burst && !done {
				t := q.targets[q.at]
				if due := a.next[t.lane]; due.After(now) {
					break
				}
				a.send(t)
				sent++
				if t.pause > 0 {
					a.next[t.lane] = now.Add(t.pause)
				}
				if q.at++; q.at == len(q.targets) {
					q.at = 0
					q.round++
				}
				done = q.round == q.count
			}
			if done {
				continue
			}
			kept = append(kept, q)
			wait = min(wait, max(a.next[q.targets[q.at].lane].Sub(now), 0))
		}
		clear(a.queue[len(kept):])
		a.queue = kept
		a.due = time.Now().Add(wait)
	})
	if len(a.queue) == 0 {
		return announcerIdle
	}
	return wait
}

func (a *announcer) send(t target) {
	tell := a.kernel.Announce
	if t.reply {
		tell = a.kernel.AnnounceReply
	}
	err := tell(t.from, t.addr)
	if err == nil {
		a.failed = 0
		return
	}
	// An interface that goes down fails every packet of a long list.
	if a.failed++; a.failed == 1 {
		a.log.Warn("an address could not be announced: neighbours may take a while to find it", "error", err)
	}
}
