package vrrp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
)

// ErrStopped is returned by the methods of an engine that does not run any more.
var ErrStopped = errors.New("the VRRP engine has stopped")

// do has f called by the engine and waits for it.
func (e *Engine) do(ctx context.Context, f func()) error {
	finished := make(chan struct{})
	select {
	case e.commands <- func() { f(); close(finished) }:
	case <-e.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-finished:
		return nil
	case <-e.done:
		return ErrStopped
	}
}

// Apply makes cfg the configuration: the first one and every later one. An
// instance is the same as before when its conf.InstanceID is; it then keeps its
// state. resume is for the first configuration of a restarted process; it may be
// nil. causes are the events that brought cfg.
// It returns when the engine has taken the configuration; addresses follow.
// With an error nothing has changed.
func (e *Engine) Apply(ctx context.Context, cfg *conf.Config, resume map[conf.InstanceID]Resume,
	causes ...event.Number,
) error {
	var refused error
	apply := func() {
		e.causes = event.NumbersOf(causes...)
		refused = e.apply(cfg, resume)
		e.causes = ""
	}
	if err := e.do(ctx, apply); err != nil {
		return fmt.Errorf("applying a configuration: %w", err)
	}
	return refused
}

// AllowMaster lets instances become MASTER. Until it is called they listen in
// BACKUP; a restarted one that resumes MASTER does not wait for it.
func (e *Engine) AllowMaster() {
	_ = e.do(context.Background(), e.allowMaster) // one that has stopped needs no permission
}

// AwaitTable names the instances whose addresses wait, when they become MASTER, until
// the IPVS table has their virtual servers: until InTable, and for 200 ms at most. It
// replaces what was named before.
func (e *Engine) AwaitTable(ctx context.Context, ids []conf.InstanceID) error {
	return e.do(ctx, func() {
		e.tabled = make(map[conf.InstanceID]bool, len(ids))
		for _, id := range ids {
			e.tabled[id] = true
		}
	})
}

// Announce announces the addresses of an instance once more, at the pace of all announcements. It does
// nothing unless the instance has them.
func (e *Engine) Announce(ctx context.Context, id conf.InstanceID) error {
	return e.do(ctx, func() {
		if i := e.instances[id]; i != nil && i.owns && !e.stopping {
			e.announceAll(i, 1)
		}
	})
}

// InTable says that the table has the virtual servers of an instance, which went for its
// addresses for the time acquired (event.InstanceState).
func (e *Engine) InTable(ctx context.Context, id conf.InstanceID, acquired uint64) error {
	return e.do(ctx, func() {
		if i := e.instances[id]; i != nil && i.acquired == acquired {
			e.goForAddresses(i)
		}
	})
}

// Stop gives up every mastership at once, then removes the addresses if
// release is set, and returns when Run is about to.
func (e *Engine) Stop(release bool) {
	_ = e.do(context.Background(), func() { e.stop(release) })
	<-e.done
}

// Journal remembers across a crash what in the kernel is ours. Keys are texts
// such as "address eth0 10.0.0.100/32". The engine calls Held once, before
// anything else, and the others never at the same time.
type Journal interface {
	// Claim is called before something is made.
	Claim(keys ...string) error
	// Release is called after it was removed.
	Release(keys ...string) error
	// Held are the keys that were claimed and not released.
	Held() []string
}

// Options are what an Engine works with. All fields are required unless they say otherwise.
type Options struct {
	Log     *slog.Logger
	Journal Journal
	Network link.Network
	Clock   link.Clock
	// SinceBoot is how long the host has run, for vrrp_delay_after_boot. It is
	// optional: without it that has no effect.
	SinceBoot func() time.Duration
	// Alone says whether no other director and no keepalived lives in this network
	// namespace: then what carries their mark and is in no configuration was left
	// behind. It is optional and asked once, by the first Apply.
	Alone func() bool
	// Events is told every new state of an instance, from the engine's
	// goroutine: it must not block.
	Events func(event.InstanceState)
	// GroupEvents is told every new state of a sync group, in the same way. It
	// is optional.
	GroupEvents func(event.GroupState)
	// LowerHeard is told, at most once a second for each instance and in the
	// same way, that a MASTER heard a losing advertisement. It is optional.
	LowerHeard func(event.LowerHeard)
	// Refused is told, at most once a minute for each instance and reason and in the same way, that
	// an advertisement for it was refused. It is optional.
	Refused func(event.RefusedSender)
	// Host is told everything that is not right in the kernel, in the same way,
	// whenever that has changed. It is optional.
	Host func(event.HostState)
	// Heartbeat is told at least every event.HeartbeatInterval, and soon after an
	// advertisement has left, in the same way. It is optional and needs SinceBoot.
	Heartbeat func(Heartbeat)
	// Number numbers what happens to instances and groups, in the same way. It is optional.
	Number func() event.Number
	// Companion is served beside the instances. It is optional.
	Companion Companion
}

// Companion is something else that lives by the engine's clock and in its goroutine, as BFD
// sessions do. Its methods do not block, and each call does a piece of work that takes no longer
// than some advertisements: the engine's own deadlines come between two of them.
type Companion interface {
	// Next is when Fire wants to be called; false is never.
	Next() (time.Time, bool)
	Fire()
	// Ready delivers when Serve wants to be called, with that number.
	Ready() <-chan int
	Serve(number int)
	// Stop is called once, after all priority 0 was sent; the engine runs until Stopped.
	Stop()
	Stopped() bool
}

// Beside has f called in the engine's goroutine, for its companion. Track there is TrackBeside.
func (e *Engine) Beside(ctx context.Context, f func()) error { return e.do(ctx, f) }

// TrackBeside is Track for the companion, in the engine's goroutine.
func (e *Engine) TrackBeside(states ...event.TrackerState) { e.track(states) }

// Heartbeat says that the goroutine that sends advertisements runs. Times are
// those of Options.SinceBoot.
type Heartbeat struct {
	At         time.Duration
	Advertised time.Duration // when the last advertisement was sent; 0 is none yet
	// ShortestDown is the shortest time, of all instances that are MASTER, that
	// a BACKUP waits for an advertisement; 0 without a MASTER.
	ShortestDown time.Duration
}

// Resume is what is known of an instance's life in a process that died. What it
// was and still is is told quietly.
type Resume struct {
	State event.VRRPState // as last told
	Since time.Time
	// SilentFor is how long ago the last advertisement was sent. An instance that
	// was MASTER resumes within two of its advertisement intervals: its peers take
	// over after three.
	SilentFor time.Duration
	// Silenced: the process was ended because nothing was heard of it, so another
	// router may be MASTER.
	Silenced bool
	// Event and Causes are those of the state. When the instance does not go on in it, the death of
	// the process is among the causes of the next one (Apply).
	Event  event.Number
	Causes event.Numbers
}
