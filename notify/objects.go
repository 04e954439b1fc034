package notify

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/program"
)

// instance is a VRRP instance, or a sync group, with its scripts.
type instance struct {
	object
	word    string // INSTANCE or GROUP
	name    string // in the configuration, which a reload may change
	scripts conf.NotifyScripts
	members string // of a group: their identities
	// memberIDs are the same, one by one.
	memberIDs []string
	// conflict fires when another router that was MASTER too has given up; nil when there is none.
	conflict *time.Timer
	// priorities: changes of its priority are told (notify_priority_changes).
	priorities bool
	last       event.InstanceState // the last one that was heard; State is Init before the first
}

func (n *Notifier) apply(cfg *conf.Config) {
	n.global = cfg.Global
	for _, l := range n.listeners {
		l.Apply(cfg)
	}
	n.applyInstances(cfg)
	n.applyGroups(cfg)
	n.applyServers(cfg)
	n.applyServices(cfg)
	n.configured = true
	n.finishStop()
}

func (n *Notifier) applyInstances(cfg *conf.Config) {
	configured := make(map[conf.InstanceID]bool)
	groupsPriorities := make(map[string]bool) // by name: notify_priority_changes of a group is for its members
	for _, g := range cfg.SyncGroups {
		groupsPriorities[g.Name] = g.NotifyPriorityChanges
	}
	for _, c := range cfg.Instances {
		id := c.ID()
		configured[id] = true
		i := n.instances[id]
		if i == nil {
			i = newInstance("INSTANCE", c.Name)
			n.instances[id] = i
		}
		i.rename(c.Name)
		i.scripts, i.gone, i.priorities = c.Notify, false, c.NotifyPriorityChanges || groupsPriorities[c.SyncGroup]
	}
	for id, i := range n.instances {
		if !configured[id] {
			i.leaves(func() { delete(n.instances, id) })
			n.sayDeleted(i)
			n.forget(&i.object)
		}
	}
}

// instance finds the instance that an event is about: by its identity, or by its
// name where an older director has sent the event.
func (n *Notifier) instance(id, name string) *instance {
	if id, err := conf.ParseInstanceID(id); err == nil {
		return n.instances[id]
	}
	for _, i := range n.instances {
		if i.name == name {
			return i
		}
	}
	return nil
}

// rename gives an instance the name that it has in a new configuration.
func (i *instance) rename(name string) {
	if i.name == name {
		return
	}
	i.name, i.object.name = name, i.word+" "+name
	for _, l := range i.object.last {
		l.Object = i.object.name
	}
}

func newInstance(word, name string) *instance {
	return &instance{object: newObject(word + " " + name), word: word, name: name}
}

// applyGroups takes the sync groups. The scripts of one that is gone are told nothing.
func (n *Notifier) applyGroups(cfg *conf.Config) {
	configured := make(map[string]bool)
	for _, c := range cfg.SyncGroups {
		configured[c.Name] = true
	}
	for _, c := range cfg.SyncGroups {
		ids := membersOf(cfg, c)
		members := strings.Join(ids, " ")
		g := n.groups[c.Name]
		if g == nil {
			g = n.renamedGroup(configured, members)
		}
		if g == nil {
			g = newInstance("GROUP", c.Name)
		}
		g.rename(c.Name)
		n.groups[c.Name] = g
		g.scripts, g.members, g.memberIDs, g.gone = c.Notify, members, ids, false
	}
	for name, g := range n.groups {
		if !configured[name] {
			g.leaves(func() { delete(n.groups, name) })
			n.forget(&g.object)
		}
	}
}

// renamedGroup takes out the group that has the same members and is not configured
// under its name any more: it is the same one. A rename tells nothing.
func (n *Notifier) renamedGroup(configured map[string]bool, members string) *instance {
	for name, g := range n.groups {
		if !configured[name] && !g.gone && members != "" && g.members == members {
			delete(n.groups, name)
			return g
		}
	}
	return nil
}

// membersOf are the identities of the members of a sync group, in their order.
func membersOf(cfg *conf.Config, g *conf.SyncGroup) []string {
	var ids []string
	for _, i := range cfg.Instances {
		if slices.Contains(g.Members, i.Name) {
			ids = append(ids, i.ID().String())
		}
	}
	slices.Sort(ids)
	return ids
}

