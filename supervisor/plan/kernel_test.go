package plan_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/supervisor/plan"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/lvs-director/director/vrrp/link"
)

// keepalived is the kernel of a host on which keepalived runs the
// configuration, is MASTER outside and BACKUP inside.
func keepalived(t *testing.T) plan.Facts {
	t.Helper()
	f := plan.Facts{
		Table: table.Wanted(loaded(t, running).VirtualServers, nil),
		Addresses: []link.HostAddress{
			{Device: "eth0", Prefix: netip.MustParsePrefix("10.0.0.1/24")},
			{Device: "eth0", Prefix: netip.MustParsePrefix("10.0.0.100/24")},
			{Device: "eth0", Prefix: netip.MustParsePrefix("10.0.0.101/24")},
			{Device: "eth1", Prefix: netip.MustParsePrefix("10.1.0.5/24")},
		},
		Connections: map[plan.Server]plan.Connections{{Service: web, Real: real("10.1.0.99", 80)}: {Active: 2}},
	}
	for key, e := range f.Table {
		e.Service.Flags |= table.FlagHashed // as the kernel lists it
		f.Table[key] = e
	}
	return f
}

// TestAMigrationThatChangesNothing: VIPs and IPVS as keepalived has them.
func TestAMigrationThatChangesNothing(t *testing.T) {
	p := plan.AgainstKernel(loaded(t, running), keepalived(t))
	if !p.Nothing() || len(p.Foreign) > 0 {
		t.Fatalf("%q", said(p))
	}
	want := []string{
		"outside (virtual router 51 on eth0): MASTER here, all its addresses are: 10.0.0.100/24 on eth0, 10.0.0.101/24 on " +
			"eth0",
		"inside (virtual router 52 on eth1): not MASTER here, none of its addresses is: 10.1.0.1/24 on eth1",
		"2 virtual servers with 3 real servers: [10.0.0.100]:tcp:80, [10.0.0.100]:udp:53",
	}
	if diff := cmp.Diff(want, p.Untouched); diff != "" {
		t.Error(diff)
	}
}

