package vrrp

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/packet"
	"github.com/lvs-director/director/vrrp/resource"
	"github.com/lvs-director/director/vrrp/track"
)

// step tells a machine what happened and does what it asks for. Nothing that
// is done here may step a machine again.
func (e *Engine) step(i *instance, now time.Time, in machine.Input) {
	before := silence{interval: i.machine.MasterDownInterval(), master: i.machine.Master()}
	e.effects = i.machine.Step(now, in, e.effects[:0])
	var changed machine.Effect
	announced := 0
	for n := range e.effects {
		f := &e.effects[n]
		e.carryOut(i, now, f, before)
		switch f.Kind {
		case machine.Changed:
			changed = *f
		case machine.Announce:
			if f.Shared {
				announced = f.Count
			}
		}
	}
	if i.group == nil || e.stopping {
		return
	}
	// Only now may other machines be stepped: all effects of this one are done.
	if changed.Kind == machine.Changed {
		e.groupChanged(i, now, changed)
	}
	if announced > 0 {
		e.announceWith(i, announced)
	}
}

// silence is what a BACKUP waited for.
type silence struct {
	interval time.Duration
	master   netip.Addr
}

func (e *Engine) carryOut(i *instance, now time.Time, f *machine.Effect, before silence) {
	switch f.Kind {
	case machine.SendAdvertisement:
		e.send(i, now, f.Priority)
	case machine.SetTimer:
		if f.Timer == machine.DownTimer {
			i.held, i.graced = false, false
		}
		e.deadlines.Set(&i.timers[f.Timer], f.At)
	case machine.StopTimer:
		if f.Timer == machine.DownTimer {
			i.held = false
		}
		e.deadlines.Remove(&i.timers[f.Timer])
	case machine.AcquireAddresses:
		i.owns, i.present = true, true
		i.acquired++
		e.awaitTable(i, now)
		e.heartbeats.pause = shortestHeartbeatPause // until the next one knows better
		e.scheduleExtra(i, now)
		e.wish(i, resource.NoDoubt)
	case machine.ReleaseAddresses:
		e.release(i)
	case machine.Announce:
		e.announceAll(i, f.Count)
	case machine.Changed:
		e.report(i, now, f, before)
	case machine.Noted:
		e.note(i, now, f)
	}
}

// peerPause is the least time between two reports of another master, so that
// two routers that quarrel do not make events of each advertisement.
const peerPause = time.Second

// report tells a transition: one line, one event.
func (e *Engine) report(i *instance, now time.Time, f *machine.Effect, before silence) {
	reason := reasonText(f, before)
	e.suspectConflicts(now, i)
	level := slog.LevelInfo
	if f.To == event.Fault {
		level = slog.LevelWarn
	}
	e.log.Log(context.Background(), level, "state changed", "instance", i.cfg.Name, "from", f.From.String(), "to",
		f.To.String(),
		"reason", reason, "priority", int(i.machine.Priority()))
	if !f.Quiet {
		i.stats.became(f.To)
	}
	if f.From == event.Master && f.To != event.Master {
		i.stats.released++
	}
	i.peer, i.told = i.machine.Master(), now
	since := now
	if f.Quiet && i.was.State == f.To && !i.was.Since.IsZero() {
		since = i.was.Since
	}
	if i.group == nil {
		i.was = Resume{}
	}
	i.state = event.InstanceState{
		Instance: i.cfg.Name,
		ID:       i.cfg.ID().String(),
		From:     f.From,
		State:    f.To,
		Since:    since.Round(0),
		Priority: int(i.machine.Priority()),
		Reason:   reason,
		Peer:     i.peerText(),
		Heard:    i.heardOf(f, before),
		Quiet:    f.Quiet,

		HandOver: i.handover, HandedOver: i.machine.HandedOver(),
		Restored: i.state.Restored,
		Missing:  i.state.Missing,
		Event:    i.state.Event,
		Causes:   i.state.Causes,
	}
	e.numberTransition(i, f)
	i.tellPresence()
	e.opts.Events(i.state)
}

// Each transition and each change of a priority has a number, and names the events that made it
// happen: what the engine was told when it happened (a tracker, a configuration, a hand-over), the
// transition of another member of the sync group, or an earlier change of the priority, when the
// transition follows from the priority. Nothing is guessed: without one of these it begins here.

// number is the number of the next event; empty when nobody numbers.
func (e *Engine) number() event.Number {
	if e.opts.Number == nil {
		return ""
	}
	return e.opts.Number()
}

