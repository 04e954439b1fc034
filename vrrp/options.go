package vrrp

import (
	"log/slog"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
)

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
	// Events is told every new state of an instance, from the engine's
	// goroutine: it must not block.
	Events func(event.InstanceState)
	// GroupEvents is told every new state of a sync group, in the same way. It
	// is optional.
	GroupEvents func(event.GroupState)
	// LowerHeard is told, at most once a second for each instance and in the
	// same way, that a MASTER heard a losing advertisement. It is optional.
	LowerHeard func(event.LowerHeard)
	// Host is told everything that is not right in the kernel, in the same way,
	// whenever that has changed. It is optional.
	Host func(event.HostState)
}

// Resume is what is known of an instance's life in a process that died.
type Resume struct {
	WasMaster bool
	// DeadSince is how long ago that process died. An instance that was MASTER
	// resumes when it is back within two of its advertisement intervals.
	DeadSince time.Duration
}
