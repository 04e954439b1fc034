package vrrptest

import (
	"fmt"
	"io/fs"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/vrrp/link"
)

// PendErrors: after an interface was down, the next frame from it fails with
// ENETDOWN, although it is up again.
func (h *Host) PendErrors(pend bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pend = pend
}

// sendable says why no frame leaves an interface. It is called with the lock held.
func (h *Host) sendable(n *nic) error {
	if n == nil {
		return fs.ErrNotExist
	}
	if !n.Up {
		return unix.ENETDOWN
	}
	err := n.pending
	n.pending = nil
	return err
}

// Announcer implements link.Network.
func (h *Host) Announcer() link.Announcer { return announcer{h} }

type announcer struct{ h *Host }

func (a announcer) Announce(from link.Interface, addr netip.Addr) error {
	return a.tell(from, addr, false)
}

func (a announcer) AnnounceReply(from link.Interface, addr netip.Addr) error {
	return a.tell(from, addr, true)
}

func (a announcer) tell(from link.Interface, addr netip.Addr, reply bool) error {
	a.h.mu.Lock()
	n := a.h.nic(from.Name)
	err := a.h.sendable(n)
	a.h.mu.Unlock()
	if err != nil {
		return fmt.Errorf("announcing %s on %s: %w", addr, from.Name, err)
	}
	n.wire.announced(Announcement{From: a.h, Addr: addr, Reply: reply, Device: n.Name})
	return nil
}

func (a announcer) Close() error { return nil }

// Heard says whether an announcement of an address has been on a wire of the host.
func (h *Host) Heard(addr netip.Addr) bool {
	h.mu.Lock()
	var wires []*Wire
	for _, n := range h.ifaces {
		wires = append(wires, n.wire)
	}
	h.mu.Unlock()
	for _, w := range wires {
		for _, a := range w.Announcements() {
			if a.Addr == addr {
				return true
			}
		}
	}
	return false
}
