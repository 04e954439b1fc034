package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/program"
)

// maxServerRuns is how many scripts of real servers run at once: a dead switch can
// take a thousand real servers down. Scripts of instances are not counted.
const maxServerRuns = 64

// skipPause is the least time between two lines about states of one object that were left out.
const skipPause = 10 * time.Second

// object is anything that has scripts. There are tens of thousands, most of them without a
// script: what is only needed with one is made when it runs.
type object struct {
	name   string
	cause  event.Number // of the state that is told
	many   bool         // one of thousands: counts against maxServerRuns
	gone   bool         // from the configuration
	drop   func()       // forgets it, once it is gone
	queue  queue
	timer  *time.Timer      // until the run that holds up others is late
	last   map[string]*Last // by keyword
	runs   map[uint64]*run  // those that have not ended
	queued bool             // in serverQueue
	slot   bool             // counted in serverRuns
	// skipSaid is when it was last said that states were left out.
	skipSaid time.Time
}

func newObject(name string) object { return object{name: name} }

// ran notes the last run of a script.
func (o *object) ran(l *Last) {
	if o.last == nil {
		o.last = make(map[string]*Last)
	}
	if before := o.last[l.Script]; before != nil {
		l.Ended, l.Failed = before.Ended, before.Failed
	}
	o.last[l.Script] = l
}

// count counts the end of a run, which need not be the last one.
func (o *object) count(script string, ok bool) {
	l := o.last[script]
	if l == nil {
		return // an older program has handed the run over without
	}
	l.Ended++
	if !ok {
		l.Failed++
	}
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

// tell makes a state the last one that the scripts of an object are told. steps may be empty.
func (n *Notifier) tell(o *object, steps []step) {
	o.queue.push(waiting{steps: steps, since: time.Now()})
	n.advance(o)
}

// tellBeside has one script run when what waits was told. No state is left out for it.
func (n *Notifier) tellBeside(o *object, s step) {
	o.queue.push(waiting{steps: []step{s}, since: time.Now(), beside: true})
	n.advance(o)
}

// saySkipped says how many states the scripts of an object are not told of, once in a while
// and when nothing waits any more.
func (n *Notifier) saySkipped(o *object) {
	if o.queue.skipped == 0 || time.Since(o.skipSaid) < skipPause && len(o.queue.waiting) > 0 {
		return
	}
	n.log.Warn("scripts are too slow: states that were over are not told", "object", o.name, "states", o.queue.skipped)
	o.queue.skipped, o.skipSaid = 0, time.Now()
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
	s, passed := o.queue.next(time.Now())
	if passed {
		n.log.Warn("script is still running, starting the next one beside it", "object", o.name,
			"script", before.Script, "pid", before.Exit.PID, "since", before.Exit.Started, "next", s.script, "state", s.state)
	}
	if o.many {
		o.slot = true
		n.serverRuns++
	}
	n.begin(o, s)
	n.saySkipped(o)
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
	l := &Last{Object: o.name, Script: s.script, State: s.state, Running: true, Cause: s.cause}
	l.Exit.Argv, l.Exit.Started = s.cmd.Argv, time.Now()
	o.ran(l)
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
	if o.runs == nil {
		o.runs = make(map[uint64]*run)
	}
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
	o.count(r.Script, exit.OK())
	n.remember(*r.Last)
	if n.scriptEnded != nil {
		n.scriptEnded(*r.Last)
	}
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
