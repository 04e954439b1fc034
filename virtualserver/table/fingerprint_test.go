package table_test

import (
	"net/netip"
	"slices"
	"strings"
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
	mh := table.Service{Scheduler: "mh"}
	base := table.Fingerprint(mh, list(1, 2, 1), table.MaglevIndex)
	down := list(1, 2, 1)
	down[1].Weight, down[0].Counts.Active = 0, 7
	for _, same := range [][]table.Destination{list(2, 4, 2), down} {
		if got := table.Fingerprint(mh, same, table.MaglevIndex); got != base {
			t.Errorf("%+v: %s, want %s", same, got, base)
		}
	}
	turned := list(1, 2, 1)
	slices.Reverse(turned)
	for _, other := range [][]table.Destination{list(1, 1, 1), list(1, 2), turned, nil} {
		if got := table.Fingerprint(mh, other, table.MaglevIndex); got == base {
			t.Errorf("%+v has the same one", other)
		}
	}
	if len(table.FingerprintOrder(base)) != 8 || table.Fingerprint(mh, list(0, 0), table.MaglevIndex) == "" {
		t.Error("no fingerprint")
	}
	fallback := table.Service{Scheduler: "mh", Flags: table.FlagFallback}
	if got := table.Fingerprint(fallback, list(1, 2, 1), table.MaglevIndex); got != base {
		t.Errorf("with mh-fallback, which moves no slot: %s, want %s", got, base)
	}
	ports, sh := table.Service{Scheduler: "mh", Flags: table.FlagPort}, table.Service{Scheduler: "sh"}
	for _, other := range []table.Service{ports, sh} {
		if got := table.Fingerprint(other, list(1, 2, 1), table.MaglevIndex); got == base {
			t.Errorf("%s has the same one", other.Words())
		}
	}
	if got := table.Fingerprint(table.Service{Scheduler: "wlc"}, list(1), table.MaglevIndex); got != "" {
		t.Errorf("wlc: %s", got)
	}
}

// TestFingerprintDifference: what is shown of two tables names what an operator can look for.
func TestFingerprintDifference(t *testing.T) {
	one := []table.Destination{
		{Key: at("10.1.0.1:80"), Place: 1, Weight: 1}, {Key: at("10.1.0.2:80"), Place: 2, Weight: 2}}
	mh := table.Service{Scheduler: "mh"}
	changed := func(change func([]table.Destination)) string {
		list := slices.Clone(one)
		change(list)
		return table.Fingerprint(mh, list, 12)
	}
	here := table.Fingerprint(mh, one, 12)
	for there, want := range map[string]string{
		table.Fingerprint(table.Service{Scheduler: "mh", Flags: table.FlagPort}, one, 12): "mh-port",
		table.Fingerprint(table.Service{Scheduler: "sh"}, one, 12):                        "as sh there",
		table.Fingerprint(mh, one, 13):                                                    "4093 slots here and 8191 there",
		table.Fingerprint(mh, one[:1], 12):                                                "2 real servers here and 1 there",
		changed(func(l []table.Destination) { l[0].Key.Port = 81 }):                       "are others",
		changed(func(l []table.Destination) { l[0].Place = 2 }):                           "other weights",
		changed(func(l []table.Destination) { slices.Reverse(l) }):                        "another order",
	} {
		if got := table.FingerprintDifference(here, there); !strings.Contains(got, want) {
			t.Errorf("%s and %s: %q, want %q", here, there, got, want)
		}
	}
	hostile := "\x1b[2J:4093:2:1:2:3"
	if got := table.FingerprintDifference(here, hostile); strings.Contains(got, "\x1b") || got == "" {
		t.Errorf("of a hostile peer: %q", got)
	}
	for _, same := range []string{here, "", "mh"} {
		if got := table.FingerprintDifference(here, same); got != "" {
			t.Errorf("%q: %q", same, got)
		}
	}
}
