package notify

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/mailbox"
	"github.com/lvs-director/director/notify/program"
)

// Patience is how long a script holds up the next one of its object.
const Patience = 30 * time.Second

// Runner runs programs. program.Runner is the real one.
type Runner interface {
	// Run returns when the program has ended, or was handed over because ctx has
	// ended with program.ErrHandOff; started is called with its pid once it runs.
	Run(ctx context.Context, cmd program.Command, started func(pid int)) program.Exit
	// Adopt is Run for a program that was handed over.
	Adopt(ctx context.Context, h *program.Handoff) program.Exit
}

// Options are what a Notifier needs.
type Options struct {
	Log    *slog.Logger
	Runner Runner // nil is program.Runner
	// Listeners are told beside the scripts.
	Listeners []Listener
	// Ended is called with each script that has ended, by the Notifier's goroutine: it must not
	// block, nor call the Notifier. It may be nil.
	Ended func(Last)
}

// Last is the last run of a script of an object.
type Last struct {
	Object  string // "INSTANCE VI_1", "REAL_SERVER [10.0.0.2]:tcp:80 of [10.0.0.1]:tcp:80"
	Script  string // the keyword: "notify_master"
	State   string // what it was told: "MASTER", "UP"
	Running bool
	Exit    program.Exit // only Argv, PID and Started are set while it runs
	Cause   event.Number // the event that it was told; empty when that is not known
	// Ended and Failed count the runs of this script of the object that have ended, and those of them that
	// have failed, of Last alone.
	Ended, Failed uint64
}

// Notifier runs the scripts of a configuration.
type Notifier struct {
	log         *slog.Logger
	runner      Runner
	listeners   []Listener
	scriptEnded func(Last)                 // nil is nobody
	mail        *mailbox.Mailbox[[]func()] // work for the goroutine, never slow
	ended       chan struct{}

	// Owned by the goroutine.
	global      conf.Global
	configured  bool   // a configuration was applied
	round       uint64 // counts them
	instances   map[conf.InstanceID]*instance
	groups      map[string]*instance // sync groups are told like instances
	servers     map[conf.RealServerID]*server
	services    map[conf.ServiceID]*service
	runs        uint64 // number of the last run
	serverRuns  int    // scripts of real servers that hold up others
	serverQueue []*object
	stopped     chan struct{} // set by Stop, closed when all scripts were told
	held        bool          // no script is started
	idle        chan struct{} // closed when no script runs; nil when nobody waits for that
	recent      []Last
	export      chan State // gets the state when no script is followed any more; nil when nobody waits for it
}

// New starts a notifier without scripts. Stop ends it.
func New(opts Options) *Notifier {
	n := &Notifier{
		log: opts.Log, runner: opts.Runner, listeners: opts.Listeners, scriptEnded: opts.Ended,
		mail: mailbox.New[[]func()](), ended: make(chan struct{}),
		instances: make(map[conf.InstanceID]*instance), groups: make(map[string]*instance),
		servers: make(map[conf.RealServerID]*server), services: make(map[conf.ServiceID]*service),
	}
	if n.runner == nil {
		n.runner = program.Runner{}
	}
	go n.own()
	return n
}

// enqueue hands work to the goroutine; false when the notifier has ended.
func (n *Notifier) enqueue(work func()) bool {
	return n.mail.Put(func(todo *[]func()) { *todo = append(*todo, work) })
}

func (n *Notifier) own() {
	defer close(n.ended)
	for {
		<-n.mail.Signal()
		for _, work := range n.mail.Take(nil) {
			if work == nil {
				for o := range n.objects {
					if o.timer != nil {
						o.timer.Stop()
					}
				}
				return
			}
			work()
		}
	}
}

// Apply replaces the configuration. The scripts of an instance that is gone are
// told FAULT (or DELETED), as with keepalived; later states of it are ignored. Call
// it before the vrrp worker gets the configuration. cfg must not be changed
// afterwards.
func (n *Notifier) Apply(cfg *conf.Config) {
	n.enqueue(func() { n.apply(cfg) })
}

// Instance reports the state of a VRRP instance. It does not block. Scripts run
// when the state differs from the one before and is not Quiet.
func (n *Notifier) Instance(s event.InstanceState) {
	n.enqueue(func() { n.transition(n.instance(s.ID, s.Instance), s) })
}

