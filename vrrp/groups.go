package vrrp

import (
	"cmp"
	"context"
	"maps"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/track"
)

// group is a sync group. Its rules are the machine's; see machine.Follow.
type group struct {
	name    string
	members []*instance
	state   event.GroupState // the last one told
	states  []event.VRRPState
	// reason and quiet are of the last change of a member.
	reason string
	quiet  bool
	event  event.Number
	// joining: members are being brought together, and the group's state is
	// told after that.
	joining bool
	// following: the others do what one of them has done.
	following bool
}

// assignGroups puts the instances into their groups, and gives them what they
// and their group track. A group keeps what was told of it by its name.
func (e *Engine) assignGroups(cfg *conf.Config) {
	before := e.groups
	e.groups = make(map[string]*group, len(cfg.SyncGroups))
	blocks := make(map[string]*conf.SyncGroup)
	for _, c := range cfg.SyncGroups {
		for _, member := range c.Members {
			blocks[member] = c
		}
	}
	for _, i := range e.order {
		c := i.next
		block := blocks[c.Name]
		i.group, i.tracks = nil, track.ReferencesOf(c, block)
		if block == nil {
			continue
		}
		g := e.groups[block.Name]
		if g == nil {
			g = &group{name: block.Name}
			if old := before[block.Name]; old != nil {
				g.state = old.state
			}
			e.groups[block.Name] = g
		}
		i.group = g
		g.members = append(g.members, i)
	}
}

// together are the instances that share their fate with i, itself among them.
func (i *instance) together() []*instance {
	if i.group != nil {
		return i.group.members
	}
	return i.alone[:]
}

// shareFaults tells an instance and the others of its group whether they are
// in FAULT: the fault of one is the fault of all.
func (e *Engine) shareFaults(of *instance, now time.Time) {
	members := of.together()
	shared := ""
	for _, i := range members {
		if i.own != "" && i.group != nil {
			shared = "sync group " + i.group.name + ": " + i.cfg.Name + ": " + i.own
			break
		}
	}
	for _, i := range members {
		e.takeFault(i, now, cmp.Or(i.own, shared))
	}
}

func (e *Engine) takeFault(i *instance, now time.Time, fault string) {
	if fault == i.fault {
		return
	}
	if i.fault != "" && fault != "" && i.started {
		i.state.Reason = fault
		e.tellAgain(i)
	}
	i.fault = fault
	e.step(i, now, machine.Input{Kind: machine.FaultChanged, Fault: fault != "", Reason: fault})
}

// takePlace has an instance, of which it has become known whether something is
// wrong, take its place among the others of its group.
func (e *Engine) takePlace(i *instance, now time.Time) {
	g := i.group
	if g != nil {
		g.joining = true
	}
	e.shareFaults(i, now)
	e.start(i, now)
	if g != nil {
		e.join(g, now)
		g.joining = false
		e.tellGroup(g, now)
	}
}

// start begins an instance and the others of its group, once all are ready.
// One that joins a group which is MASTER already joins it there. The address
// owner would be MASTER at once, so it waits for the permission.
func (e *Engine) start(of *instance, now time.Time) {
	resume := true
	for _, i := range of.together() {
		switch {
		case !i.ready:
			return
		case !i.started:
			resume = resume && now.Before(i.resumable)
		}
	}
	e.takeHandOver(of, now)
	for _, i := range of.together() {
		if i.machine.HandedOver() {
			resume = false // a process died in the middle of it
		}
	}
	for _, i := range of.together() {
		if i.cfg.Priority == machine.Owner && !e.allowed && !resume && !i.started {
			return
		}
	}
	for _, i := range of.together() {
		if !i.started {
			i.started = true
			e.step(i, now, machine.Input{Kind: machine.Startup, Master: resume, Was: i.was.State})
		}
	}
}

// join has those in BACKUP join a group that has a MASTER: one that was added,
// or was in FAULT a moment longer than the others.
func (e *Engine) join(g *group, now time.Time) {
	for _, i := range g.members {
		if i.machine.State() == event.Master {
			e.follow(i, now, event.Master, "")
			return
		}
	}
}

// follow has the others of a group do what one that has changed makes them do.
func (e *Engine) follow(changed *instance, now time.Time, to event.VRRPState, reason string) {
	g := changed.group
	g.event = changed.state.Event
	text := "sync group " + g.name + ": " + changed.cfg.Name
	if reason != "" {
		text += ": " + reason
	}
	for _, i := range g.members {
		if i == changed {
			continue
		}
		if in, ok := machine.Follow(i.machine.State(), to); ok {
			e.step(i, now, machine.Input{Kind: in, Reason: text})
		}
	}
}

