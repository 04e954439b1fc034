package packet

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// mostNamed is how many addresses of each side DifferentAddresses names.
const mostNamed = 8

// DifferentAddresses says which addresses an advertisement has that are not
// expected, and which it lacks.
func DifferentAddresses(got, want []netip.Addr) string {
	var parts []string
	if more := without(got, want); more != "" {
		parts = append(parts, "only in the advertisement: "+more)
	}
	if less := without(want, got); less != "" {
		parts = append(parts, "only here: "+less)
	}
	if parts == nil {
		return "one address is advertised more than once"
	}
	return strings.Join(parts, "; ")
}

// without names the addresses of list that are not in other.
func without(list, other []netip.Addr) string {
	var names []string
	more := 0
	for _, a := range list {
		switch {
		case slices.Contains(other, a):
		case len(names) == mostNamed:
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
