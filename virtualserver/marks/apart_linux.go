package marks

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/lvs-director/director/nft"
)

// A transaction is made as a whole or not at all: one element that the kernel refuses
// would take all lists with it. So those that it takes are found, and put.

// maxPuts bounds the transactions that it takes to find what the kernel refuses.
const maxPuts = 200

// maxNamed is how many of them an error names.
const maxNamed = 3

// element is one of a table's.
type element struct {
	set string
	key nft.Key
}

func flatten(all nft.Elements) (list []element) {
	for set, keys := range all {
		for key := range keys {
			list = append(list, element{set, key})
		}
	}
	return list
}

func gather(lists ...[]element) nft.Elements {
	all := make(nft.Elements)
	for _, list := range lists {
		for _, e := range list {
			if all[e.set] == nil {
				all[e.set] = make(map[nft.Key]bool)
			}
			all[e.set][e.key] = true
		}
	}
	return all
}

// isRefusal says whether an error is about an element, and not about nftables.
func isRefusal(err error) bool {
	for _, e := range []syscall.Errno{syscall.EINVAL, syscall.EEXIST, syscall.ENOTEMPTY, syscall.ERANGE,
		syscall.EOVERFLOW} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// putApart puts what the kernel takes of the wanted elements, which it has refused as a
// whole, and gives what it refuses. Those of good, which it had at the last time, stay in
// place all the while. The error says that nothing more can be put.
func putApart(wanted, good nft.Elements, put func(nft.Elements) error) (kept nft.Elements, refused []element,
	err error) {
	var stay, fresh []element
	for _, e := range flatten(wanted) {
		if good[e.set][e.key] {
			stay = append(stay, e)
		} else {
			fresh = append(fresh, e)
		}
	}
	puts := 0
	parts := [][]element{fresh}
	for len(parts) > 0 {
		part := parts[len(parts)-1]
		parts = parts[:len(parts)-1]
		if puts++; puts > maxPuts {
			refused = append(refused, part...)
			continue
		}
		err := put(gather(stay, part))
		switch {
		case err == nil:
			stay = append(stay, part...)
		case !isRefusal(err):
			return nil, nil, err
		case len(part) <= 1:
			refused = append(refused, part...)
		default:
			parts = append(parts, part[:len(part)/2], part[len(part)/2:])
		}
	}
	return gather(stay), refused, nil
}

// name says which packets the elements are for.
func (r Rules) name(refused []element) string {
	is := make(map[element]bool, len(refused))
	for _, e := range refused {
		is[e] = true
	}
	var names []string
	seen := make(map[string]bool)
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, m := range r.Marks {
		if is[m.element()] {
			add(fmt.Sprintf("packets to %s for firewall mark %d", m.First, m.Mark))
		}
	}
	for _, s := range r.Sources {
		for _, e := range r.sourceElements(s) {
			if is[e] {
				add(fmt.Sprintf("packets to %s on the way to real server %s", s.First, s.Server))
			}
		}
	}
	if more := len(names) - maxNamed; more > 0 {
		names = append(names[:maxNamed], fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}
