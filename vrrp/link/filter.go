package link

import "net/netip"

// Filter drops what is sent to virtual addresses that are not to be accepted
// (RFC 9568 section 6.1, Accept_Mode; keepalived's no_accept). One goroutine
// uses it.
type Filter interface {
	// Block drops packets to an address, but for neighbour discovery, which
	// must never be (RFC 9568 section 6.1). The error is fs.ErrExist when they
	// are dropped already.
	Block(b Block) error
	// Unblock ends that. It is not an error when nothing was blocked.
	Unblock(b Block) error
	Close() error
}

// FilterPriority is that of the chain in the hook input: keepalived's, before
// the filter of an ordinary firewall, and before IPVS.
const FilterPriority = -1

// Block is an address that packets are dropped to, and the nftables table of
// the family inet that says so.
type Block struct {
	Table   string
	Address netip.Addr
}
