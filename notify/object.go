package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/lvs-director/director/notify/program"
)

// maxServerRuns is how many scripts of real servers run at once: when a
// switch dies a thousand of them have something to say. Instances are not counted.
const maxServerRuns = 64

// object is something that has scripts, whatever it is.
type object struct {
	name   string
	many   bool // one of thousands: counts against maxServerRuns
	gone   bool // from the configuration
	queue  queue
	timer  *time.Timer      // until the run that holds up others is overdue
	last   map[string]*Last // by keyword
	lasts  map[uint64]*Last // of runs that have not ended
	queued bool             // in serverQueue
	slot   bool             // counted in serverRuns
}

func newObject(name string) object {
	return object{name: name, last: make(map[string]*Last), lasts: make(map[uint64]*Last)}
}

// describe names the object and what it is busy with.
func (o *object) describe() string {
	if l := o.lasts[o.queue.holder]; l != nil {
		return fmt.Sprintf("%s %s (pid %d)", o.name, l.Script, l.Exit.PID)
	}
	return o.name
}

// tell makes a state the next that an object's scripts are told. Without
// scripts for it, what waited is no longer true and is not told either.
func (n *Notifier) tell(o *object, steps []step) {
	o.queue.push(steps)
	n.advance(o)
}

// advance starts the next script of an object if it may.
func (n *Notifier) advance(o *object) {
	if n.held || !o.queue.ready() {
		return
	}
	if o.many && n.serverRuns >= maxServerRuns {
		if !o.queued {
			o.queued = true
			n.serverQueue = append(n.serverQueue, o)
		}
		return
	}
	before := o.lasts[o.queue.holder]
	s, passed := o.queue.next()
	if passed {
		n.log.Warn("script still runs, the next one is started beside it", "object", o.name,
			"script", before.Script, "pid", before.Exit.PID, "since", before.Exit.Started, "next", s.script, "state", s.state)
	}
	if o.many {
		o.slot = true
		n.serverRuns++
	}
	n.begin(o, s)
}

// release says that the script of an object no longer holds up others.
func (n *Notifier) release(o *object) {
	if o.slot {
		o.slot = false
		n.serverRuns--
	}
	n.advance(o)
	for n.serverRuns < maxServerRuns && len(n.serverQueue) > 0 {
		next := n.serverQueue[0]
		n.serverQueue = n.serverQueue[1:]
		next.queued = false
		n.advance(next)
	}
}

// begin runs a script.
func (n *Notifier) begin(o *object, s step) {
	n.runs++
	run := n.runs
	o.queue.began(run)
	l := &Last{Object: o.name, Script: s.script, State: s.state, Running: true}
	l.Exit.Argv, l.Exit.Started = s.cmd.Argv, time.Now()
	o.last[s.script], o.lasts[run] = l, l
	o.timer = time.AfterFunc(Patience, func() {
		n.enqueue(func() {
			if o.queue.late(run) {
				n.release(o)
				n.settle()
			}
		})
	})
	go func() {
		exit := n.runner.Run(context.Background(), s.cmd, func(pid int) {
			n.enqueue(func() { l.Exit.PID = pid })
		})
		n.enqueue(func() { n.finish(o, run, exit) })
	}()
}

// finish takes the end of a script.
func (n *Notifier) finish(o *object, run uint64, exit program.Exit) {
	l := o.lasts[run]
	delete(o.lasts, run)
	if !exit.OK() {
		n.log.Warn("script failed", "object", o.name, "script", l.Script, "state", l.State,
			"program", l.Exit.Argv[0], "reason", exit.String(), "output", exit.Output)
	}
	l.Running, l.Exit = false, exit
	if o.queue.ended(run) {
		o.timer.Stop()
		n.release(o)
	} else {
		n.advance(o) // there may have been too many left running
	}
	n.bury(o)
	n.settle()
	n.tellIdle()
}
