package vrrp

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

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

// repairLogEvery is how often a repeated repair is logged at most.
const repairLogEvery = time.Minute

// reportRepairs logs what the filters say until they are closed.
func reportRepairs(repairs <-chan link.FilterRepair, log *slog.Logger) {
	last := make(map[string]time.Time)
	for r := range repairs {
		if at, before := last[r.Table]; before && time.Since(at) < repairLogEvery && r.Err == nil {
			continue
		}
		last[r.Table] = time.Now()
		if r.Err != nil {
			log.Error("failed to put the nftables table of no_accept back: packets to its virtual addresses are accepted",
				"table", r.Table, "error", r.Err)
			continue
		}
		log.Warn("something else changed the nftables table of no_accept: put back",
			"table", r.Table, "missing", strings.Join(r.Missing, ", "), "times", r.Count)
	}
}
