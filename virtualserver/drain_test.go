package virtualserver_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/table"
)

// draining is a virtual server with a drain_timeout.
func draining(timeout time.Duration, servers ...string) *conf.VirtualServer {
	vs := virtual(vip, servers...)
	vs.DrainTimeout = timeout
	for _, rs := range vs.RealServers {
		rs.DrainTimeout = timeout
	}
	return vs
}

func open(n uint64) table.Counts { return table.Counts{Active: n, Persistent: 3} }

// A real server that leaves finishes its connections (kubernetes #57841).
func TestARealServerThatLeaves(t *testing.T) {
	bubble(t, func(t *testing.T) {
		kernel, j := ipvstest.NewFake(), newJournal()
		vs := draining(time.Minute, a, b)
		r := start(t, kernel, j)
		r.apply(1, nil, vs)
		kernel.Connect(vs.Key, serverKey(a), open(20))
		time.Sleep(2 * time.Second)
		without := draining(time.Minute, b)
		r.apply(2, nil, without)
		r.expect(tables{vip: {a: 0, b: 1}})
		if one := r.inTable(without, a); !one.Draining || one.Active != 20 || one.Source != event.WeightDrained ||
			time.Until(one.DrainUntil) > time.Minute {
			t.Errorf("in the table: %+v", one)
		}
		// A second reload and a restart do not end it.
		r.apply(3, nil, without)
		r.loop.Stop(true)
		r = start(t, kernel, j)
		time.Sleep(10 * time.Second)
		r.apply(1, nil, without)
		r.expect(tables{vip: {a: 0, b: 1}})
		time.Sleep(20 * time.Second)
		r.expect(tables{vip: {a: 0, b: 1}})
		// Templates of persistence are not waited for.
		kernel.Connect(vs.Key, serverKey(a), open(0))
		time.Sleep(2 * time.Second)
		r.expect(tables{vip: {b: 1}})
		for _, key := range j.Held() {
			if strings.HasPrefix(key, "leaving") {
				t.Errorf("still in the journal: %q", key)
			}
		}
	})
}

func TestADrainEndsByTimeOrByComingBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		vs := draining(time.Minute, a, b, c)
		r := start(t, ipvstest.NewFake(), newJournal())
		r.apply(1, nil, vs)
		r.kernel.Connect(vs.Key, serverKey(a), open(1))
		r.kernel.Connect(vs.Key, serverKey(b), open(1))
		r.apply(2, nil, draining(time.Minute, c))
		time.Sleep(59 * time.Second)
		r.expect(tables{vip: {a: 0, b: 0, c: 1}})
		r.apply(3, nil, draining(time.Minute, b, c))
		r.expect(tables{vip: {a: 0, b: 1, c: 1}})
		time.Sleep(2 * time.Second)
		r.expect(tables{vip: {b: 1, c: 1}})
	})
}

// UDP has no close: its drain waits a few seconds only (kubernetes #76664).
func TestUDPDrainsForSeconds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		of := func(servers ...string) *conf.VirtualServer {
			vs := draining(2*time.Minute, servers...)
			vs.Key.Protocol = conf.UDP
			return vs
		}
		vs := of(a, b)
		r := start(t, ipvstest.NewFake(), newJournal())
		r.apply(1, nil, vs)
		r.kernel.Connect(vs.Key, serverKey(a), table.Counts{Inactive: 1})
		r.apply(2, nil, of(b))
		time.Sleep(table.UDPGrace - time.Second)
		r.expect(tables{vip: {a: 0, b: 1}})
		time.Sleep(2 * time.Second)
		r.expect(tables{vip: {b: 1}})
	})
}

func TestWithoutDrainTimeoutItGoesAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		vs := virtual(vip, a, b)
		r := start(t, ipvstest.NewFake(), newJournal())
		r.apply(1, nil, vs)
		r.kernel.Connect(vs.Key, serverKey(a), open(5))
		r.apply(2, nil, virtual(vip, b))
		r.expect(tables{vip: {b: 1}})
	})
}

