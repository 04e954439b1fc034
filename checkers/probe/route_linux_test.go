package probe_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
)

// TestRoutesThatLeadNowhere: the reason names the kind of the route, whose errno says
// something else.
func TestRoutesThatLeadNowhere(t *testing.T) {
	p := newProber(t)
	for _, test := range []struct {
		kind   int
		server string
		want   string
	}{
		{unix.RTN_BLACKHOLE, "10.78.0.1", "the route to it is of type blackhole"},
		{unix.RTN_PROHIBIT, "10.78.0.2", "the route to it is of type prohibit"},
		{unix.RTN_UNREACHABLE, "10.78.0.3", "no route to host"},
	} {
		ping := &conf.Checker{Kind: conf.PingCheck, ConnectIP: netip.MustParseAddr(test.server), Timeout: time.Second}
		to, err := netlink.ParseIPNet(test.server + "/32")
		if err != nil {
			t.Fatal(err)
		}
		route := &netlink.Route{Dst: to, Type: test.kind}
		if err := netlink.RouteAdd(route); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { netlink.RouteDel(route) })
		wantResult(t, run(t, p, tcpCheck(netip.MustParseAddrPort(test.server+":80"))), false, false, test.want)
		wantResult(t, run(t, p, ping), false, false, test.want)
	}
}
