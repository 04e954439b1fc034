package notify_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
)

// balanced is servers(1, ...) with scripts of its virtual server.
func balanced(up, down string, omega bool) *conf.Config {
	cfg := servers(1, "", "", false)
	vs := cfg.VirtualServers[0]
	vs.QuorumUp, vs.QuorumDown, vs.Omega = conf.Script{}, conf.Script{}, omega
	if up != "" {
		vs.QuorumUp = script(up)
	}
	if down != "" {
		vs.QuorumDown = script(down)
	}
	return cfg
}

// quorum says that the virtual server has its quorum or not.
func (l *lab) quorum(holds bool) {
	l.VirtualServer(event.VirtualServerState{VirtualServer: "[10.0.0.1]:tcp:80", Quorum: holds})
	pause(10 * time.Second)
}

// names are the scripts that were started.
func (l *lab) names() (list []string) {
	for _, s := range l.list() {
		list = append(list, strings.Split(s, "/")[1])
	}
	return list
}

func TestQuorumScripts(t *testing.T) {
	for _, test := range []struct {
		name  string
		omega bool
		play  func(l *lab)
		want  []string
	}{
		{"gained at the start, as with keepalived", false, func(l *lab) { l.quorum(true); l.quorum(true) }, []string{"UP"}},
		{"none at the start tells nothing", false, func(l *lab) { l.quorum(false) }, nil},
		{"lost and gained", false, func(l *lab) { l.quorum(true); l.quorum(false); l.quorum(true) },
			[]string{"UP", "DOWN", "UP"}},
		{"a reload that exchanges all real servers", false, func(l *lab) {
			l.quorum(true)
			cfg := balanced("/UP/1s", "/DOWN/1s", false)
			cfg.VirtualServers[0].RealServers = nil
			l.Apply(cfg)
			l.quorum(true)
		}, []string{"UP"}},
		{"a reload that changes the scripts", false, func(l *lab) {
			l.quorum(true)
			l.Apply(balanced("/OTHER/1s", "/DOWN/1s", false))
			l.quorum(true)
			l.quorum(false)
			l.quorum(true)
		}, []string{"UP", "DOWN", "OTHER"}},
		{"scripts that a reload adds", false, func(l *lab) {
			l.Apply(balanced("", "", false))
			l.quorum(true)
			l.Apply(balanced("/UP/1s", "/DOWN/1s", false))
			l.quorum(true)
			l.quorum(false)
		}, []string{"DOWN"}},
		{"taken out and put back", false, func(l *lab) {
			l.quorum(true)
			l.Apply(&conf.Config{})
			pause(time.Second)
			l.Apply(balanced("/UP/1s", "/DOWN/1s", false))
			l.quorum(true)
		}, []string{"UP", "UP"}},
		{"taken out with omega", true, func(l *lab) {
			l.quorum(true)
			l.Apply(&conf.Config{})
			l.quorum(true)
		}, []string{"UP", "DOWN"}},
		{"stopped with omega", true, func(l *lab) { l.quorum(true) }, []string{"UP", "DOWN"}},
		{"stopped with omega and without quorum", true, func(l *lab) { l.quorum(false) }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab()
				l.Apply(balanced("/UP/1s", "/DOWN/1s", test.omega))
				test.play(l)
				stop(t, l)
				diff(t, "scripts", test.want, l.names())
			})
		})
	}
}

// TestQuorumScriptsTakeTurns: who is told down has time to end before it is told up.
func TestQuorumScriptsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(balanced("/UP/1s", "/DOWN/20s", false))
		l.quorum(true)
		for range 5 { // flapping: only the latest state waits
			l.VirtualServer(event.VirtualServerState{VirtualServer: "[10.0.0.1]:tcp:80"})
			l.VirtualServer(event.VirtualServerState{VirtualServer: "[10.0.0.1]:tcp:80", Quorum: true})
		}
		pause(time.Minute)
		stop(t, l)
		diff(t, "scripts", []string{"0s /UP/1s", "10s /DOWN/20s", "30s /UP/1s"}, l.list())
	})
}

// TestAnUpgradeTellsNoQuorum: the next program knows what was told; of what an older one
// handed over it tells nothing that is not new.
func TestAnUpgradeTellsNoQuorum(t *testing.T) {
	for _, older := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			cfg := balanced("/UP/1s", "/DOWN/1s", false)
			l := newLab()
			l.Apply(cfg)
			l.quorum(true)
			l.Hold(t.Context())
			s := overWire(t, l.Export())
			if older {
				s = notify.State{Instances: s.Instances, Groups: s.Groups, Servers: s.Servers}
			}
			next := newLab()
			next.Apply(cfg)
			next.Import(s)
			next.quorum(true)
			next.quorum(false)
			stop(t, next)
			stop(t, l)
			diff(t, "scripts", []string{"DOWN"}, next.names())
		})
	}
}

// TestOmegaOfRealServers: at a stop those that are up are told that they are down.
func TestOmegaOfRealServers(t *testing.T) {
	for _, omega := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := newLab()
			cfg := servers(2, "/UP/1s", "/DOWN/1s", false)
			cfg.VirtualServers[0].Omega = omega
			l.Apply(cfg)
			l.RealServer(event.RealServerState{VirtualServer: "[10.0.0.1]:tcp:80", RealServer: "[10.0.1.1]:tcp:80"})
			pause(10 * time.Second)
			stop(t, l)
			want := []string{"DOWN"}
			if omega {
				want = append(want, "DOWN")
			}
			diff(t, "scripts", want, l.names())
		})
	}
}
