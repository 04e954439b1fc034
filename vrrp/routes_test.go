package vrrp_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

const (
	viaRoute  = "10.5.0.0/16 via 10.0.0.9 dev eth0 src 10.0.0.100 table 100"
	darkRoute = "blackhole 10.6.0.0/16 table 100"
	fromRule  = "from 10.0.0.0/24 priority 2000 protocol 18 table 100"
)

// routed is a configuration with an instance, its routes and rules, and what is static.
func routed(t *testing.T, virtualRoutes, virtualRules, static string) *conf.Config {
	t.Helper()
	cfg, findings := load.LoadText("routed.conf", fmt.Sprintf(`
vrrp_instance VI {
    interface eth0
    virtual_router_id 10
    version 3
    priority 150
    virtual_ipaddress {
        10.0.0.100/32
    }
    virtual_routes {
        %s
    }
    virtual_rules {
        %s
    }
}
%s`, virtualRoutes, virtualRules, static), load.Options{})
	for _, f := range findings {
		if f.Severity != conf.Note {
			t.Fatal(f)
		}
	}
	return cfg
}

func (n *node) wantRoutes(want ...string) {
	n.t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(want, n.host.RouteTexts()); diff != "" {
		n.t.Errorf("routes and rules (-want +got):\n%s\n%s", diff, n.log)
	}
}

// master makes a node with a configuration MASTER.
func (n *node) masterOf(cfg *conf.Config) {
	n.t.Helper()
	n.applyConfig(cfg, nil)
	n.engine.AllowMaster()
	after(5 * time.Second)
	n.want("VI", event.Master)
}

func TestRoutesAndRulesComeAndGoWithTheMastership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		cfg := routed(t, viaRoute+"\n"+darkRoute, fromRule, "")
		a.applyConfig(cfg, nil)
		a.engine.AllowMaster()
		a.wantRoutes()
		after(5 * time.Second)
		a.want("VI", event.Master)
		// The route's source is the virtual address: it was there first.
		a.wantRoutes(viaRoute, darkRoute, "rule "+fromRule)

		a.applyConfig(routed(t, darkRoute, "", ""), nil)
		a.want("VI", event.Master)
		a.wantRoutes(darkRoute)
		a.applyConfig(cfg, nil)
		a.wantRoutes(viaRoute, darkRoute, "rule "+fromRule)

		a.engine.Stop(true)
		a.wantRoutes()
		if held := a.journal.Held(); len(held) != 0 {
			t.Errorf("left in the journal: %v", held)
		}
	})
}

func TestARouteThatSomebodyRemovesIsPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		cfg := routed(t, viaRoute+"\n"+darkRoute+" no_track", fromRule, "static_routes {\n10.7.0.0/16 dev eth0\n}\n")
		a.masterOf(cfg)
		i := cfg.Instances[0]
		all := []string{viaRoute, "10.7.0.0/16 dev eth0", darkRoute + " no_track", "rule " + fromRule}
		a.wantRoutes(all...)

		a.host.TakeRoute(i.Routes[0])
		a.host.TakeRule(i.Rules[0])
		a.host.TakeRoute(cfg.StaticRoutes[0])
		a.wantRoutes(all...)
		if got := a.state("VI").Restored; got != 2 {
			t.Errorf("%d things were told to be restored, want 2", got)
		}
		other := i.Routes[0]
		other.Via = other.Via.Next()
		other.Text = "somebody else's"
		a.host.PutRoute(other) // ours is ours
		a.wantRoutes(all...)

		a.host.TakeRoute(i.Routes[1])
		a.wantRoutes(all[0], all[1], all[3]) // no_track
		a.host.Take("eth0", vip)
		after(time.Second)
		a.wantAddress(true, vip)
		a.want("VI", event.Master)
		if got := a.states("VI"); len(got) != 2 {
			t.Errorf("mastership was lost: %v", got)
		}
	})
}