func TestAnOverrideDrains(t *testing.T) {
	for _, test := range []struct {
		scheduler string
		timeout   time.Duration
		server    string
		after     weights // when its connections are gone
	}{
		{"wlc", time.Minute, "10.1.0.1", weights{b: 1}},
		{"wlc", 0, "[10.1.0.1]:tcp:80", weights{a: 0, b: 1}},
		{"mh", time.Minute, "10.1.0.1", weights{a: 0, b: 1}}, // its place maps clients
	} {
		t.Run(test.scheduler+" "+test.timeout.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				vs := draining(test.timeout, a, b)
				vs.Scheduler = test.scheduler
				r := start(t, ipvstest.NewFake(), newJournal())
				r.apply(1, nil, vs)
				r.kernel.Connect(vs.Key, serverKey(a), open(2))
				drain := event.Override{RealServer: test.server, Kind: event.Drain, Source: event.SourceOperator,
					Since: time.Now(), Until: time.Now().Add(time.Hour)}
				r.loop.Override([]event.Override{drain}, nil)
				r.expect(tables{vip: {a: 0, b: 1}})
				fallback := r.kernel.Table()[vs.Key].Service.Flags&table.FlagFallback != 0
				if fallback != (test.scheduler == "mh") {
					t.Errorf("fallback %v", fallback)
				}
				if one := r.inTable(vs, a); one.Source != event.WeightDrained || !one.Draining {
					t.Errorf("in the table: %+v", one)
				}
				// A check that fails and succeeds does not lift it.
				r.loop.Verdict(verdict(vs, 0, false))
				r.loop.Verdict(verdict(vs, 0, true))
				time.Sleep(10 * time.Second)
				r.expect(tables{vip: {a: 0, b: 1}})
				r.kernel.Connect(vs.Key, serverKey(a), open(0))
				time.Sleep(3 * time.Second)
				r.expect(tables{vip: test.after})
				time.Sleep(time.Hour) // it is over
				r.expect(tables{vip: {a: 1, b: 1}})
			})
		})
	}
}

func TestAnOverrideSetsTheWeight(t *testing.T) {
	bubble(t, func(t *testing.T) {
		vs := virtual(vip, a, b)
		r := start(t, ipvstest.NewFake(), newJournal())
		set := event.Override{VirtualServer: vs.String(), RealServer: vs.RealServers[0].String(), Kind: event.SetWeight,
			Weight: 7, Source: event.SourceOperator}
		r.loop.Override([]event.Override{set}, nil)
		r.loop.Apply(&conf.Config{VirtualServers: []*conf.VirtualServer{vs}}, virtualserver.Known{}, 1)
		r.expect(tables{vip: {a: 7, b: 1}})
		if one := r.inTable(vs, a); one.Source != event.WeightSet || one.Weight != 7 {
			t.Errorf("in the table: %+v", one)
		}
		r.loop.Verdict(verdict(vs, 0, false)) // it raises nobody
		r.expect(tables{vip: {b: 1}})
		r.loop.Verdict(verdict(vs, 0, true))
		r.loop.Override(nil, nil)
		r.expect(tables{vip: {a: 1, b: 1}})
	})
}

// Whoever waits for a drain has to hear that it is empty, also when nothing changes: the
// real server had no connections before.
func TestADrainOfAnIdleServerIsCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		vs := virtual(vip, a, b)
		r := start(t, ipvstest.NewFake(), newJournal())
		r.apply(1, nil, vs)
		time.Sleep(40 * time.Second) // it was counted before
		drain := event.Override{RealServer: "10.1.0.1", Kind: event.Drain, Source: event.SourceOperator, Since: time.Now()}
		r.loop.Override([]event.Override{drain}, nil)
		time.Sleep(3 * time.Second)
		if one := r.inTable(vs, a); !one.Draining || !one.Counted.After(drain.Since) {
			t.Errorf("in the table: %+v", one)
		}
	})
}
