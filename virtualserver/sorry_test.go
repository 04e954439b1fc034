package virtualserver_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/table"
)

// sorryFor is a virtual server whose sorry server is at an address.
func sorryFor(at string, servers ...string) *conf.VirtualServer {
	vs := virtual(vip, servers...)
	for _, rs := range vs.RealServers {
		rs.Weight = 1000
	}
	vs.Sorry = &conf.SorryServer{Key: serverKey(at), Forward: conf.DR}
	return vs
}

// The kernel has one destination for an address and port: a sorry server that is a
// real server too is one of the set (keepalived PR#1370).
func TestTheSorryServerIsOneOfTheRealServers(t *testing.T) {
	for _, test := range []struct {
		name           string
		inhibit, sorry bool
		first, second  int
		down, one, all weights
	}{
		{name: "plain", first: 0, second: 1, down: weights{a: 1}, one: weights{a: 1000}, all: weights{a: 1000, b: 1000}},
		{name: "the other one first", first: 1, second: 0,
			down: weights{a: 1}, one: weights{b: 1000}, all: weights{a: 1000, b: 1000}},
		{name: "inhibit_on_failure", inhibit: true, first: 0, second: 1,
			down: weights{a: 1, b: 0}, one: weights{a: 1000, b: 0}, all: weights{a: 1000, b: 1000}},
		{name: "sorry_server_inhibit", sorry: true, first: 1, second: 0,
			down: weights{a: 1}, one: weights{a: 0, b: 1000}, all: weights{a: 1000, b: 1000}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				vs := sorryFor(a, a, b)
				vs.Sorry.Inhibit = test.sorry
				for _, rs := range vs.RealServers {
					rs.Inhibit = test.inhibit
				}
				r := start(t, ipvstest.NewFake(), newJournal())
				r.apply(1, nil, vs)
				never := watchEmpty(r)
				r.loop.Verdict(verdict(vs, 0, false))
				r.loop.Verdict(verdict(vs, 1, false))
				r.expect(tables{vip: test.down})
				if s := r.state(vs); s.Quorum || !s.Sorry {
					t.Errorf("all down: %+v", s)
				}
				r.loop.Verdict(verdict(vs, test.first, true))
				r.expect(tables{vip: test.one})
				r.loop.Verdict(verdict(vs, test.second, true))
				r.expect(tables{vip: test.all})
				if s := r.state(vs); !s.Quorum || s.Sorry {
					t.Errorf("all up: %+v", s)
				}
				never()
			})
		})
	}
}

// watchEmpty has the kernel fail the test at an operation after which the service
// would serve nobody.
func watchEmpty(r *rig) (stop func()) {
	model := r.kernel.Table()
	r.kernel.Refuse(func(op table.Op) error {
		model.Do(op)
		for key, e := range model {
			sum := 0
			for _, d := range e.Destinations {
				sum += d.Weight
			}
			if sum == 0 {
				r.t.Errorf("%s serves nobody after: %s", key, op)
			}
		}
		return nil
	})
	return func() { r.kernel.Refuse(nil) }
}

func TestSorryServerByQuorum(t *testing.T) {
	bubble(t, func(t *testing.T) {
		vs := sorryFor(c, a, b)
		vs.Quorum, vs.Hysteresis = 1500, 500
		vs.Sorry.Forward = conf.NAT
		r := start(t, ipvstest.NewFake(), newJournal())
		r.apply(1, nil, vs)
		r.expect(tables{vip: {a: 1000, b: 1000}})
		watchEmpty(r)
		r.loop.Verdict(verdict(vs, 0, false)) // 1000 is within the band
		r.expect(tables{vip: {b: 1000}})
		r.kernel.Forget()
		r.loop.Verdict(verdict(vs, 1, false))
		r.expectDone("add real server [10.1.0.3]:80 of [10.0.0.1]:tcp:80 NAT weight 1",
			"remove real server [10.1.0.2]:80 of [10.0.0.1]:tcp:80")
		r.loop.Verdict(verdict(vs, 1, true)) // 1000 is below quorum + hysteresis
		r.expect(tables{vip: {c: 1}})
		r.loop.Verdict(verdict(vs, 0, true))
		r.expect(tables{vip: {a: 1000, b: 1000}})
	})
}

