package link_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/vrrp/link"
)

// parsed are the routes and rules of a configuration's lines.
func parsed(t *testing.T, routes, rules string) *conf.Config {
	t.Helper()
	text := "static_routes {\n" + routes + "\n}\nstatic_rules {\n" + rules + "\n}\n"
	cfg, findings := load.LoadText("routes.conf", text, load.Options{})
	for _, f := range findings {
		if f.Severity != conf.Note && f.Code != "deprecated" {
			t.Errorf("%v", f)
		}
	}
	return cfg
}

func routesOf(t *testing.T) link.Routes {
	t.Helper()
	r, err := kernel(t).Routes()
	check(t, err)
	t.Cleanup(func() { check(t, r.Close()) })
	return r
}

// fd00::1 gives IPv6 gateways a network.
func dualWire(t *testing.T) {
	t.Helper()
	wire(t)
	dev, err := netlink.LinkByName("left")
	check(t, err)
	addr, err := netlink.ParseAddr("fd00::1/64 nodad")
	check(t, err)
	check(t, netlink.AddrAdd(dev, addr))
}

func TestRoutesReachTheKernelAndGo(t *testing.T) {
	dualWire(t)
	r := routesOf(t)
	cfg := parsed(t, `
		10.1.0.0/16 via 10.0.0.9 dev left
		10.2.0.0/16 via 10.0.0.9 src 10.0.0.1 table 100 metric 20
		src 10.0.0.1 to 10.2.0.0/16 gw 10.0.0.9 table 1000 priority 21
		10.3.0.0/16 dev left scope link mtu lock 1400 advmss 1300 initcwnd 10 initrwnd 11 hoplimit 7
		blackhole 10.4.0.0/16
		unreachable 10.5.0.0/16 table 77
		prohibit 10.6.0.0/16
		throw 10.7.0.0/16 table 77
		10.8.0.0/16 nexthop via 10.0.0.9 dev left weight 2 nexthop via 10.0.0.8 dev left weight 3
		10.9.0.0/16 via 10.0.0.8 or 10.0.0.9
		10.10.0.0/16 via 10.200.0.1 dev left onlink
		default via 10.0.0.9 table 100
		10.11.0.0/16 dev left protocol static
		10.12.0.0/16 via 10.0.0.9 tos 4
		10.12.0.0/16 via 10.0.0.8
		local 10.13.0.1 dev left
		fd01::/64 dev left
		fd02::/64 via fd00::1:1 dev left metric 5
		blackhole fd03::/64
		unreachable fd04::/64 table 100
		fd05::/64 nexthop via fd00::8 dev left weight 2 nexthop via fd00::9 dev left
		default via fe80::1 dev left table 100`, "")
	if len(cfg.StaticRoutes) != 22 {
		t.Fatalf("%d of the routes were read", len(cfg.StaticRoutes))
	}
	var keys []link.RouteKey
	for _, want := range cfg.StaticRoutes {
		if err := r.AddRoute(want); err != nil {
			t.Errorf("%s: %v", want.Text, err)
		}
		if err := r.AddRoute(want); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s a second time: %v", want.Text, err)
		}
		keys = append(keys, link.KeyOf(want))
	}
	found, err := r.FindRoutes(keys)
	check(t, err)
	for _, want := range cfg.StaticRoutes {
		if have, ok := found[link.KeyOf(want)]; !ok || !link.SameRoute(want, have) || have.Protocol != want.Protocol {
			t.Errorf("%s is %+v", want.Text, have)
		}
	}

	// What the kernel makes of some of them, by another way of looking.
	to := func(text string) netlink.Route {
		_, dst, err := net.ParseCIDR(text)
		check(t, err)
		list, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Dst: dst}, netlink.RT_FILTER_DST)
		check(t, err)
		if len(list) == 0 {
			t.Fatalf("there is no route to %s", text)
		}
		return list[0]
	}
	if got := to("10.3.0.0/16"); got.MTU != 1400 || !got.MTULock || got.AdvMSS != 1300 ||
		got.InitCwnd != 10 || got.InitRwnd != 11 || got.Scope != netlink.SCOPE_LINK {
		t.Errorf("10.3.0.0/16 is %+v", got)
	}
	if got := to("10.8.0.0/16"); len(got.MultiPath) != 2 || got.MultiPath[0].Hops+got.MultiPath[1].Hops != 3 {
		t.Errorf("10.8.0.0/16 is %+v", got)
	}

	// One that is another now is not taken for ours; it can be put right.
	other := cfg.StaticRoutes[0]
	other.Via = other.Via.Next()
	check(t, r.ReplaceRoute(other))
	found, err = r.FindRoutes(keys[:1])
	check(t, err)
	if link.SameRoute(cfg.StaticRoutes[0], found[keys[0]]) {
		t.Error("a replaced route is taken for the wanted one")
	}
	check(t, r.ReplaceRoute(cfg.StaticRoutes[0]))

	for i, want := range cfg.StaticRoutes {
		check(t, r.RemoveRoute(keys[i], want.Protocol))
	}
	if found, err = r.FindRoutes(keys); err != nil || len(found) > 0 {
		t.Errorf("left: %+v, %v", found, err)
	}
}

