package table_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
)

// TestFingerprint: the same servers in the same order at the same proportions have the
// same one, whatever their weights are at the moment.
func TestFingerprint(t *testing.T) {
	list := func(places ...int) (all []table.Destination) {
		for i, place := range places {
			all = append(all, table.Destination{Place: place,
				Key: conf.ServerKey{Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), Port: 80}})
		}
		return all
	}
	base := table.Fingerprint(list(1, 2, 1))
	down := list(1, 2, 1)
	down[1].Weight, down[0].Counts.Active = 0, 7
	for _, same := range [][]table.Destination{list(2, 4, 2), down} {
		if got := table.Fingerprint(same); got != base {
			t.Errorf("%+v: %s, want %s", same, got, base)
		}
	}
	turned := list(1, 2, 1)
	slices.Reverse(turned)
	for _, other := range [][]table.Destination{list(1, 1, 1), list(1, 2), turned, nil} {
		if got := table.Fingerprint(other); got == base {
			t.Errorf("%+v has the same one", other)
		}
	}
	if len(base) != 8 || table.Fingerprint(list(0, 0)) == "" {
		t.Error("no fingerprint")
	}
}