// LowerHeard reports that an instance has received an advertisement that loses
// against it. It does not block. A state that waits to be told comes first.
func (n *Notifier) LowerHeard(h event.LowerHeard) {
	n.enqueue(func() { n.lowerHeard(n.instance(h.ID, h.Instance), h.Event) })
}

// Group reports the state of a sync group, as Instance does for an instance.
func (n *Notifier) Group(s event.GroupState) {
	n.enqueue(func() {
		n.transition(n.groups[s.Group], event.InstanceState{
			Instance: s.Group, From: s.From, State: s.State, Since: s.Since, Reason: s.Reason, Quiet: s.Quiet,
			Event: s.Event,
		})
	})
}

// RealServer reports the state of a real server. It does not block. Scripts run
// when the state differs from the one before, and not for the initial one.
func (n *Notifier) RealServer(s event.RealServerState) {
	n.enqueue(func() { n.realServer(s) })
}

// Last returns the last run of each script, ordered by object. It is empty once the
// notifier has ended.
func (n *Notifier) Last() []Last {
	answer := make(chan []Last, 1)
	if !n.enqueue(func() { answer <- n.lasts() }) {
		return nil
	}
	select {
	case list := <-answer:
		return list
	case <-n.ended:
		return nil
	}
}

// Stop tells every instance STOP that was not told yet, and what is up of virtual servers
// with omega that it is down. It waits until all scripts
// have ended or have run for Patience, or until ctx is done, and ends the notifier.
// Scripts that still run then are left alone. The error names those that have not
// had their time.
func (n *Notifier) Stop(ctx context.Context) error {
	told := make(chan struct{})
	if !n.enqueue(func() { n.stop(told) }) {
		return nil // it was called before
	}
	var err error
	select {
	case <-told:
	case <-ctx.Done():
		unfinished := make(chan []string, 1)
		n.enqueue(func() { unfinished <- n.unfinished() })
		if list := <-unfinished; len(list) > 0 {
			err = fmt.Errorf("stopping: scripts have not ended in time and are left running: %s", strings.Join(list, ", "))
		}
	}
	n.enqueue(nil)
	n.mail.Close()
	<-n.ended
	return err
}

// objects yields all objects, in no order.
func (n *Notifier) objects(yield func(*object) bool) {
	for _, i := range n.instances {
		if !yield(&i.object) {
			return
		}
	}
	for _, g := range n.groups {
		if !yield(&g.object) {
			return
		}
	}
	for _, s := range n.servers {
		if !yield(&s.object) {
			return
		}
	}
	for _, s := range n.services {
		if !yield(&s.object) {
			return
		}
	}
}

func (n *Notifier) lasts() (list []Last) {
	for o := range n.objects {
		for _, l := range o.last {
			list = append(list, *l)
		}
	}
	slices.SortFunc(list, func(a, b Last) int {
		return cmp.Or(strings.Compare(a.Object, b.Object), strings.Compare(a.Script, b.Script))
	})
	return list
}

func (n *Notifier) unfinished() (list []string) {
	for o := range n.objects {
		if !o.queue.finished() {
			list = append(list, o.describe())
		}
	}
	slices.Sort(list)
	return list
}

func (n *Notifier) stop(told chan struct{}) {
	n.stopped, n.held = told, false
	for o := range n.objects {
		n.advance(o) // what Hold has kept back
	}
	for _, i := range n.instances {
		i.queue.final = true
		n.sayEnd(i, event.Stop)
	}
	for _, g := range n.groups {
		g.queue.final = true
		n.sayEnd(g, event.Stop)
	}
	for _, s := range n.services {
		n.sayQuorumEnd(s)
	}
	for _, s := range n.servers {
		n.sayServerEnd(s)
	}
	n.finishStop()
}

// finishStop ends the wait of Stop when nothing is left to do.
func (n *Notifier) finishStop() {
	if n.stopped == nil {
		return
	}
	for o := range n.objects {
		if !o.queue.finished() {
			return
		}
	}
	close(n.stopped)
	n.stopped = make(chan struct{}) // nobody waits for it
}
