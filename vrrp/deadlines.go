package vrrp

import (
	"time"

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

// deadline is something that has to be done at a time. It lives in what it is
// about; the heap holds pointers.
type deadline struct {
	at    time.Time
	index int // position in the heap plus one; 0 is not in it
	kind  kind
	inst  *instance  // for the machine's timers, addressRetry and extraDue
	sock  *socket    // for socketRetry and socketLook
	link  *linkDelay // for linkSettles
	vmac  *vmac      // for vmacRetry
}

// deadlines is a binary heap, the earliest on top. Moving one costs no
// allocation, which container/heap's interfaces would.
type deadlines struct{ heap []*deadline }

func (h *deadlines) first() *deadline {
	if len(h.heap) == 0 {
		return nil
	}
	return h.heap[0]
}

// set puts d into the heap or moves it.
func (h *deadlines) set(d *deadline, at time.Time) {
	d.at = at
	if d.index == 0 {
		h.heap = append(h.heap, d)
		d.index = len(h.heap)
	}
	h.up(d.index - 1)
	h.down(d.index - 1)
}

// remove takes d out; one that is not in the heap stays so.
func (h *deadlines) remove(d *deadline) {
	if d.index == 0 {
		return
	}
	i, last := d.index-1, len(h.heap)-1
	h.swap(i, last)
	h.heap[last] = nil
	h.heap = h.heap[:last]
	d.index = 0
	if i < last {
		h.up(i)
		h.down(i)
	}
}

func (h *deadlines) swap(i, j int) {
	h.heap[i], h.heap[j] = h.heap[j], h.heap[i]
	h.heap[i].index, h.heap[j].index = i+1, j+1
}

func (h *deadlines) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.heap[i].at.Before(h.heap[parent].at) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h *deadlines) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h.heap); child++ {
			if h.heap[child].at.Before(h.heap[least].at) {
				least = child
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}