func TestRulesReachTheKernelAndGo(t *testing.T) {
	dualWire(t)
	r := routesOf(t)
	cfg := parsed(t, "", `
		from 10.1.0.0/24 table 100 priority 2000
		to 10.2.0.0/24 lookup main preference 2001
		not from 10.3.0.0/24 fwmark 5/0xff table 100 order 2002
		iif left table 100 priority 2003
		oif left tos 4 table 1000 priority 2004
		from 10.4.0.0/24 blackhole priority 2005
		from 10.4.0.0/24 unreachable priority 2006
		from 10.4.0.0/24 prohibit priority 2007
		from 10.4.0.0/24 goto 30000 priority 2008
		from 10.4.0.0/24 suppress_prefixlength 0 table 1000 priority 2009
		uidrange 1000-2000 table 100 priority 2010
		ipproto tcp sport 100-200 dport 443 table 100 priority 2011
		from fd00::/64 table 100 priority 2012
		inet6 fwmark 3 table 100 priority 2013
		l3mdev priority 2014
		from 10.4.0.0/24 nop priority 2015
		tunnel-id 7 table 100 priority 2016 protocol static
		suppress_ifgroup 9 table 100 priority 2017`)
	if len(cfg.StaticRules) != 18 {
		t.Fatalf("%d of the rules were read", len(cfg.StaticRules))
	}
	var rules []conf.Rule
	for _, want := range cfg.StaticRules {
		if err := r.AddRule(want); err != nil {
			t.Errorf("%s: %v", want.Text, err)
		}
		if err := r.AddRule(want); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s a second time: %v", want.Text, err)
		}
		rules = append(rules, link.RuleOf(want))
	}
	found, err := r.FindRules(rules)
	check(t, err)
	for _, want := range rules {
		if !found[want] {
			t.Errorf("not found: %+v", want)
		}
	}
	list, err := netlink.RuleList(netlink.FAMILY_V4)
	check(t, err)
	seen := map[int]netlink.Rule{}
	for _, l := range list {
		seen[l.Priority] = l
	}
	if got := seen[2002]; !got.Invert || got.Mark != 5 || *got.Mask != 255 || got.Table != 100 ||
		got.Protocol != conf.ProtocolKeepalived {
		t.Errorf("rule 2002 is %+v", got)
	}
	if got := seen[2011]; got.Sport.Start != 100 || got.Sport.End != 200 ||
		got.Dport.Start != 443 || got.Dport.End != 443 {
		t.Errorf("rule 2011 is %+v", got)
	}
	if got := seen[2009]; got.SuppressPrefixlen != 0 || got.Table != 1000 {
		t.Errorf("rule 2009 is %+v", got)
	}
	for _, want := range rules {
		check(t, r.RemoveRule(want))
	}
	if found, err = r.FindRules(rules); err != nil || len(found) > 0 {
		t.Errorf("left: %+v, %v", found, err)
	}
}

func TestChangesOfRoutesAreTold(t *testing.T) {
	dualWire(t)
	k := kernel(t)
	r := routesOf(t)
	cfg := parsed(t, "10.1.0.0/16 via 10.0.0.9 table 100\nfd01::/64 dev left\n10.5.0.0/16 dev left",
		"from 10.1.0.0/24 table 100 priority 2000")
	ctx, cancel := context.WithCancel(context.Background())
	foreign := link.KeyOf(cfg.StaticRoutes[2])
	events, err := k.WatchRoutes(ctx, func(e link.RouteEvent) bool { return e.Route != foreign })
	check(t, err)
	for _, want := range cfg.StaticRoutes {
		check(t, r.AddRoute(want))
	}
	rule := link.RuleOf(cfg.StaticRules[0])
	check(t, r.AddRule(rule))
	other := cfg.StaticRoutes[0]
	other.Via = other.Via.Next()
	check(t, r.ReplaceRoute(other))
	check(t, r.RemoveRoute(foreign, conf.ProtocolKeepalived))
	check(t, r.RemoveRoute(link.KeyOf(cfg.StaticRoutes[1]), conf.ProtocolKeepalived))
	check(t, r.RemoveRule(rule))
	want := []link.RouteEvent{
		{Kind: link.RouteChanged, Route: link.KeyOf(other)},
		{Kind: link.RouteChanged, Route: link.KeyOf(cfg.StaticRoutes[1])},
		{Kind: link.RuleRemoved, Rule: rule},
	}
	for _, w := range want {
		select {
		case got := <-events:
			keys := cmp.Comparer(func(a, b link.RouteKey) bool { return a == b })
			rules := cmp.Comparer(func(a, b conf.Rule) bool { return a == b })
			if diff := cmp.Diff(w, got, keys, rules); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%+v was not told", w)
		}
	}
	cancel()
	for range events {
	}
	check(t, r.RemoveRoute(link.KeyOf(other), conf.ProtocolKeepalived))
}

func TestPromoteSecondaries(t *testing.T) {
	wire(t)
	r := routesOf(t)
	const file = "/proc/sys/net/ipv4/conf/left/promote_secondaries"
	check(t, os.WriteFile(file, []byte("0"), 0))
	for _, on := range []bool{true, true, false} {
		before, err := os.ReadFile(file)
		check(t, err)
		was, err := r.PromoteSecondaries("left", on)
		check(t, err)
		now, err := os.ReadFile(file)
		check(t, err)
		if was != (strings.TrimSpace(string(before)) == "1") || on != (strings.TrimSpace(string(now)) == "1") {
			t.Errorf("switched to %v: it was %v, the file had %s and has %s", on, was, before, now)
		}
	}
	if _, err := r.PromoteSecondaries("../all", true); err == nil {
		t.Error("a path was taken for an interface")
	}
}
