package virtualserver_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/table"
)

const expireNoDest = "/proc/sys/net/ipv4/vs/expire_nodest_conn"

// ending is an mh service of UDP whose failed servers lose their flows.
func ending() *conf.VirtualServer {
	vs := virtual(vip, a, b)
	vs.Key.Protocol, vs.Scheduler, vs.EndFlows = conf.UDP, "mh", conf.Yes
	vs.RealServers[0].Weight = 3
	return vs
}

// The kernel expires flows a jiffy after a removal: never in one batch with what adds
// the server again.
func TestFlowsOfAServerThatFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		vs := ending()
		r := start(t, ipvstest.NewFake(), newJournal())
		r.files[expireNoDest] = "1\n"
		r.kernel.ExpireNoDest(true)
		r.apply(1, nil, vs)
		r.kernel.Connect(vs.Key, serverKey(a), table.Counts{Active: 0, Inactive: 40})
		time.Sleep(2 * time.Second)
		r.kernel.Forget()
		r.loop.Verdict(verdict(vs, 0, false))
		r.expectDone("remove real server [10.1.0.1]:80 of [10.0.0.1]:udp:80")
		time.Sleep(table.FlowsPause - time.Millisecond)
		r.expectDone()
		time.Sleep(time.Second)
		r.expectDone("change virtual server [10.0.0.1]:udp:80 scheduler mh flags 0x8",
			"add real server [10.1.0.1]:80 of [10.0.0.1]:udp:80 DR weight 3",
			"change real server [10.1.0.1]:80 of [10.0.0.1]:udp:80 DR weight 0")
		if one := r.inTable(vs, a); !one.Present || one.Inactive != 0 {
			t.Errorf("in the table: %+v", one)
		}
		time.Sleep(time.Minute)
		r.expectDone()
		r.loop.Verdict(verdict(vs, 0, true))
		r.expect(tables{vip: {a: 3, b: 1}})
	})
}

// A kernel that keeps the entries is not asked for ever.
func TestFlowsThatDoNotEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		vs := ending()
		r := start(t, ipvstest.NewFake(), newJournal())
		r.files[expireNoDest] = "1\n"
		r.apply(1, nil, vs)
		r.kernel.Connect(vs.Key, serverKey(a), table.Counts{Inactive: 40})
		r.loop.Verdict(verdict(vs, 0, false))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		removed := 0
		for _, op := range r.kernel.Done() {
			if op.Kind == table.DelDestination {
				removed++
			}
		}
		if removed != table.FlowsTries {
			t.Errorf("removed %d times, want %d", removed, table.FlowsTries)
		}
		r.expect(tables{vip: {a: 0, b: 1}})
		if lines := r.lines("do not end"); len(lines) != 1 {
			t.Errorf("log %q", lines)
		}
	})
}

// Without expire_nodest_conn a removal would end nothing, and without the option
// the table is not moved.
func TestFlowsAreLeftWithoutTheSetting(t *testing.T) {
	for name, change := range map[string]func(*rig, *conf.VirtualServer){
		"no expire_nodest_conn": func(r *rig, _ *conf.VirtualServer) { r.files[expireNoDest] = "0\n" },
		"not asked for": func(r *rig, vs *conf.VirtualServer) {
			r.files[expireNoDest], vs.EndFlows = "1\n", conf.No
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				vs := ending()
				r := start(t, ipvstest.NewFake(), newJournal())
				change(r, vs)
				r.apply(1, nil, vs)
				r.kernel.Connect(vs.Key, serverKey(a), table.Counts{Inactive: 40})
				r.kernel.Forget()
				r.loop.Verdict(verdict(vs, 0, false))
				time.Sleep(5 * time.Second)
				r.expectDone("change virtual server [10.0.0.1]:udp:80 scheduler mh flags 0x8",
					"change real server [10.1.0.1]:80 of [10.0.0.1]:udp:80 DR weight 0")
			})
		})
	}
}
