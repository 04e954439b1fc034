package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/lvs-director/director/notify/program"
)

// maxServerRuns is how many scripts of real servers run at once: a dead switch can
// take a thousand real servers down. Scripts of instances are not counted.
const maxServerRuns = 64

// object is anything that has scripts.
type object struct {
	name   string
	many   bool // one of thousands: counts against maxServerRuns
	gone   bool // from the configuration
	queue  queue
	timer  *time.Timer      // until the run that holds up others is late
	last   map[string]*Last // by keyword
	runs   map[uint64]*run  // those that have not ended
	queued bool             // in serverQueue
	slot   bool             // counted in serverRuns
}

func newObject(name string) object {
	return object{name: name, last: make(map[string]*Last), runs: make(map[uint64]*run)}
}

// run is a script that runs.
type run struct {
	*Last
	handOff func()           // ends the following of it, not the script
	handed  *program.Handoff // nobody follows it
}

// describe names the object and what it is busy with.
func (o *object) describe() string {
	if r := o.runs[o.queue.holder]; r != nil {
		return fmt.Sprintf("%s %s (pid %d)", o.name, r.Script, r.Exit.PID)
	}
	return o.name
}

// tell makes a state the next one that the scripts of an object are told, in the
// place of one that waits. steps may be empty.
func (n *Notifier) tell(o *object, steps []step) {
	o.queue.push(steps)
	n.advance(o)
}

// advance starts the next script of an object if it may run now.
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
	before := o.runs[o.queue.holder]
	s, passed := o.queue.next()
	if passed {
		n.log.Warn("script is still running, starting the next one beside it", "object", o.name,
			"script", before.Script, "pid", before.Exit.PID, "since", before.Exit.Started, "next", s.script, "state", s.state)
	}
	if o.many {
		o.slot = true
		n.serverRuns++
	}
	n.begin(o, s)
}

// release notes that the script of an object no longer holds up others.
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
	number := n.runs
	o.queue.began(number)
	l := &Last{Object: o.name, Script: s.script, State: s.state, Running: true}
	l.Exit.Argv, l.Exit.Started = s.cmd.Argv, time.Now()
	o.last[s.script] = l
	n.limit(o, number, Patience)
	n.follow(o, number, &run{Last: l}, func(ctx context.Context) program.Exit {
		return n.runner.Run(ctx, s.cmd, func(pid int) {
			n.enqueue(func() { l.Exit.PID = pid })
		})
	})
}

// limit lets a run hold up the next one for some time only.
func (n *Notifier) limit(o *object, number uint64, patience time.Duration) {
	o.timer = time.AfterFunc(patience, func() {
		n.enqueue(func() {
			if o.queue.late(number) {
				n.release(o)
				n.finishStop()
			}
		})
	})
}

// follow waits for the end of a run in a goroutine.
func (n *Notifier) follow(o *object, number uint64, r *run, wait func(context.Context) program.Exit) {
	ctx, cancel := context.WithCancelCause(context.Background())
	r.handOff = func() { cancel(program.ErrHandOff) }
	o.runs[number] = r
	go func() {
		exit := wait(ctx)
		cancel(nil)
		n.enqueue(func() { n.finish(o, number, exit) })
	}()
}

// finish takes the end of a run.
func (n *Notifier) finish(o *object, number uint64, exit program.Exit) {
	r := o.runs[number]
	if exit.Handoff != nil {
		r.handed = exit.Handoff
		n.finishExport()
		return
	}
	delete(o.runs, number)
	if !exit.OK() {
		n.log.Warn("script failed", "object", o.name, "script", r.Script, "state", r.State,
			"program", r.Exit.Argv[0], "reason", exit.String(), "output", exit.Output)
	}
	r.Running, r.Exit = false, exit
	if o.queue.ended(number) {
		if o.timer != nil {
			o.timer.Stop()
		}
		n.release(o)
	} else {
		n.advance(o) // there may have been too many left running
	}
	n.forget(o)
	n.finishStop()
	n.finishHold()
	n.finishExport()
}
