package vrrp

import (
	"fmt"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
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
		s := e.interfaceStats()
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

// TestCountersAreReadInTurns: between two parts the engine does what is due, and a reload in the meantime
// neither hides an instance nor tells one twice.
func TestCountersAreReadInTurns(t *testing.T) {
	const instances = 3*countedAtOnce + 1
	e := &Engine{commands: make(chan func()), done: make(chan struct{})}
	for n := range instances {
		i := &instance{cfg: &conf.Instance{Name: fmt.Sprint(n)}, stats: counters{sent: uint64(n)}}
		e.order = append(e.order, i)
	}
	before := e.order
	turns := make(chan int)
	go func() {
		n := 0
		for f := range e.commands {
			f()
			n++
			e.order = []*instance{{cfg: &conf.Instance{Name: "new"}}}
		}
		turns <- n
	}()
	s, err := e.StatsAndClear(t.Context())
	close(e.commands)
	if n := <-turns; n < instances/countedAtOnce+1 {
		t.Errorf("%d turns for %d instances", n, instances)
	}
	if err != nil || len(s.Instances) != instances {
		t.Fatalf("%d instances are told, %v", len(s.Instances), err)
	}
	for n, i := range before {
		if got := s.Instances[fmt.Sprint(n)].Sent; got != uint64(n) || i.stats.sent != 0 {
			t.Errorf("instance %d: %d is told, and %d is left after it was cleared", n, got, i.stats.sent)
		}
	}
}
