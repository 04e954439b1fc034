//go:build linux

package main

import (
	"net/netip"
	"testing"
	"time"
)

func TestTell(t *testing.T) {
	began := time.Unix(1000, 0)
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	var changes []change
	at := func(ms int, host int, addr netip.Addr, came bool) {
		changes = append(changes, change{began.Add(time.Duration(ms) * time.Millisecond), host, addr, came})
	}
	at(100, 1, a, true) // the worse node first
	at(110, 0, b, true)
	at(110, 0, b, true) // reported twice
	at(300, 0, a, true)
	at(350, 1, a, false)
	at(900, 1, b, true) // and it stays: both have the address until the end
	end := began.Add(time.Second)

	got := tell(changes, began, end)
	want := story{Both: 100 * time.Millisecond, Shared: 2, Changes: 1, Moved: 2, Last: 900 * time.Millisecond, Came: 4}
	if got != want {
		t.Errorf("tell: %+v, want %+v", got, want)
	}
	got = tell(changes, began.Add(200*time.Millisecond), end)
	if got.Moved != 2 || got.Last != 700*time.Millisecond || got.Came != 2 {
		t.Errorf("tell from a later moment: %+v", got)
	}
}