// numberTransition numbers the transition that i.state tells. A state that goes on keeps its number.
func (e *Engine) numberTransition(i *instance, f *machine.Effect) {
	if f.Quiet && i.state.Event != "" {
		return
	}
	if f.Quiet && i.was.State == f.To && i.was.Event != "" {
		i.state.Event, i.state.Causes = i.was.Event, i.was.Causes
		return
	}
	causes := e.causes.List()
	switch {
	case f.From == event.Init:
		causes = append(causes, i.brought.List()...)
	case f.Reason == machine.NobodyTookOver:
		causes = append(causes, i.ordered.List()...)
	case i.group != nil && (f.Reason == machine.GroupMaster || f.Reason == machine.GroupBackup):
		causes = append(causes, i.group.event)
	case f.Reason.FollowsPriority():
		causes = append(causes, i.weighed)
		if i.handover == 0 && f.To == event.Master { // it may do so since the hand-over was ended
			causes = append(causes, i.ordered.List()...)
		}
	}
	i.weighed, i.brought = "", ""
	if i.handover == 0 {
		i.ordered = ""
	}
	i.state.Event, i.state.Causes = e.number(), event.NumbersOf(causes...)
	if i.group != nil && f.Reason == machine.HandedOver {
		i.group.event = i.state.Event // groupChanged does not see it: each gives its own mastership away
	}
}

// tellAgain tells the state without a transition: something about it is new.
func (e *Engine) tellAgain(i *instance) {
	i.state.Instance = i.cfg.Name
	if p := int(i.machine.Priority()); p != i.state.Priority {
		e.weigh(i, p)
	}
	i.state.Peer = i.peerText()
	i.state.HandOver, i.state.HandedOver = i.handover, i.machine.HandedOver()
	i.state.Quiet = true
	i.tellPresence()
	e.opts.Events(i.state)
}

// weigh takes a change of the priority into what is told of an instance. One that a reload brought
// has no number yet. What moves the priority away from a transition is no cause of it: a MASTER whose
// priority has risen does not lose to a higher one because of that.
func (e *Engine) weigh(i *instance, priority int) {
	rose := priority > i.state.Priority
	i.state.Priority, i.state.Weighed = priority, track.Explain(e.tracked(i.tracks))
	if !i.started {
		return
	}
	if i.state.Event != i.weighed || i.state.Causes != e.causes {
		i.weighed = e.number()
		i.state.Event, i.state.Causes = i.weighed, e.causes
	}
	if rose == (i.state.State == event.Master) {
		i.weighed = ""
	}
}

// heard tells who the master is when that has changed.
func (e *Engine) heard(i *instance, now time.Time) {
	// Whoever has handed the mastership over waits for this.
	awaited := i.machine.HandedOver() && !i.peer.IsValid()
	if i.machine.Master() == i.peer || now.Sub(i.told) < peerPause && !awaited {
		return
	}
	i.peer, i.told = i.machine.Master(), now
	e.tellAgain(i)
}

func (i *instance) peerText() string {
	if !i.peer.IsValid() {
		return ""
	}
	return i.peer.String()
}

// reasonText is why, with what it is about.
func reasonText(f *machine.Effect, before silence) string {
	text := f.Reason.String()
	switch {
	case f.Detail != "":
		return f.Detail
	case f.Adv.Source.IsValid():
		return fmt.Sprintf("%s: priority %d from %s", text, f.Adv.Priority, f.Adv.Source)
	case f.Reason == machine.MasterSilent && before.master.IsValid():
		return fmt.Sprintf("%s of %v, the master was %s", text, before.interval, before.master)
	case f.Reason == machine.MasterSilent:
		return fmt.Sprintf("%s of %v", text, before.interval)
	}
	return text
}

// heardOf is the router whose advertisement, or silence, is the reason of a transition; empty is none.
func (i *instance) heardOf(f *machine.Effect, before silence) string {
	switch {
	case f.Detail != "":
		return ""
	case f.Adv.Source.IsValid():
		return f.Adv.Source.String()
	}
	switch f.Reason {
	case machine.MasterResigned:
		if i.resigned.IsValid() {
			return i.resigned.String()
		}
	case machine.MasterSilent, machine.Preempting, machine.PreemptDelayOver:
		if before.master.IsValid() {
			return before.master.String()
		}
	}
	return ""
}

