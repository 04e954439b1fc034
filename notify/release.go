package notify

import (
	"context"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/program"
)

// release is a script that runs before the addresses of an object go.
type release struct {
	o       *object
	cmd     program.Command
	details Last
}

// releases are the scripts that are waited for together.
type releases struct {
	left int
	done func()
}

// BeforeRelease runs notify_release of those of the instances that are MASTER, and of their sync
// groups, beside whatever else runs for them: the addresses are to go. done is called in a
// goroutine of the notifier when all have ended or have had their time: the longest
// notify_release_timeout is the bound of all together. It is called at once when there is
// nothing to run; ids nil are all instances.
func (n *Notifier) BeforeRelease(ids []conf.InstanceID, done func()) {
	if !n.enqueue(func() { n.beforeRelease(ids, done) }) {
		done()
	}
}

func (n *Notifier) beforeRelease(ids []conf.InstanceID, done func()) {
	var list []release
	var longest time.Duration
	add := func(i *instance) {
		if i.gone || i.last.State != event.Master || i.scripts.Release.IsZero() {
			return
		}
		cmd := program.Of(i.scripts.Release, n.global)
		longest = max(longest, cmd.Timeout)
		list = append(list, release{&i.object, cmd, Last{Object: i.object.name, Script: "notify_release", State: "RELEASE"}})
	}
	members := make(map[string]bool)
	for id, i := range n.instances {
		if ids == nil || slices.Contains(ids, id) {
			add(i)
			members[id.String()] = true
		}
	}
	for _, g := range n.groups {
		if slices.ContainsFunc(g.memberIDs, func(id string) bool { return members[id] }) {
			add(g)
		}
	}
	if len(list) == 0 {
		go done()
		return
	}
	n.log.Info("running notify_release before addresses are given up", "scripts", len(list), "for_at_most", longest)
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	all := &releases{left: len(list), done: func() { cancel(); done() }}
	turns := make(chan struct{}, maxServerRuns)
	for _, r := range list {
		r.details.Exit.Argv, r.details.Exit.Started, r.details.Running = r.cmd.Argv, time.Now(), true
		r.o.ran(&r.details)
		go func() {
			exit := n.released(ctx, turns, r)
			ended := func() {
				r.details.Running, r.details.Exit = false, exit
				r.o.count(r.details.Script, exit.OK())
				n.remember(r.details)
				if !exit.OK() {
					n.log.Warn("script failed", "object", r.details.Object, "script", r.details.Script, "program", r.cmd.Argv[0],
						"reason", exit.String(), "output", exit.Output)
				}
				if all.left--; all.left == 0 {
					go all.done()
				}
			}
			n.enqueue(ended) // false: the notifier has ended, and nobody waits
		}()
	}
}

// released runs one script when it is its turn.
func (n *Notifier) released(ctx context.Context, turns chan struct{}, r release) program.Exit {
	select {
	case turns <- struct{}{}:
		defer func() { <-turns }()
		return n.runner.Run(ctx, r.cmd, func(int) {})
	case <-ctx.Done():
		now := time.Now()
		return program.Exit{Argv: r.cmd.Argv, Code: -1, Started: now, Ended: now, Err: "not run: the time for all is over"}
	}
}

// conflictCalm is how long no losing advertisement must have been heard for a conflict to be over.
const conflictCalm = 3 * time.Second

// conflicted has MASTER told once more when the other router has given up.
func (n *Notifier) conflicted(i *instance) {
	if !i.scripts.MasterAgain {
		return
	}
	if i.conflict != nil {
		i.conflict.Stop()
	}
	i.conflict = time.AfterFunc(conflictCalm, func() {
		n.enqueue(func() {
			if i.conflict == nil || i.gone || n.stopped != nil {
				return
			}
			i.conflict = nil
			if i.last.State != event.Master {
				return
			}
			n.log.Info("the other MASTER has given up: telling MASTER again", "object", i.object.name)
			n.sayAgain(i)
		})
	})
}
