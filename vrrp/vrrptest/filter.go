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

// FlushRuleset does what "nft flush ruleset" does: nothing is dropped any more.
// The kernel's filter notices that by itself and puts it back at once, unless
// filters are refused; both it tells.
func (h *Host) FlushRuleset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	tables := make(map[string]bool)
	for a, table := range h.blocked {
		tables[table] = true
		if h.refuseFilters != nil {
			delete(h.blocked, a)
		}
	}
	for table := range tables {
		h.repaired++
		if h.repairs == nil {
			continue
		}
		h.repairs <- link.FilterRepair{
			Table: table, Missing: []string{"the table"}, Err: h.refuseFilters, Count: h.repaired,
		}
	}
}

// Filter implements link.Network.
func (h *Host) Filter() link.Filter {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.repairs = make(chan link.FilterRepair, eventBuffer)
	return filter{h, h.repairs}
}

type filter struct {
	h       *Host
	repairs chan link.FilterRepair
}

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

func (f filter) Repairs() <-chan link.FilterRepair { return f.repairs }

func (f filter) Close() error {
	f.h.mu.Lock()
	defer f.h.mu.Unlock()
	if f.h.repairs == f.repairs {
		close(f.repairs)
		f.h.repairs = nil
	}
	return nil
}