func TestRoutesThatAnInterfaceTakesAlongComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.host.Plug(3, "eth1", &vrrptest.Wire{}, "10.1.0.1/24")
		cfg := routed(t, darkRoute, "", "static_routes {\n10.7.0.0/16 dev eth1\n}\n")
		a.masterOf(cfg)
		a.wantRoutes("10.7.0.0/16 dev eth1", darkRoute)
		a.host.SetUp("eth1", false)
		a.wantRoutes(darkRoute)
		after(time.Minute)
		if n := a.log.count("failed to create", "10.7.0.0/16"); n != 1 {
			t.Errorf("the missing route was logged %d times in a minute, want once:\n%s", n, a.log)
		}
		a.host.SetUp("eth1", true)
		after(2 * time.Second)
		a.wantRoutes("10.7.0.0/16 dev eth1", darkRoute)
	})
}

func TestARouteThatWasThereBeforeStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		cfg := routed(t, darkRoute, "", "")
		before := cfg.Instances[0].Routes[0]
		before.Protocol = 4 // the administrator's: ours would carry the mark
		a.host.PutRoute(before)
		a.masterOf(cfg)
		a.engine.Stop(true)
		a.wantRoutes(darkRoute)
	})
}

// TestMarkedRoutesAndRulesGoAtTheStart: they are of an earlier run, whatever
// became of its journal.
func TestMarkedRoutesAndRulesGoAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		cfg := routed(t, viaRoute+"\n"+darkRoute, fromRule, "")
		a.masterOf(cfg)
		a.engine.Stop(false)
		clear(a.journal.held)
		a.run()
		a.applyConfig(cfg, nil)
		a.wantRoutes()
	})
}

func TestRoutesOutliveACrashOrAreRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		cfg := routed(t, viaRoute+"\n"+darkRoute, fromRule, "")
		a.masterOf(cfg)
		a.engine.Stop(false)
		a.wantRoutes(viaRoute, darkRoute, "rule "+fromRule)
		a.run()
		a.applyConfig(routed(t, darkRoute, "", ""), nil)
		after(time.Second) // BACKUP: what was there of the former life is gone
		a.wantRoutes()
		if held := a.journal.Held(); len(held) != 0 {
			t.Errorf("left in the journal: %v", held)
		}
	})
}

func TestAnInstanceThatTracksAStaticRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		a.host.Plug(3, "eth1", &vrrptest.Wire{}, "10.1.0.1/24")
		cfg := routed(
			t,
			"",
			"",
			"track_group G {\n group { VI }\n}\nstatic_routes {\n10.7.0.0/16 dev eth1 track_group G\n}\n",
		)
		a.masterOf(cfg)
		a.host.SetUp("eth1", false)
		after(time.Second)
		a.want("VI", event.Fault)
		a.host.SetUp("eth1", true)
		after(10 * time.Second)
		a.want("VI", event.Master)
		a.wantRoutes("10.7.0.0/16 dev eth1 track_group G")
	})
}

func TestPromoteSecondaries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		cfg := routed(t, "", "", "")
		cfg.Instances[0].PromoteSecondaries = true
		a.masterOf(cfg)
		if !a.host.Promotes("eth0") {
			t.Error("promote_secondaries is off")
		}
		a.engine.Stop(true)
		if a.host.Promotes("eth0") {
			t.Error("promote_secondaries is left on")
		}
	})
}

// TestAStaticAddressIsASourceAfterACrashToo: what a former life has left of the
// static addresses is the interface's own again.
func TestAStaticAddressIsASourceAfterACrashToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "fe80::1/64")
		cfg := routed(t, "", "", "static_ipaddress {\n10.0.0.1/24 dev eth0\n}\n")
		a.masterOf(cfg)
		a.engine.Stop(false)
		a.run()
		a.masterOf(cfg)
		a.engine.Stop(true)
		if a.host.Has("eth0", "10.0.0.1/24") || len(a.journal.Held()) != 0 {
			t.Errorf("left at the end: %v", a.journal.Held())
		}
	})
}
