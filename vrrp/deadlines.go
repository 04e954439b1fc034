package vrrp

import (
	"github.com/lvs-director/director/deadline"
	"github.com/lvs-director/director/vrrp/machine"
)

// kind says what a deadline is for. The first ones are the machine's timers.
type kind uint8

const (
	advertDue = kind(machine.AdverTimer)
	downDue   = kind(machine.DownTimer)
)

const (
	// addressRetry: addresses that could not be added are tried again.
	addressRetry = kind(machine.Timers) + iota
	// socketRetry: a socket that could not be opened is tried again.
	socketRetry
	// linkSettles: a state of an interface has lasted.
	linkSettles
	// staticRetry: static addresses, routes and rules that could not be added
	// are tried again.
	staticRetry
	// routesSuspect: it has to be looked whether routes are still there.
	routesSuspect
	// startDue: vrrp_startup_delay is over.
	startDue
	// extraDue: the periodic announcements of garp_extra_if.
	extraDue
	// vmacRetry: a virtual MAC interface that could not be made is tried again.
	vmacRetry
	// socketLook: a socket with dense traffic is looked at.
	socketLook
)

// timer is something that has to be done at a time. It lives in what it is about;
// the heap holds pointers.
type timer struct {
	deadline.Entry
	kind kind
	inst *instance  // for the machine's timers, addressRetry and extraDue
	sock *socket    // for socketRetry and socketLook
	link *linkDelay // for linkSettles
	vmac *vmac      // for vmacRetry
}

// deadlines has the earliest on top. Moving one costs no allocation.
type deadlines = deadline.Heap[*timer]
