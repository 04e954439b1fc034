package event_test

import (
	"net/netip"
	"testing"

	"github.com/lvs-director/director/event"
)

// TestCutOff: what else is not reached is named, and nothing is said of a host that reaches all others.
func TestCutOff(t *testing.T) {
	gateway := []netip.Addr{netip.MustParseAddr("10.0.0.1")}
	for _, c := range []struct {
		name  string
		gone  []netip.Addr
		peers []string
		want  string
	}{
		{"nothing", nil, nil, ""},
		{"the gateway", gateway, nil, "the gateway 10.0.0.1 does not answer either"},
		{"the peer", nil, []string{"lb2"}, "the peer lb2 is not reachable either"},
		{"both", gateway, []string{"lb2", "lb3"},
			"the gateway 10.0.0.1 does not answer either, and the peer lb2, lb3 is not reachable either"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := event.CutOff(c.gone, c.peers); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
