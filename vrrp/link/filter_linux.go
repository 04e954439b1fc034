package link

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/nft"
)

// The names of what a table of ours has.
const (
	filterChain = "virtual-addresses"
	filterSet4  = "addresses4"
	filterSet6  = "addresses6"
)

// filter is one nftables table of the family inet for each name that is asked
// for: it exists while an address is blocked.
type filter struct{ guard *nft.Guard }

// Filter implements Network.
func (*Kernel) Filter() Filter { return filter{nft.NewGuard(FilterPeriod)} }

// Block implements Filter.
func (f filter) Block(b Block) error {
	set, key := filterElement(b.Address)
	added := false
	err := f.guard.Use(filterRules(b.Table), func(k *nft.Keeper) (err error) {
		added, err = k.Add(set, key)
		return err
	})
	switch {
	case errors.Is(err, nft.ErrForeign):
		return fmt.Errorf("nftables table inet %s is not director's: name another one with nftables in global_defs: %w",
			b.Table, fs.ErrPermission)
	case err != nil:
		return fmt.Errorf("dropping packets to %s: %w", b.Address, err)
	case !added:
		return fmt.Errorf("dropping packets to %s: %w", b.Address, fs.ErrExist)
	}
	return nil
}

// Unblock implements Filter.
func (f filter) Unblock(b Block) error {
	set, key := filterElement(b.Address)
	err := f.guard.Use(filterRules(b.Table), func(k *nft.Keeper) error { return k.Remove(set, key) })
	if err != nil {
		return fmt.Errorf("ending the dropping of packets to %s: %w", b.Address, err)
	}
	return nil
}

// Blocked implements Filter.
func (filter) Blocked() ([]Block, error) {
	names, err := nft.Marked()
	if err != nil {
		return nil, fmt.Errorf("looking for addresses that packets are dropped to: %w", err)
	}
	var list []Block
	for _, name := range names {
		k := nft.NewKeeper(filterRules(name))
		elements, err := k.Elements()
		k.Close()
		if err != nil {
			return nil, fmt.Errorf("looking for addresses that packets are dropped to: %w", err)
		}
		for _, keys := range elements {
			for key := range keys {
				if a, ok := netip.AddrFromSlice([]byte(key)); ok {
					list = append(list, Block{Table: name, Address: a})
				}
			}
		}
	}
	return list, nil
}

// Repairs implements Filter.
func (f filter) Repairs() <-chan FilterRepair { return f.guard.Repairs() }

// Close implements Filter.
func (f filter) Close() error {
	f.guard.Close()
	return nil
}

// filterRules is a table that drops packets to the addresses in its sets.
func filterRules(name string) nft.Table {
	return nft.Table{
		Name: name,
		Sets: []nft.Set{{Name: filterSet4, Key: nft.TypeIPv4Address}, {Name: filterSet6, Key: nft.TypeIPv6Address}},
		Chains: []nft.Chain{{
			Name: filterChain, Hook: unix.NF_INET_LOCAL_IN, Priority: FilterPriority,
			Rules: []nft.Rule{
				neighbourDiscovery(),
				dropTo(unix.NFPROTO_IPV4, 16, 4, filterSet4),
				dropTo(unix.NFPROTO_IPV6, 24, 16, filterSet6),
			},
		}},
	}
}

// neighbourDiscovery accepts neighbour solicitations and advertisements.
func neighbourDiscovery() nft.Rule {
	const solicitation, advertisement = 135, 136 // RFC 4861 section 4
	return nft.Rule{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_ICMPV6}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		&expr.Range{Op: expr.CmpOpEq, Register: 1, FromData: []byte{solicitation}, ToData: []byte{advertisement}},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
}

// dropTo drops packets of a family whose destination, at offset of the header,
// is in a set.
func dropTo(family byte, offset, length uint32, set string) nft.Rule {
	return nft.Rule{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length},
		&expr.Lookup{SourceRegister: 1, SetName: set},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}
}

// filterElement is the set and the key of an address.
func filterElement(a netip.Addr) (set string, key nft.Key) {
	if a.Is4() {
		return filterSet4, nft.Key(a.AsSlice())
	}
	return filterSet6, nft.Key(a.AsSlice())
}
