package vrrp_test

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

// everyKind is a configuration with an instance of each kind, all in a group
// or none.
func everyKind(t *testing.T, group string, keys ...string) *conf.Config {
	t.Helper()
	text := `
vrrp_instance PLAIN {
    interface eth0
    virtual_router_id 10
    priority 150
    version 3
    virtual_ipaddress { 10.0.0.100/32 }
    virtual_routes { blackhole 10.6.0.0/16 table 100 }
    virtual_rules { from 10.0.0.0/24 table 100 priority 2000 }
}
vrrp_instance SIX {
    interface eth0
    virtual_router_id 10
    priority 150
    virtual_ipaddress {
        fe80::10:100
        2001:db8::100
    }
}
vrrp_instance SIGNED {
    interface eth1
    virtual_router_id 11
    priority 150
    version 3
    auth_hmac {
        ` + strings.Join(keys, "\n        ") + `
    }
    virtual_ipaddress { 10.1.0.100/32 }
}
vrrp_instance VIRTUAL {
    interface eth1
    virtual_router_id 12
    priority 150
    version 3
    use_vmac
    virtual_ipaddress { 10.1.0.101/32 }
}
vrrp_instance PEERS {
    interface eth1
    virtual_router_id 13
    priority 150
    version 3
    unicast_peer { 10.1.0.9 }
    virtual_ipaddress { 10.1.0.102/32 }
}
static_routes { 10.7.0.0/16 dev eth0 }
` + group
	cfg, findings := load.LoadText("kinds.conf", text, load.Options{})
	for _, f := range findings {
		if f.Severity != conf.Note {
			t.Fatal(f)
		}
	}
	return cfg
}

// bubbled counts the goroutines of the test's bubble: others begin and end at the runtime's will.
func bubbled() int {
	stacks := make([]byte, 4<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "synctest bubble")
}

// TestManyReloadsLeaveNothing: hundreds of reloads, hand-overs and interfaces
// that come and go cost no goroutine, socket, address or journal entry.
func TestManyReloadsLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const key1, key2 = "key 1 hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
			"key 2 hex:100102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
		loose := everyKind(t, "", key1, "active_key 1")
		grouped := everyKind(t, "vrrp_sync_group G {\n group {\n PLAIN\n SIX\n SIGNED\n VIRTUAL\n PEERS\n }\n}\n", key1, key2,
			"active_key 2")
		few := everyKind(t, "", key1, "active_key 1")
		few.Instances, few.StaticRoutes = few.Instances[:2], nil

		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		a.host.Plug(3, "eth1", &vrrptest.Wire{}, "10.1.0.1/24")
		a.host.Put("eth0", "fe80::1/64")
		a.applyConfig(loose, nil)
		a.engine.AllowMaster()
		after(20 * time.Second)
		for _, i := range loose.Instances {
			a.want(i.Name, event.Master)
		}
		goroutines, sockets, journal, routes := bubbled(), a.host.Sockets(), len(a.journal.Held()),
			len(a.host.RouteTexts())

		for n := range 200 {
			switch n % 4 {
			case 0:
				a.applyConfig(grouped, nil)
			case 1:
				a.handOver(map[string]uint64{"PLAIN": uint64(n), "SIGNED": uint64(n)})
			case 2:
				a.host.SetUp("eth1", false)
				a.applyConfig(few, nil)
			case 3:
				a.host.SetUp("eth1", true)
				a.handOver(nil)
				a.applyConfig(loose, nil)
			}
			after(time.Duration(n%7) * 700 * time.Millisecond)
		}
		a.applyConfig(loose, nil)
		after(time.Minute)
		for _, i := range loose.Instances {
			a.want(i.Name, event.Master)
		}
		a.wantAddress(true, vip, linkVIP, globalVIP)
		if g, s, j, r := bubbled(), a.host.Sockets(), len(a.journal.Held()),
			len(a.host.RouteTexts()); g != goroutines || s != sockets || j != journal || r != routes {
			t.Errorf("after 200 changes: goroutines %d, sockets %d, journal entries %d, routes and rules %d; before %d, %d, "+
				"%d, %d",
				g, s, j, r, goroutines, sockets, journal, routes)
		}
		a.engine.Stop(true)
		synctest.Wait()
		a.wantAddress(false, vip, linkVIP, globalVIP)
		if held, left := a.journal.Held(), a.host.RouteTexts(); len(held)+len(left) != 0 {
			t.Errorf("left at the end: journal %v, routes %v", held, left)
		}
	})
}
