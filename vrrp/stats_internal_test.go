package vrrp

import (
	"testing"
	"time"

	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/packet"
)

// TestCountersOfAnInterfaceOnlyGrow: one of its sockets is closed, and what it has counted stays.
func TestCountersOfAnInterfaceOnlyGrow(t *testing.T) {
	four, six := &socket{device: "eth0"}, &socket{device: "eth0"}
	e := &Engine{sockets: map[link.Key]*socket{{Index: 1}: four, {Index: 1, Family: link.IPv6}: six}}
	for n, s := range []*socket{four, six} {
		s.dropped[packet.UnknownVRID] = uint64(n + 1)
		s.late.add(time.Duration(n+1) * time.Second)
	}
	told := func() (dropped, late uint64, sum time.Duration) {
		s := e.stats()
		for _, n := range s.Lateness["eth0"].Counts {
			late += n
		}
		return s.Dropped["eth0"][packet.UnknownVRID.String()], late, s.Lateness["eth0"].Sum
	}
	for range 2 {
		if d, n, sum := told(); d != 3 || n != 2 || sum != 3*time.Second {
			t.Errorf("%d dropped, %d late by %v; want 3, 2, 3s", d, n, sum)
		}
		if e.sockets[link.Key{Index: 1, Family: link.IPv6}] != nil {
			delete(e.sockets, link.Key{Index: 1, Family: link.IPv6})
			e.keepCounts(six)
		}
	}
}