// groupChanged is called when a member has changed its state. To begin in
// BACKUP is no yielding: one that a reload adds does not end a mastership.
func (e *Engine) groupChanged(changed *instance, now time.Time, f machine.Effect) {
	g := changed.group
	if g.following {
		return // this one does: the first one speaks for all
	}
	g.reason, g.quiet, g.event = changed.cfg.Name+": "+changed.state.Reason, f.Quiet, changed.state.Event
	if f.To == event.Master || f.From == event.Master {
		g.following = true
		e.follow(changed, now, f.To, changed.state.Reason)
		g.following = false
	}
	e.tellGroup(g, now)
}

// tellGroup tells the group's state when it is a new one.
func (e *Engine) tellGroup(g *group, now time.Time) {
	g.states = g.states[:0]
	for _, i := range g.members {
		g.states = append(g.states, i.machine.State())
	}
	state := machine.GroupState(g.states)
	if g.joining || state == g.state.State {
		return
	}
	quiet := g.quiet
	if g.state.State == event.Init {
		quiet = g.was() == state // what it was before this process is nothing to tell
	}
	g.state = event.GroupState{
		Group: g.name, From: g.state.State, State: state, Since: now.Round(0), Reason: g.reason, Quiet: quiet,
		Event: e.number(), Causes: event.NumbersOf(g.event),
	}
	for _, i := range g.members {
		i.was = Resume{}
	}
	e.log.Info("sync group changed", "group", g.name,
		"from", g.state.From.String(), "to", state.String(), "reason", g.reason)
	if e.opts.GroupEvents != nil {
		e.opts.GroupEvents(g.state)
	}
}

// was is the state of the group in a process that died; INIT without one.
func (g *group) was() event.VRRPState {
	states := make([]event.VRRPState, len(g.members))
	for n, i := range g.members {
		states[n] = i.was.State
	}
	return machine.GroupState(states)
}

// announceWith has the other members of a group announce their addresses when
// one has heard a losing advertisement: its sender may have drawn all traffic.
func (e *Engine) announceWith(heard *instance, count int) {
	for _, i := range heard.group.members {
		if i != heard && i.owns {
			e.announceAll(i, count)
		}
	}
}

// HandOver has the given instances leave their mastership to other routers,
// and all other ones take part in the election. Each hand-over has a number,
// not 0: one that has come to its end by itself, because there was no other
// router, is not begun again by telling it again. The members of a sync group
// go together. It may be called before Apply brings the instances. by are the events that began or
// ended that of an instance last, and causes those behind the others.
func (e *Engine) HandOver(ctx context.Context, numbers map[conf.InstanceID]uint64,
	by map[conf.InstanceID]event.Number, causes ...event.Number) error {
	return e.do(ctx, func() {
		e.causes, e.handedBy = event.NumbersOf(causes...), maps.Clone(by)
		e.handOver(maps.Clone(numbers))
		e.causes = ""
	})
}

func (e *Engine) handOver(numbers map[conf.InstanceID]uint64) {
	e.handovers = numbers
	now := e.opts.Clock.Now()
	done := make(map[*instance]bool)
	for _, i := range e.order {
		if !done[i] {
			e.takeHandOver(i, now)
		}
		for _, member := range i.together() {
			done[member] = true
		}
	}
}

// takeHandOver begins or ends the hand-over of an instance and of its group.
func (e *Engine) takeHandOver(of *instance, now time.Time) {
	number := uint64(0)
	for _, i := range of.together() {
		number = max(number, e.handovers[i.id])
	}
	in := machine.Input{Kind: machine.HandOver}
	if number == 0 {
		in.Kind = machine.EndHandOver
	}
	g := of.group
	if g != nil {
		g.following = true // each gives its own mastership away
	}
	for _, i := range of.together() {
		if i.handover == number {
			continue
		}
		causes := e.causes
		if by := e.handedBy[i.id]; by != "" {
			e.causes = event.NumbersOf(by)
		}
		i.handover, i.ordered = number, e.causes
		e.step(i, now, in)
		if i.started {
			e.tellAgain(i)
		}
		e.causes = causes
	}
	if g == nil {
		return
	}
	g.following = false
	if of.machine.State() == event.Backup && number != 0 {
		g.reason, g.quiet = machine.HandedOver.String(), false
	}
	e.tellGroup(g, now)
}
