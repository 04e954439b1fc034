package vrrp

import (
	"github.com/lvs-director/director/deadline"
	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/vmac"
)

// kind says what a deadline is for. The first ones are the machine's timers.
type kind uint8

const (
	advertDue = kind(machine.AdverTimer)
	downDue   = kind(machine.DownTimer)
)

const (
	// socketRetry: a socket that could not be opened is tried again.
	socketRetry = kind(machine.Timers) + iota
	// linkLasts: a state of an interface has lasted.
	linkLasts
	// routesSuspect: it has to be looked whether routes are still there.
	routesSuspect
	// startDue: vrrp_startup_delay is over.
	startDue
	// extraDue: the periodic announcements of garp_extra_if.
	extraDue
	// vmacRetry: a virtual MAC interface that could not be made is tried again.
	vmacRetry
	// vmacSweep: so is the removal of those that nobody wants.
	vmacSweep
	// conflictCheck: virtual addresses are looked for where they should not be.
	conflictCheck
	// heartbeatDue: it is time to say that this goroutine runs.
	heartbeatDue
	// socketLook: a socket with dense traffic is looked at.
	socketLook
)

// timer is something that has to be done at a time. It lives in what it is about;
// the heap holds pointers.
type timer struct {
	deadline.Entry
	kind kind
	inst *instance       // for the machine's timers and extraDue
	sock *socket         // for socketRetry and socketLook
	link *linkDelay      // for linkLasts
	vmac *vmac.Interface // for vmacRetry
}

// deadlines has the earliest on top. Moving one costs no allocation.
type deadlines = deadline.Heap[*timer]
