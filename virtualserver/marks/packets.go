package marks

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"

	"github.com/lvs-director/director/conf"
)

// Packets are those whose destination is in all three ranges, of which both ends are
// included. Without ports, as in ESP, all of 0 to 65535 fits.
type Packets struct {
	First, Last                 netip.Addr
	FirstProtocol, LastProtocol conf.Protocol
	Ports                       conf.PortRange
}

// overlaps says that a packet may be in both.
func (p Packets) overlaps(o Packets) bool {
	return p.FirstProtocol <= o.LastProtocol && o.FirstProtocol <= p.LastProtocol &&
		p.Ports.First <= o.Ports.Last && o.Ports.First <= p.Ports.Last &&
		p.First.Is4() == o.First.Is4() && p.First.Compare(o.Last) <= 0 && o.First.Compare(p.Last) <= 0
}

// without are the packets of p that are not in o, which overlaps it: up to six pieces that
// do not overlap each other.
func (p Packets) without(o Packets) (pieces []Packets) {
	if p.First.Less(o.First) {
		piece := p
		piece.Last, p.First = o.First.Prev(), o.First
		pieces = append(pieces, piece)
	}
	if o.Last.Less(p.Last) {
		piece := p
		piece.First, p.Last = o.Last.Next(), o.Last
		pieces = append(pieces, piece)
	}
	if p.FirstProtocol < o.FirstProtocol {
		piece := p
		piece.LastProtocol, p.FirstProtocol = o.FirstProtocol-1, o.FirstProtocol
		pieces = append(pieces, piece)
	}
	if o.LastProtocol < p.LastProtocol {
		piece := p
		piece.FirstProtocol, p.LastProtocol = o.LastProtocol+1, o.LastProtocol
		pieces = append(pieces, piece)
	}
	if p.Ports.First < o.Ports.First {
		piece := p
		piece.Ports.Last, p.Ports.First = o.Ports.First-1, o.Ports.First
		pieces = append(pieces, piece)
	}
	if o.Ports.Last < p.Ports.Last {
		piece := p
		piece.Ports.First = o.Ports.Last + 1
		pieces = append(pieces, piece)
	}
	return pieces
}

// claim is packets and what they are wanted for.
type claim[T any] struct {
	Packets
	of T
}

// ErrTooMany: the lists have so much in common that the kernel's tables would not hold them.
var ErrTooMany = errors.New("the match lists overlap in too many places")

const (
	// maxComparisons and maxOverlaps bound the time and the memory that it takes: a second.
	maxComparisons = 64 << 20
	maxOverlaps    = 1 << 20
	// maxPieces bounds what goes into the kernel.
	maxPieces = 1 << 20
)

// disjoint gives each packet to one claim, the first in the list that wants it: the kernel
// refuses ranges that overlap. The result is in the order of the addresses.
func disjoint[T any](claims []claim[T]) ([]claim[T], error) {
	order := make([]int, len(claims))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(claims[a].First.Compare(claims[b].First), cmp.Compare(a, b))
	})
	over := make([][]int, len(claims)) // the claims that go before one
	var open []int
	comparisons, overlaps := 0, 0
	for _, i := range order {
		open = slices.DeleteFunc(open, func(j int) bool { return claims[j].Last.Less(claims[i].First) })
		if comparisons += len(open); comparisons > maxComparisons {
			return nil, ErrTooMany
		}
		for _, j := range open {
			if claims[i].overlaps(claims[j].Packets) {
				if overlaps++; overlaps > maxOverlaps {
					return nil, ErrTooMany
				}
				over[max(i, j)] = append(over[max(i, j)], min(i, j))
			}
		}
		open = append(open, i)
	}
	var list []claim[T]
	for _, i := range order {
		pieces := []Packets{claims[i].Packets}
		for _, j := range over[i] {
			var kept []Packets
			for _, p := range pieces {
				if p.overlaps(claims[j].Packets) {
					kept = append(kept, p.without(claims[j].Packets)...)
				} else {
					kept = append(kept, p)
				}
			}
			if pieces = kept; len(pieces)+len(list) > maxPieces {
				return nil, ErrTooMany
			}
		}
		for _, p := range pieces {
			list = append(list, claim[T]{p, claims[i].of})
		}
	}
	return list, nil
}