// forget drops an object that is gone from the configuration when no script of it waits or runs.
func (n *Notifier) forget(o *object) {
	if o.gone && o.drop != nil && o.queue.idle() {
		o.drop()
	}
}

// leaves notes that an object is gone from the configuration; drop forgets it.
func (o *object) leaves(drop func()) { o.gone, o.drop = true, drop }

// transition takes the state of an instance or a group; nil is one that is not
// configured. Scripts are told of changes only: not of a state that was taken
// over from a worker before, and not of one that they were told already.
func (n *Notifier) transition(i *instance, s event.InstanceState) {
	if i == nil || i.gone || n.stopped != nil {
		return
	}
	if s.State == event.Init {
		return // of a worker that has just started; what was told before still counts
	}
	before := i.last
	i.last = s
	if s.Quiet || s.State == before.State {
		if s.State == before.State && s.Priority != before.Priority {
			n.prioritised(i)
		}
		return
	}
	i.cause = s.Event
	n.say(i, s.State)
}

func (n *Notifier) lowerHeard(i *instance, cause event.Number) {
	if i == nil || i.gone || n.stopped != nil || i.last.State != event.Master {
		return
	}
	n.happened(i.happening(MasterRxLowerPri))
	n.conflicted(i)
	for _, g := range n.groups {
		if g.last.State == event.Master && slices.Contains(g.memberIDs, i.last.ID) {
			n.conflicted(g)
		}
	}
	if i.scripts.RxLowerPriority.IsZero() || i.queue.waitsFor(rxLowerPriority) {
		return
	}
	cmd := program.Of(i.scripts.RxLowerPriority, n.global)
	n.tellBeside(&i.object, step{rxLowerPriority, MasterRxLowerPri, cmd, cause})
}

// rxLowerPriority is the keyword of the script of a losing advertisement.
const rxLowerPriority = "notify_master_rx_lower_pri"

// sayEnd tells an instance its last state, unless it was told before or never had one.
func (n *Notifier) sayEnd(i *instance, state event.VRRPState) {
	if i.last.State == event.Init || i.last.State == event.Stop || i.last.State == state {
		return
	}
	i.last.From, i.last.State, i.last.Since = i.last.State, state, time.Now()
	n.say(i, state)
}

// sayDeleted tells an instance that a reload has removed it: DELETED with
// notify_deleted, otherwise FAULT, as with keepalived.
func (n *Notifier) sayDeleted(i *instance) {
	if i.scripts.Deleted.IsZero() && !i.scripts.SayDeleted {
		n.sayEnd(i, event.Fault)
	} else if i.last.State != event.Init && i.last.State != event.Stop {
		n.happened(i.happening("DELETED"))
		n.sayBoth(i, i.scripts.Deleted, "notify_deleted", "DELETED")
	}
}

// sayAgain queues the scripts of the present state although it was told.
func (n *Notifier) sayAgain(i *instance) {
	h := i.happening(i.last.State.String())
	h.Again = true
	n.happened(h)
	n.queueState(i, i.last.State)
}

// say queues the scripts of a state.
func (n *Notifier) say(i *instance, state event.VRRPState) {
	n.happened(i.happening(state.String()))
	n.queueState(i, state)
}

func (n *Notifier) queueState(i *instance, state event.VRRPState) {
	var specific conf.Script
	var keyword string
	switch state {
	case event.Master:
		specific, keyword = i.scripts.Master, "notify_master"
	case event.Backup:
		specific, keyword = i.scripts.Backup, "notify_backup"
	case event.Fault:
		specific, keyword = i.scripts.Fault, "notify_fault"
	case event.Stop:
		specific, keyword = i.scripts.Stop, "notify_stop"
	}
	n.sayBoth(i, specific, keyword, state.String())
}

// sayBoth queues the specific script of a state and then the generic one.
func (n *Notifier) sayBoth(i *instance, specific conf.Script, keyword, state string) {
	var steps []step
	if !specific.IsZero() {
		steps = append(steps, step{keyword, state, program.Of(specific, n.global), i.cause})
	}
	if !i.scripts.Any.IsZero() {
		steps = append(steps, step{"notify", state, program.Of(i.scripts.Any, n.global,
			i.word, i.name, state, strconv.Itoa(i.last.Priority)), i.cause})
	}
	n.tell(&i.object, steps)
}
