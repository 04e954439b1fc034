package resource

import (
	"net/netip"
	"strings"

	"github.com/lvs-director/director/vrrp/link"
)

// Filter drops packets to a virtual address that is not to be accepted
// (no_accept): it comes before the address and goes after it.
type Filter struct{ link.Block }

// FilterKey is the nftables table and the address.
type FilterKey link.Block

// Kind implements Key.
func (FilterKey) Kind() Kind { return KindFilter }

// Journal implements Key.
func (k FilterKey) Journal() string { return "filter " + k.Table + " " + k.Address.String() }

// Attrs implements Key.
func (k FilterKey) Attrs() []any { return []any{"filter", k.Table + " " + k.Address.String()} }

// String implements Key.
func (k FilterKey) String() string {
	return "filter for " + k.Address.String() + " in nftables table " + k.Table
}

func parseFilter(rest string) (Filter, bool) {
	table, text, _ := strings.Cut(rest, " ")
	a, err := netip.ParseAddr(text)
	return Filter{link.Block{Table: table, Address: a}}, err == nil && table != ""
}

// Key implements Resource.
func (f Filter) Key() Key { return FilterKey(f.Block) }

// Tracked implements Resource.
func (Filter) Tracked() bool { return true }

// TrackGroup implements Resource.
func (Filter) TrackGroup() string { return "" }

// Devices implements Resource.
func (Filter) Devices() []string { return nil }

func (f Filter) same(other Resource) bool { return f.Key() == other.Key() }

func (f Filter) create(k *Kernel) error { return k.Filter.Block(f.Block) }

func (f Filter) remove(k *Kernel) error { return k.Filter.Unblock(f.Block) }