// The addresses of a group change at a reload (keepalived #2253).
func TestServicesOfAGroup(t *testing.T) {
	bubble(t, func(t *testing.T) {
		group := func(name string, services ...string) *conf.VirtualServer {
			vs := virtual(vip, "10.1.0.1:0", "10.1.0.2:0")
			vs.Key, vs.Group = conf.ServiceKey{}, name
			for _, s := range services {
				vs.Services = append(vs.Services, virtual(s).Key)
			}
			return vs
		}
		kernel := ipvstest.NewFake()
		r := start(t, kernel, newJournal())
		first := group("G", vip, "10.0.0.1:443", vip2)
		r.apply(1, nil, first)
		r.expect(tables{vip: {a: 1, b: 1}, "10.0.0.1:443": {"10.1.0.1:443": 1, "10.1.0.2:443": 1}, vip2: {a: 1, b: 1}})
		kernel.Forget()

		r.loop.Verdict(verdict(first, 1, false))
		r.expect(tables{vip: {a: 1}, "10.0.0.1:443": {"10.1.0.1:443": 1}, vip2: {a: 1}})
		// A new entry gets the servers that are well only; what stays is not touched.
		second := group("G", vip, "10.0.0.1:8443", "10.0.0.9:80")
		kernel.Forget()
		r.apply(2, nil, second)
		r.expectDone("add virtual server [10.0.0.1]:tcp:8443 scheduler wlc",
			"add real server [10.1.0.1]:8443 of [10.0.0.1]:tcp:8443 DR weight 1",
			"add virtual server [10.0.0.9]:tcp:80 scheduler wlc",
			"add real server [10.1.0.1]:80 of [10.0.0.9]:tcp:80 DR weight 1",
			"remove virtual server [10.0.0.1]:tcp:443", "remove virtual server [10.0.0.2]:tcp:80")

		// A rename alone touches nothing.
		renamed := group("H", vip, "10.0.0.1:8443", "10.0.0.9:80")
		r.apply(3, []event.RealServerState{verdict(renamed, 1, false)}, renamed)
		r.expectDone()
		if s := r.state(renamed); !s.Quorum || s.Alive != 1 {
			t.Errorf("after the rename: %+v", s)
		}
	})
}

// A weight of 0 serves nobody, whatever the checks say.
func TestAllWeightsAreZero(t *testing.T) {
	bubble(t, func(t *testing.T) {
		vs := virtual(vip, a, b)
		vs.RealServers[0].Weight, vs.RealServers[1].Weight = 0, 0
		r := start(t, ipvstest.NewFake(), newJournal())
		r.apply(1, nil, vs)
		if s := r.state(vs); s.Quorum || !s.Idle || s.Problem() == "" {
			t.Errorf("state %+v", s)
		}
	})
}

// A verdict is news when the table has it, or as an error.
func TestAVerdictIsToldWhenTheTableHasIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		vs := virtual(vip, a, b)
		r := start(t, ipvstest.NewFake(), newJournal())
		r.apply(1, nil, vs)
		r.kernel.Refuse(func(op table.Op) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			if len(r.verdicts) > 0 {
				t.Error("told before the table has it")
			}
			return nil
		})
		r.loop.Verdict(verdict(vs, 0, false))
		synctest.Wait()
		if v := r.verdict(vs, 0); v.Up || v.Unset != "" || v.Reason == "" {
			t.Errorf("told %+v", v)
		}
		r.kernel.Refuse(func(op table.Op) error {
			if op.Kind == table.NewDestination {
				return errTest
			}
			return nil
		})
		r.loop.Verdict(verdict(vs, 0, true))
		synctest.Wait()
		if v := r.verdict(vs, 0); !v.Up || v.Unset == "" {
			t.Errorf("a verdict that could not be set was told as %+v", v)
		}
		if one := r.inTable(vs, a); one.Present || one.Error == "" {
			t.Errorf("in the table: %+v", one)
		}
		time.Sleep(time.Second)
	})
}
