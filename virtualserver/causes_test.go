package virtualserver_test

import (
	"testing"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
)

// A real server that went down and was then taken out of the configuration has no part in a quorum
// that is lost later.
func TestARemovedRealServerIsNoCause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs := virtual(vip, a, b)
		r.apply(1, nil, vs)
		down := func(server int, number event.Number) {
			v := verdict(vs, server, false)
			v.Event = number
			r.loop.Verdict(v)
		}
		down(0, "boot-1-c1")
		r.expect(tables{vip: {b: 1}})
		vs = virtual(vip, b)
		r.apply(2, []event.RealServerState{verdict(vs, 0, true)}, vs)
		down(0, "boot-1-c2")
		r.expect(tables{vip: {}})
		if s := r.state(vs); s.Quorum || s.Causes != "boot-1-c2" {
			t.Errorf("the quorum is %v because of %q, want boot-1-c2", s.Quorum, s.Causes)
		}
	})
}
