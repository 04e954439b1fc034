package notify_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// servers is a configuration of real servers with scripts.
func servers(count int, up, down string, alpha bool) *conf.Config {
	v := &conf.VirtualServer{Key: conf.ServiceKey{Protocol: conf.TCP, Address: netip.MustParseAddr("10.0.0.1"), Port: 80}}
	address := netip.MustParseAddr("10.0.1.0")
	for range count {
		address = address.Next()
		v.RealServers = append(v.RealServers, &conf.RealServer{
			Key: conf.ServerKey{Address: address, Port: 80}, Protocol: conf.TCP,
			NotifyUp: script(up), NotifyDown: script(down), Checkers: []conf.Checker{{Alpha: alpha}},
		})
	}
	return &conf.Config{VirtualServers: []*conf.VirtualServer{v}}
}

func TestRealServers(t *testing.T) {
	type heard struct{ up, initial bool }
	up, down := heard{up: true}, heard{}
	for _, test := range []struct {
		name   string
		alpha  bool
		before bool // another configuration was applied first
		heard  []heard
		want   []string
	}{
		{"starts up and stays", false, false, []heard{{true, true}, up, up}, nil},
		{"starts up and is dead", false, false, []heard{{true, true}, down, down, up}, []string{"DOWN", "UP"}},
		{"the initial state was lost on the way", false, false, []heard{down}, []string{"DOWN"}},
		{"alpha comes up", true, false, []heard{{false, true}, down, up}, []string{"UP"}},
		{"scripts added while it is down", false, true, []heard{down, up}, []string{"UP"}},
		{"added while running", false, true, []heard{{true, true}, down}, []string{"DOWN"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab()
				if test.before {
					l.Apply(servers(1, "", "", test.alpha))
					l.RealServer(event.RealServerState{
						VirtualServer: "[10.0.0.1]:tcp:80", RealServer: "[10.0.1.1]:tcp:80", Up: test.heard[0].up})
				}
				l.Apply(servers(1, "/UP/1s", "/DOWN/1s", test.alpha))
				for _, h := range test.heard {
					l.RealServer(event.RealServerState{
						VirtualServer: "[10.0.0.1]:tcp:80", RealServer: "[10.0.1.1]:tcp:80", Up: h.up, Initial: h.initial})
					pause(10 * time.Second)
				}
				stop(t, l)
				var got []string
				for _, s := range l.seen {
					got = append(got, strings.Split(s, "/")[1])
				}
				diff(t, "scripts", test.want, got)
			})
		})
	}
}

// TestStorm: a thousand servers die at once; their scripts take turns, those of instances do not wait for them.
func TestStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		cfg := servers(200, "", "/down/1h", false)
		cfg.Instances = instances(conf.NotifyScripts{Fault: script("/fault/1s")}).Instances
		l.Apply(cfg)
		for _, rs := range cfg.VirtualServers[0].RealServers {
			l.RealServer(event.RealServerState{VirtualServer: "[10.0.0.1]:tcp:80", RealServer: rs.String()})
		}
		l.tell(event.Fault)
		pause(20 * time.Second)
		var running int
		var seen []string
		l.do(func() { running, seen = l.now, slices.Clone(l.seen) })
		if running != 64 || !slices.Contains(seen, "0s /fault/1s") {
			t.Errorf("%d scripts run, want 64, and the instance's at once: %v", running, seen)
		}
		pause(2 * time.Minute) // none of them ends, and they may no longer hold up others
		l.do(func() { seen = slices.Clone(l.seen) })
		if len(seen) != 201 {
			t.Errorf("%d scripts were started, want all 201", len(seen))
		}
		stop(t, l)
		time.Sleep(2 * time.Hour)
	})
}

// TestLowerHeard: a losing advertisement has its own script, which never takes
// the place of a state that waits.
func TestLowerHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{
			Master: script("/master/5s"), Backup: script("/backup"), RxLowerPriority: script("/lower/1s arg"),
			Any: script("/any"),
		}))
		heard := func() { l.LowerHeard(event.LowerHeard{Instance: "VI_1", Priority: 50, Sender: "10.0.0.2"}) }
		l.LowerHeard(event.LowerHeard{Instance: "unknown"})
		l.tell(event.Master)
		pause(time.Second)
		for range 10 {
			heard()
		}
		pause(9 * time.Second)
		l.tell(event.Fault)
		l.tell(event.Master)
		pause(time.Second)
		l.tell(event.Backup)
		heard()
		pause(9 * time.Second)
		diff(t, "scripts", []string{
			"0s /master/5s", "5s /any INSTANCE VI_1 MASTER 100", "5s /lower/1s arg",
			"10s /any INSTANCE VI_1 FAULT 100", "10s /master/5s", "15s /any INSTANCE VI_1 MASTER 100", "15s /backup",
			"15s /any INSTANCE VI_1 BACKUP 100",
		}, l.seen)
		l.Stop(t.Context())
	})
}

// TestLowerHeardBehindASlowScript: a state that waits for longer than a state that is over may is told, although a
// losing advertisement came after it.
func TestLowerHeardBehindASlowScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{
			Master: script("/master/1s"), Backup: script("/backup/20s"), RxLowerPriority: script("/lower/1s"),
			Any: script("/any"),
		}))
		heard := func() { l.LowerHeard(event.LowerHeard{Instance: "VI_1", Priority: 50, Sender: "10.0.0.2"}) }
		l.tell(event.Backup)
		pause(time.Second)
		l.tell(event.Master) // it preempts, and hears the one that was MASTER
		for range 100 {
			heard()
		}
		pause(time.Minute)
		diff(t, "scripts", []string{
			"0s /backup/20s", "20s /any INSTANCE VI_1 BACKUP 100", "20s /master/1s", "21s /any INSTANCE VI_1 MASTER 100",
			"21s /lower/1s",
		}, l.list())
		stop(t, l)
	})
}
