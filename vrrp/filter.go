package vrrp

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/machine"
)

// filterRank is where filters stand among the holdings.
const filterRank = 1

// defaultTable is the nftables table of no_accept unless nftables names one.
const defaultTable = "director"

// blocksOf are the addresses of an instance that packets to are dropped
// (no_accept): before the address comes until after it has gone. The address
// owner accepts always (RFC 9568 section 6.4.3).
func blocksOf(cfg *conf.Instance, addresses []conf.Address) []holding {
	if !cfg.NoAccept || cfg.Priority == machine.Owner {
		return nil
	}
	b := link.Block{Table: cmp.Or(cfg.FilterTable, defaultTable)}
	list := make([]holding, 0, len(addresses))
	for _, a := range addresses {
		b.Address = a.Prefix.Addr()
		list = append(list, blocking(b))
	}
	return list
}

func blocking(b link.Block) holding {
	return holding{place: place{what: fmt.Sprintf("filter %s %s", b.Table, b.Address)}, block: &b}
}

// parseBlock is the inverse, as far as is needed to unblock.
func parseBlock(rest string) (holding, bool) {
	table, address, ok := strings.Cut(rest, " ")
	a, err := netip.ParseAddr(address)
	if !ok || err != nil || table == "" {
		return holding{}, false
	}
	return blocking(link.Block{Table: table, Address: a}), true
}

// unguarded says why an address must not come: packets to it would have to be
// dropped, and cannot be.
func (w *addressWorker) unguarded(h holding, done outcome) error {
	if h.address == nil {
		return nil
	}
	for p, err := range done.failed {
		if b := w.book.wanted[p]; p.rank() == filterRank && b != nil && b.holding.block.Address == h.address.Prefix.Addr() {
			return fmt.Errorf("address %s is not added, because of no_accept: %w", h.address.Prefix, err)
		}
	}
	return nil
}
