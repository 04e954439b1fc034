package vrrptest

import (
	"fmt"
	"io/fs"
	"net/netip"

	"github.com/lvs-director/director/vrrp/link"
)

// Blocked says whether packets to an address are dropped.
func (h *Host) Blocked(address string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.blocked[netip.MustParseAddr(address)] != ""
}

// RefuseFilters makes dropping packets fail with err until it is nil.
func (h *Host) RefuseFilters(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuseFilters = err
}

// Filter implements link.Network.
func (h *Host) Filter() link.Filter { return filter{h} }

type filter struct{ h *Host }

func (f filter) Block(b link.Block) error {
	f.h.mu.Lock()
	defer f.h.mu.Unlock()
	switch {
	case f.h.refuseFilters != nil:
		return f.h.refuseFilters
	case f.h.blocked[b.Address] == b.Table:
		return fmt.Errorf("blocking %s: %w", b.Address, fs.ErrExist)
	case f.h.blocked == nil:
		f.h.blocked = make(map[netip.Addr]string)
	}
	f.h.blocked[b.Address] = b.Table
	return nil
}

func (f filter) Unblock(b link.Block) error {
	f.h.mu.Lock()
	defer f.h.mu.Unlock()
	delete(f.h.blocked, b.Address)
	return nil
}

func (f filter) Blocked() ([]link.Block, error) {
	f.h.mu.Lock()
	defer f.h.mu.Unlock()
	var list []link.Block
	for a, table := range f.h.blocked {
		list = append(list, link.Block{Table: table, Address: a})
	}
	return list, nil
}

func (f filter) Repairs() <-chan link.FilterRepair { return f.h.repairs }

func (f filter) Close() error { return nil }
