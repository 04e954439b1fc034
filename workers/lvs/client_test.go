package lvs

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/lvs-director/director/worker"
)

// asClient has the checks of a configuration go through IPVS.
func asClient(cfg *conf.Config) *conf.Config {
	for i, rs := range cfg.VirtualServers[0].RealServers {
		rs.Forward = conf.DR
		c := &rs.Checkers[0]
		c.AsClient, c.Server, c.FWMark = true, c.ConnectIP, conf.FirstCheckMark+uint32(i)
		c.ConnectIP = netip.MustParseAddr(vip)
	}
	return cfg
}

// TestWaysOfChecksAreNotTheUsers: a check as_client has a service of its own in the table, which is
// ours, follows the configuration, and is shown to nobody.
func TestWaysOfChecksAreNotTheUsers(t *testing.T) {
	bubble(t, func(r *rig) {
		r.configure(1, asClient(configuration(first, second)), nil)
		if n := len(r.kernel.Table()); n != 3 {
			t.Fatalf("%d services, want one of the user and two of checks", n)
		}
		for i, address := range []string{first, second} {
			mark := conf.FirstCheckMark + uint32(i)
			e, ok := r.kernel.Table()[conf.ServiceKey{FWMark: mark}]
			if !ok || len(e.Destinations) != 1 || !alive(e, address) {
				t.Errorf("the way to %s: %+v", address, e)
			}
			if !r.host.hasPath(mark) {
				t.Errorf("the prober is not told of the way to %s", address)
			}
		}
		if l := last(r, tableOf); l == nil || l.VirtualServers != 1 || l.RealServers != 2 || l.Error+l.Refused != "" {
			t.Errorf("the table is told as %+v", l)
		}
		r.probes.set(vip, false) // clients get none of both; their ways stay
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if !r.host.hasPath(conf.FirstCheckMark) {
			t.Error("a real server that is down has lost the way of its checks")
		}
		if err := r.kernel.Do(table.Op{Kind: table.DelService, Service: table.Service{
			Key: conf.ServiceKey{FWMark: conf.FirstCheckMark}}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(r.kernel.Table()) != 3 || !r.host.hasPath(conf.FirstCheckMark) {
			t.Error("a way that somebody removed is not back")
		}
		r.configure(2, configuration(first, second), nil)
		if n := len(r.kernel.Table()); n != 1 || r.host.hasPath(conf.FirstCheckMark) {
			t.Errorf("%d services after a reload without as_client", n)
		}
		if said := r.all(func(m worker.Message) bool {
			return m.VirtualServer != nil && strings.Contains(m.VirtualServer.VirtualServer, "FWM") ||
				m.InTable != nil && strings.Contains(m.InTable.VirtualServer, "FWM")
		}); len(said) > 0 {
			t.Errorf("it was told of ways of checks: %+v", said)
		}
		if strings.Contains(r.log.String(), "quorum FWM") {
			t.Errorf("the log: %s", r.log.String())
		}
	})
}

// TestManyChecksSayLittle: of ten thousand checks every 5 s those are told that change something. The
// others stay here.
func TestManyChecksSayLittle(t *testing.T) {
	const servers, each = 10000, 500
	cfg := &conf.Config{}
	for n := 0; n < servers; n += each {
		var list []string
		for i := range each {
			list = append(list, fmt.Sprintf("10.1.%d.%d", (n+i)/250, 1+(n+i)%250))
		}
		vs := configuration(list...).VirtualServers[0]
		vs.Key.Port = uint16(1000 + n/each)
		for _, rs := range vs.RealServers {
			rs.Checkers[0].Interval, rs.Checkers[0].Warmup = 5*time.Second, 5*time.Second
		}
		cfg.VirtualServers = append(cfg.VirtualServers, vs)
	}
	bubble(t, func(r *rig) {
		r.configure(1, cfg, nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		before := len(r.all(func(m worker.Message) bool { return m.Heartbeat == nil }))
		time.Sleep(30 * time.Second) // 60,000 runs
		synctest.Wait()
		if n := len(r.all(func(m worker.Message) bool { return m.Heartbeat == nil })) - before; n > 10 {
			t.Errorf("%d messages of 60,000 runs that change nothing", n)
		}
		// A hundred servers die: each is told once as it leaves, and no more.
		for i := range 100 {
			r.probes.set(fmt.Sprintf("10.1.0.%d", 1+i), false)
		}
		before = len(r.all(func(m worker.Message) bool { return m.Heartbeat == nil }))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		told := r.all(func(m worker.Message) bool { return m.Heartbeat == nil })[before:]
		if len(told) > 350 {
			t.Errorf("%d messages of a hundred servers that died", len(told))
		}
		down := 0
		for _, m := range told {
			if m.RealServer != nil && !m.RealServer.Up {
				down++
			}
		}
		if down != 100 {
			t.Errorf("%d servers were told to be down, want 100", down)
		}
	})
}