func TestAgainstKernel(t *testing.T) {
	edit := func(key conf.ServiceKey, change func(*table.Entry)) func(*plan.Facts) {
		return func(f *plan.Facts) {
			e := f.Table[key]
			change(&e)
			f.Table[key] = e
		}
	}
	first := real("10.1.0.11", 80)
	weight := func(key conf.ServiceKey, server conf.ServerKey, w int) func(*plan.Facts) {
		return edit(key, func(e *table.Entry) {
			d := e.Destinations[server]
			d.Weight = w
			e.Destinations[server] = d
		})
	}
	for _, test := range []struct {
		name   string
		change func(*plan.Facts)
		want   []string
	}{
		{"an empty kernel", func(f *plan.Facts) { f.Table, f.Addresses = table.Table{}, nil }, []string{
			"clients: [10.0.0.100]:tcp:80 is new: wlc, 2 real servers",
			"clients: [10.0.0.100]:udp:53 is new: mh, 1 real server"}},
		{"a word without effect", func(f *plan.Facts) {
			f.WithoutEffect = []string{"virtual_routes is accepted without " +
				"effect"}
		}, []string{
			"clients: virtual_routes is accepted without effect: director does not manage what is there for it"}},
		{"a table that cannot be read", func(f *plan.Facts) { f.Table = nil }, []string{"unknown: the kernel's IPVS table"}},
		{"one address is missing", func(f *plan.Facts) { f.Addresses = f.Addresses[:2] }, []string{
			"clients: 10.0.0.101/24 on eth0 comes up when outside is MASTER; other addresses of it are here"}},
		{"another mask", func(f *plan.Facts) { f.Addresses[2].Prefix = netip.MustParsePrefix("10.0.0.101/32") }, []string{
			"clients: 10.0.0.101/24 on eth0 comes up when outside is MASTER; the kernel has 10.0.0.101/32 on eth0, which stays",
			"foreign: address 10.0.0.101/32 on eth0"}},
		{"a real server was taken out", edit(web, func(e *table.Entry) { delete(e.Destinations, first) }), []string{
			"clients: [10.0.0.100]:tcp:80: [10.1.0.11]:80 is not in the table (did a check fail?) and gets new connections " +
				"until the first check says otherwise"}},
		{"a real server is inhibited", weight(web, first, 0), []string{
			"clients: [10.0.0.100]:tcp:80: [10.1.0.11]:80 has weight 0 (did a check fail?) and gets new connections, with " +
				"weight 2, until the first check says otherwise"}},
		{"a weight", weight(web, first, 7), []string{"quiet: [10.0.0.100]:tcp:80: [10.1.0.11]:80: weight 7 becomes 2"}},
		{"another forwarding", edit(dns, func(e *table.Entry) {
			d := e.Destinations[real("10.1.0.11", 53)]
			d.Forward = table.Tunnel
			e.Destinations[d.Key] = d
		}), []string{"clients: [10.0.0.100]:udp:53: [10.1.0.11]:53: forwarding TUN becomes DR, for new connections"}},
		{"a real server of somebody else's", edit(web, func(e *table.Entry) {
			k := real("10.1.0.99", 80)
			e.Destinations[k] = table.Destination{Key: k, Weight: 1}
		}), []string{"clients: [10.0.0.100]:tcp:80: [10.1.0.99]:80 is in the table and in no configuration: it is " +
			"removed, and 2 connections to it hang"}},
		{"another scheduler", edit(web, func(e *table.Entry) { e.Service.Scheduler = "rr" }), []string{
			"quiet: [10.0.0.100]:tcp:80: scheduler rr becomes wlc, for new connections"}},
		{"persistence", edit(web, func(e *table.Entry) {
			e.Service.Flags |= table.FlagPersistent
			e.Service.Timeout = 300
		}), []string{"clients: [10.0.0.100]:tcp:80: persistence of 300 s for networks of /32 becomes no persistence; a " +
			"client's next connection may go to another real server"}},
		{"flags", edit(dns, func(e *table.Entry) { e.Service.Flags |= table.FlagPort }), []string{
			"quiet: [10.0.0.100]:udp:53: flags 0x10 become 0x0"}},
		{"a service of somebody else's", func(f *plan.Facts) {
			key := conf.ServiceKey{FWMark: 5}
			f.Table[key] = table.Entry{Service: table.Service{Key: key, Scheduler: "rr"}}
		}, []string{"foreign: virtual server FWM 5 rr with 0 real servers"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := keepalived(t)
			test.change(&f)
			p := plan.AgainstKernel(loaded(t, running), f)
			if diff := cmp.Diff(test.want, said(p)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			onlyForeign := strings.HasPrefix(test.want[0], "foreign")
			if p.Nothing() != onlyForeign {
				t.Errorf("Nothing is %v", p.Nothing())
			}
		})
	}
}

// TestAGroupIsAsManyServices as it has members.
func TestAGroupIsAsManyServices(t *testing.T) {
	cfg := loaded(t, `
virtual_server_group G {
    10.0.0.7-8 80
}
virtual_server group G {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.1.0.9 80 { }
}`)
	p := plan.AgainstKernel(cfg, plan.Facts{Table: table.Table{}})
	want := []string{"clients: [10.0.0.7]:tcp:80 is new: rr, 1 real server",
		"clients: [10.0.0.8]:tcp:80 is new: rr, 1 real server"}
	if diff := cmp.Diff(want, said(p)); diff != "" {
		t.Error(diff)
	}
}

// TestRoutesAndRules are compared with the kernel's where an instance is MASTER.
func TestRoutesAndRules(t *testing.T) {
	text := `
vrrp_instance VI {
    interface eth0
    virtual_router_id 1
    virtual_ipaddress { 10.0.0.100/24 }
    virtual_routes { 10.5.0.0/16 via 10.0.0.9 dev eth0 }
    virtual_rules { from 10.0.0.0/24 table 100 priority 2000 }
}
static_routes { 10.6.0.0/16 dev eth0 }
`
	cfg := loaded(t, text)
	routes, rules := plan.Asked(cfg)
	master := []link.HostAddress{{Device: "eth0", Prefix: netip.MustParsePrefix("10.0.0.100/24")}}
	all := func() *plan.Routing {
		r := &plan.Routing{Routes: map[link.RouteKey]conf.Route{}, Rules: map[conf.Rule]bool{link.RuleOf(rules[0]): true}}
		for _, route := range routes {
			r.Routes[link.KeyOf(route)] = route
		}
		return r
	}
	other := routes[1]
	other.Via = other.Via.Next()
	stray := routes[1]
	stray.Destination = netip.MustParsePrefix("10.99.0.0/16")
	for _, test := range []struct {
		name   string
		facts  func(*plan.Facts)
		want   []string
		benign bool
	}{
		{"all there", func(*plan.Facts) {}, nil, true},
		{"none there", func(f *plan.Facts) { f.Routing = &plan.Routing{} }, []string{
			"clients: route 10.6.0.0/16 dev eth0 of the static part is added",
			"clients: route 10.5.0.0/16 via 10.0.0.9 dev eth0 of VI is added",
			"clients: rule from 10.0.0.0/24 table 100 priority 2000 of VI is added"}, false},
		{"another route", func(f *plan.Facts) { f.Routing.Routes[link.KeyOf(other)] = other }, []string{
			"clients: route 10.5.0.0/16 via 10.0.0.9 dev eth0 of VI cannot be put in place: the kernel has another one, " +
				"which stays: 10.5.0.0/16 via 10.0.0.10 dev eth0"}, false},
		{"a stray route", func(f *plan.Facts) { f.Routing.Routes[link.KeyOf(stray)] = stray }, []string{
			"foreign: route 10.99.0.0/16 via 10.0.0.9 dev eth0"}, true},
		{"not MASTER", func(f *plan.Facts) { f.Addresses = nil }, []string{
			"foreign: route 10.5.0.0/16 via 10.0.0.9 dev eth0, although VI is not MASTER here",
			"foreign: rule from 10.0.0.0/24 table 100 priority 2000, although VI is not MASTER here"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := plan.Facts{Table: table.Table{}, Addresses: master, Routing: all()}
			test.facts(&f)
			p := plan.AgainstKernel(cfg, f)
			var got []string
			for _, line := range p.Clients {
				got = append(got, "clients: "+line)
			}
			for _, line := range p.Foreign {
				got = append(got, "foreign: "+line)
			}
			if diff := cmp.Diff(test.want, got); diff != "" || p.Nothing() != test.benign {
				t.Errorf("nothing would change: %v (-want +got):\n%s", p.Nothing(), diff)
			}
		})
	}
}
