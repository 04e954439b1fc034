package link

import (
	"net/netip"
	"time"

	"github.com/lvs-director/director/nft"
)

// Filter drops what is sent to virtual addresses that are not to be accepted
// (RFC 9568 section 6.1, Accept_Mode; keepalived's no_accept). It watches over
// what it blocks and puts back what somebody else removes. One goroutine calls
// Block and Unblock.
type Filter interface {
	// Block drops packets to an address, but for neighbour discovery, which
	// must never be (RFC 9568 section 6.1). The error is fs.ErrExist when they
	// are dropped already.
	Block(b Block) error
	// Unblock ends that. It is not an error when nothing was blocked.
	Unblock(b Block) error
	// Blocked lists what tables of director's drop in this network namespace,
	// whichever life of which director has put it there.
	Blocked() ([]Block, error)
	// Repairs tells what was put back, until Close. What nobody reads in time
	// is counted in the next one.
	Repairs() <-chan FilterRepair
	// Close ends the watching. What is blocked stays so.
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

// FilterRepair is one repair of a filter table that somebody else has changed, or a
// failed attempt at one; until it succeeds, packets arrive that are to be dropped.
type FilterRepair = nft.Repair

// FilterPeriod is how often filters are verified when no notification comes,
// and the shortest time between two repairs of a table: a program that fights
// for it costs no more than that.
const FilterPeriod = time.Second
