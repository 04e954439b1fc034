package packet

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxListed is how many addresses of each side DifferentAddresses lists.
const maxListed = 8

// DifferentAddresses lists the addresses that only the advertisement (got) or
// only the configuration (want) has.
func DifferentAddresses(got, want []netip.Addr) string {
	var parts []string
	if extra := without(got, want); extra != "" {
		parts = append(parts, "only in the advertisement: "+extra)
	}
	if missing := without(want, got); missing != "" {
		parts = append(parts, "only configured here: "+missing)
	}
	if parts == nil {
		return "an address is advertised more than once"
	}
	return strings.Join(parts, "; ")
}

// without lists the addresses of list that are not in other.
func without(list, other []netip.Addr) string {
	var names []string
	more := 0
	for _, a := range list {
		switch {
		case slices.Contains(other, a):
		case len(names) == maxListed:
			more++
		default:
			names = append(names, a.String())
		}
	}
	text := strings.Join(names, ", ")
	if more > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	return text
}
