package link

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The names of what a table of ours has. A table without them is somebody else's.
const (
	filterChain = "virtual-addresses"
	filterSet4  = "addresses4"
	filterSet6  = "addresses6"
)

// filter is one nftables table of the family inet for each name that is asked
// for: it exists while an address is blocked.
type filter struct {
	tables map[string]*filterTable
}

type filterTable struct {
	table   *nftables.Table
	v4, v6  *nftables.Set
	blocked map[netip.Addr]bool
}

// Filter implements Network.
func (*Kernel) Filter() Filter { return &filter{tables: make(map[string]*filterTable)} }

// Block implements Filter.
func (f *filter) Block(b Block) error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("opening nftables to drop packets to %s: %w", b.Address, withReason(err))
	}
	t := f.tables[b.Table]
	if t != nil && !exists(conn, b.Table) { // somebody has flushed the ruleset
		delete(f.tables, b.Table)
		t = f.renewed(conn, b, t.blocked)
		if t.blocked[b.Address] {
			// It is there again with all others.
			return f.flush(conn, t, b, nil)
		}
	}
	switch {
	case t != nil && t.blocked[b.Address]:
		return fmt.Errorf("dropping packets to %s: %w", b.Address, fs.ErrExist)
	case t == nil:
		if err := removable(conn, b.Table); err != nil {
			return err
		}
		t = f.renewed(conn, b, nil)
	}
	set, key := t.element(b.Address)
	return f.flush(conn, t, b, conn.SetAddElements(set, []nftables.SetElement{{Key: key}}))
}

// flush sends what was prepared, as one transaction.
func (f *filter) flush(conn *nftables.Conn, t *filterTable, b Block, err error) error {
	if err == nil {
		err = conn.Flush()
	}
	if err != nil {
		delete(f.tables, b.Table) // what is there has to be looked at
		return fmt.Errorf("dropping packets to %s, in nftables table %s: %w", b.Address, b.Table, withReason(err))
	}
	f.tables[b.Table] = t
	t.blocked[b.Address] = true
	return nil
}

// renewed prepares a table anew, whatever was left of it, with what it blocks.
func (f *filter) renewed(conn *nftables.Conn, b Block, blocked map[netip.Addr]bool) *filterTable {
	table := &nftables.Table{Name: b.Table, Family: nftables.TableFamilyINet}
	conn.AddTable(table) // so that there is one to delete
	conn.DelTable(table)
	t := &filterTable{table: conn.AddTable(table), blocked: make(map[netip.Addr]bool)}
	t.v4 = &nftables.Set{Table: t.table, Name: filterSet4, KeyType: nftables.TypeIPAddr}
	t.v6 = &nftables.Set{Table: t.table, Name: filterSet6, KeyType: nftables.TypeIP6Addr}
	var first4, first6 []nftables.SetElement
	for a := range blocked {
		t.blocked[a] = true
		if a.Is4() {
			first4 = append(first4, nftables.SetElement{Key: a.AsSlice()})
		} else {
			first6 = append(first6, nftables.SetElement{Key: a.AsSlice()})
		}
	}
	// Sets of this kind are always well formed.
	_ = conn.AddSet(t.v4, first4)
	_ = conn.AddSet(t.v6, first6)
	priority := nftables.ChainPriority(FilterPriority)
	policy := nftables.ChainPolicyAccept
	chain := conn.AddChain(&nftables.Chain{
		Name: filterChain, Table: t.table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: &priority, Policy: &policy,
	})
	for _, exprs := range [][]expr.Any{
		neighbourDiscovery(), dropTo(unix.NFPROTO_IPV4, 16, 4, t.v4), dropTo(unix.NFPROTO_IPV6, 24, 16, t.v6),
	} {
		conn.AddRule(&nftables.Rule{Table: t.table, Chain: chain, Exprs: exprs})
	}
	return t
}

// neighbourDiscovery accepts neighbour solicitations and advertisements.
func neighbourDiscovery() []expr.Any {
	const solicitation, advertisement = 135, 136 // RFC 4861 section 4
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_ICMPV6}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		&expr.Range{Op: expr.CmpOpEq, Register: 1, FromData: []byte{solicitation}, ToData: []byte{advertisement}},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
}

// dropTo drops packets of a family whose destination, at offset of the header,
// is in a set.
func dropTo(family byte, offset, length uint32, set *nftables.Set) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length},
		&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}
}

func (t *filterTable) element(a netip.Addr) (*nftables.Set, []byte) {
	if a.Is4() {
		return t.v4, a.AsSlice()
	}
	return t.v6, a.AsSlice()
}

func exists(conn *nftables.Conn, name string) bool {
	_, err := conn.ListTableOfFamily(name, nftables.TableFamilyINet)
	return err == nil
}

// removable says why a table of this name is not ours to replace; one that a
// former life has left is.
func removable(conn *nftables.Conn, name string) error {
	if !exists(conn, name) {
		return nil
	}
	table := &nftables.Table{Name: name, Family: nftables.TableFamilyINet}
	if _, err := conn.ListChain(table, filterChain); err != nil {
		return fmt.Errorf("there is an nftables table inet %s that is not director's: name another one with nftables in global_defs: %w", name, fs.ErrPermission)
	}
	return nil
}

// Unblock implements Filter.
func (f *filter) Unblock(b Block) error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("opening nftables: %w", withReason(err))
	}
	t := f.tables[b.Table]
	switch {
	case t == nil: // left by a former life
		if !exists(conn, b.Table) || removable(conn, b.Table) != nil {
			return nil
		}
		conn.DelTable(&nftables.Table{Name: b.Table, Family: nftables.TableFamilyINet})
	case !t.blocked[b.Address]:
		return nil
	case len(t.blocked) == 1:
		conn.DelTable(t.table)
		delete(f.tables, b.Table)
	default:
		set, key := t.element(b.Address)
		if err := conn.SetDeleteElements(set, []nftables.SetElement{{Key: key}}); err != nil {
			return fmt.Errorf("no longer dropping packets to %s: %w", b.Address, err)
		}
		delete(t.blocked, b.Address)
	}
	if err := conn.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("no longer dropping packets to %s: %w", b.Address, withReason(err))
	}
	return nil
}

// Close implements Filter. What is blocked stays so.
func (f *filter) Close() error { return nil }