// note logs what a machine found unexpected, and tells of a losing advertisement.
func (e *Engine) note(i *instance, now time.Time, f *machine.Effect) {
	if f.Reason == machine.LowerPriority && i.machine.State() == event.Master &&
		e.opts.LowerHeard != nil && (i.lowerTold.IsZero() || now.Sub(i.lowerTold) >= peerPause) {
		i.lowerTold = now
		e.opts.LowerHeard(event.LowerHeard{
			Instance: i.cfg.Name, ID: i.cfg.ID().String(), Priority: int(f.Adv.Priority), Sender: f.Adv.Source.String(),
			At: now.Round(0), Event: e.number(), Causes: event.NumbersOf(i.weighed),
		})
	}
	if n, ok := i.limits.allow(f.Reason.String(), now); ok {
		e.log.Info("unexpected advertisement", "instance", i.cfg.Name, "state", i.machine.State().String(),
			"reason", reasonText(f, silence{}), "times", n)
	}
}

// remark logs what is unusual about an advertisement that was accepted.
func (e *Engine) remark(i *instance, notes packet.Notes, now time.Time) {
	notes &^= packet.IntervalMismatch // the machine notes it
	if notes == 0 {
		return
	}
	i.odd.at, i.odd.notes, i.odd.sender = now, notes, e.adv.Source
	i.odd.addresses = i.odd.addresses[:0]
	if notes&packet.AddressMismatch != 0 {
		i.odd.addresses = append(i.odd.addresses, e.adv.Addresses...)
	}
	if n, ok := i.limits.allow(notes.String(), now); ok {
		attrs := []any{"instance", i.cfg.Name, "reason", notes.String(), "sender", e.adv.Source.String()}
		if detail := i.odd.detail(i.rules.Addresses); detail != "" {
			attrs = append(attrs, "addresses", detail)
		}
		e.log.Warn("accepted an unusual advertisement", append(attrs, "times", n)...)
	}
}

// odd is the last advertisement that was remarked on. Its detail is made when it is
// told: not for each one.
type odd struct {
	at        time.Time
	notes     packet.Notes
	sender    netip.Addr
	addresses []netip.Addr // its own, with AddressMismatch
}

// detail is which addresses are not those of own; empty without AddressMismatch.
func (o *odd) detail(own []netip.Addr) string {
	if o.notes&packet.AddressMismatch == 0 {
		return ""
	}
	return packet.DifferentAddresses(o.addresses, own)
}

// told is the form in which it is told, own being the configured addresses; nil when there was none.
func (o *odd) told(own []netip.Addr) *event.OddAdvertisement {
	if o.at.IsZero() {
		return nil
	}
	return &event.OddAdvertisement{Sender: o.sender.String(), Reason: o.notes.String(), Detail: o.detail(own),
		Last: o.at.Round(0)}
}

// dropped counts a refused packet and says so, the first time and then once a
// minute. Foreign virtual routers on the same link are no news, unless they are
// asked for (log_unknown_vrids): then each of them is told once a minute.
func (e *Engine) dropped(s *socket, i *instance, reason packet.DropReason, now time.Time) {
	level := slog.LevelWarn
	e.contest(s.strangers.heard(&e.adv, reason, now), now)
	if i == nil {
		s.dropped[reason]++
		remark := reason.String()
		if reason == packet.UnknownVRID {
			level = slog.LevelDebug
			if e.logUnknown {
				level, remark = slog.LevelInfo, unknownVRIDs[e.adv.VRID]
			}
		}
		if n, ok := s.limits.allow(remark, now); ok {
			e.log.Log(context.Background(), level, "packet dropped", "interface", s.device, "reason", reason.String(),
				"sender", e.adv.Source.String(), "vrid", int(e.adv.VRID), "times", n)
		}
		return
	}
	i.stats.dropped[reason]++
	if n, ok := i.limits.allow(reason.String(), now); ok {
		e.log.Log(context.Background(), level, "packet dropped", "instance", i.cfg.Name, "interface", s.device,
			"reason", reason.String(),
			"sender", e.adv.Source.String(), "vrid", int(e.adv.VRID), "times", n)
		if e.opts.Refused != nil {
			e.opts.Refused(event.RefusedSender{
				Instance: i.cfg.Name, Sender: e.adv.Source.String(), Reason: reason.String(), Times: n, At: now.Round(0),
				Event: e.number(),
			})
		}
	}
}

// unknownVRIDs are the remarks about foreign virtual routers.
var unknownVRIDs = func() (list [256]string) {
	for vrid := range list {
		list[vrid] = fmt.Sprintf("%s %d", packet.UnknownVRID, vrid)
	}
	return list
}()
