package load_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
)

// unicast is a good unicast instance with the lines given, from line 4 on.
func unicast(lines ...string) string {
	return "vrrp_instance A {\n    interface eth0\n    virtual_router_id 1\n" + strings.Join(lines, "\n") + "\n}\n"
}

// at is a virtual server with a good real server.
func at(name string) string {
	real := "real_server 10.0.0.1 80 {\n}\n"
	if strings.Contains(name, "::") {
		real = "real_server fd00::1 80 {\n}\n"
	}
	return "virtual_server " + name + " {\nprotocol TCP\nlvs_sched rr\nlvs_method DR\n" + real + "}\n"
}

// TestAddressesThatServeNobody: keepalived -t is silent on all of them but the
// label, and they are configured for nothing.
func TestAddressesThatServeNobody(t *testing.T) {
	vip := "virtual_ipaddress {\n192.0.2.10/24\n}"
	for name, tc := range map[string]struct{ text, want string }{
		"any address":           {in("virtual_ipaddress {\n0.0.0.0/0\n}"), `6:1: virtual address 0.0.0.0/0 serves nobody: it stands for any address, and the kernel does not keep it`},
		"any IPv6 address":      {in("virtual_ipaddress_excluded {\n::\n}"), `6:1: virtual address ::/128 serves nobody: it stands for any address`},
		"this network":          {in("virtual_ipaddress {\n0.0.0.5/24\n}"), `6:1: virtual address 0.0.0.5/24 serves nobody: other hosts refuse addresses of 0.0.0.0/8`},
		"multicast":             {in("virtual_ipaddress {\n224.0.0.5/24\n}"), `6:1: virtual address 224.0.0.5/24 serves nobody: it is a multicast group`},
		"IPv6 multicast":        {in("virtual_ipaddress_excluded {\nff02::5\n}"), `6:1: virtual address ff02::5/128 serves nobody: it is a multicast group`},
		"a group that is meant": {in("virtual_ipaddress {\n224.0.0.5/24 autojoin\n}"), ``},
		"loopback":              {in("virtual_ipaddress {\n127.0.0.5/8\n}"), `6:1: virtual address 127.0.0.5/8 serves nobody: it is a loopback address, which no other host can reach`},
		"loopback on lo":        {in("virtual_ipaddress {\n127.0.0.5/8 dev lo\n}"), ``},
		"IPv6 loopback":         {in("virtual_ipaddress_excluded {\n::1\n}"), `6:1: virtual address ::1/128 serves nobody: it is a loopback address`},
		"broadcast everywhere":  {in("virtual_ipaddress {\n255.255.255.255\n}"), `6:1: virtual address 255.255.255.255/32 serves nobody: it is the broadcast address of every network`},
		"broadcast":             {in("virtual_ipaddress {\n192.0.2.255/24\n}"), `6:1: virtual address 192.0.2.255/24 serves nobody: it is the broadcast address of 192.0.2.0/24`},
		"network":               {in("virtual_ipaddress {\n192.0.2.0/24\n}"), `6:1: virtual address 192.0.2.0/24 serves nobody: it is the address of the network itself`},
		"IPv6 network":          {in("virtual_ipaddress_excluded {\n2001:db8::/64\n}"), `6:1: virtual address 2001:db8::/64 serves nobody: it is the address of the network itself`},
		"point to point":        {in("virtual_ipaddress {\n192.0.2.0/31\n192.0.2.255/32\n}"), ``},
		"IPv4 as IPv6":          {in("virtual_ipaddress_excluded {\n::ffff:192.0.2.1\n}"), `6:1: virtual address ::ffff:192.0.2.1/128 serves nobody: it is an IPv4 address written as IPv6`},
		"every host a neighbour": {in("virtual_ipaddress {\n192.0.2.10/0\n}"),
			`6:1: virtual address 192.0.2.10/0 would make every host a neighbour: its mask is 0`},
		"static": {"static_ipaddress {\n224.0.0.5/24 dev eth0\n}\n" + in(""), `2:1: static address 224.0.0.5/24 serves nobody: it is a multicast group`},
		"label": {in("virtual_ipaddress {\n10.0.0.9/24 label eth0:abcdefghijklmn\n}"),
			`6:19: label "eth0:abcdefghijklmn" is longer than 15 characters: the address is ignored`},

		"virtual server is any":       {at("0.0.0.0 80"), `1:1: virtual server address 0.0.0.0 serves nobody: it stands for any address`},
		"virtual server is any IPv6":  {at(":: 80"), `1:1: virtual server address :: serves nobody: it stands for any address`},
		"virtual server is a group":   {at("224.0.0.5 80"), `1:1: virtual server address 224.0.0.5 serves nobody: it is a multicast group`},
		"virtual server in a group":   {"virtual_server_group G {\n224.0.0.5-7 80\n}\n" + at("group G"), `4:1: virtual server address 224.0.0.5 serves nobody: it is a multicast group`},
		"virtual server everywhere":   {at("255.255.255.255 80"), `1:1: virtual server address 255.255.255.255 serves nobody: it is the broadcast address`},
		"virtual server on this host": {at("127.0.0.1 80"), ``},

		"peer is a group":   {unicast("unicast_peer {\n224.0.0.18\n}", vip), `5:1: (A) unicast_peer 224.0.0.18 cannot be another router: it is a multicast group`},
		"peer is any":       {unicast("unicast_peer {\n0.0.0.0\n}", vip), `5:1: (A) unicast_peer 0.0.0.0 cannot be another router: it stands for any address`},
		"peer is loopback":  {unicast("unicast_peer {\n127.0.0.1\n}", vip), `5:1: (A) unicast_peer 127.0.0.1 cannot be another router: it is a loopback address`},
		"peer is broadcast": {unicast("unicast_peer {\n255.255.255.255\n}", vip), `5:1: (A) unicast_peer 255.255.255.255 cannot be another router: it is the broadcast address of every network`},
		"peer is a VIP":     {unicast("unicast_peer {\n192.0.2.10\n192.0.2.252\n}", vip), `5:1: (A) unicast_peer 192.0.2.10 is a virtual address of the instance`},
		"peer is the router": {unicast("unicast_src_ip 192.0.2.251", "unicast_peer {\n192.0.2.251\n}", vip),
			`6:1: (A) the only peer 192.0.2.251 is the instance's own unicast_src_ip: no other router hears it`},
		"source is a VIP": {unicast("unicast_src_ip 192.0.2.10", "unicast_peer {\n192.0.2.252\n}", vip),
			`4:1: (A) source address 192.0.2.10 is a virtual address of the instance: this router does not have it before it is MASTER`},
		"source of the owner": {unicast("priority 255", "mcast_src_ip 192.0.2.10", vip), ``},
		"source is a group":   {unicast("mcast_src_ip 224.0.0.1", vip), `4:1: (A) source address 224.0.0.1 cannot be one of this router: it is a multicast group`},
		"gateway is a VIP": {unicast(vip, "virtual_routes {\n10.0.0.0/8 via 192.0.2.10 dev eth0\n}"),
			`8:1: (A) the gateway 192.0.2.10 of the route to 10.0.0.0/8 is a virtual address of this router`},
		"gateway is a group": {unicast(vip, "virtual_routes {\n10.0.0.0/8 via 224.0.0.1 dev eth0\n}"),
			`8:1: (A) the gateway 224.0.0.1 of the route to 10.0.0.0/8 cannot be a router: it is a multicast group`},
		"hop is a VIP": {unicast(vip, "virtual_routes {\n"+
			"10.0.0.0/8 nexthop via 192.0.2.10 dev eth0 nexthop via 192.0.2.1 dev eth0\n}"),
			`8:1: (A) the gateway 192.0.2.10 of the route to 10.0.0.0/8 is a virtual address of this router`},
	} {
		t.Run(name, func(t *testing.T) {
			_, findings := load.LoadText("t.conf", tc.text, load.Options{ConfigID: "nobody"})
			var said []string
			for _, f := range findings {
				if f.Severity == conf.Error {
					t.Errorf("keepalived runs it: %v", f)
				}
				if f.Unserved {
					said = append(said, fmt.Sprintf("%d:%d: %s", f.Pos.Line, f.Pos.Col, f.Message))
				}
			}
			switch {
			case tc.want == "" && len(said) > 0:
				t.Errorf("said %q of what serves", said)
			case tc.want != "" && (len(said) != 1 || !strings.HasPrefix(said[0], tc.want)):
				t.Errorf("said %q\nwant %q", said, tc.want)
			}
		})
	}
}

// TestAPeerListOfAllRouters: a list that all routers share has their own
// address too, and that is no fault.
func TestAPeerListOfAllRouters(t *testing.T) {
	_, findings := load.LoadText("t.conf", unicast("unicast_src_ip 192.0.2.251",
		"unicast_peer {\n192.0.2.251\n192.0.2.252\n}", "virtual_ipaddress {\n192.0.2.10/24\n}"), load.Options{})
	for _, f := range findings {
		if f.Severity != conf.Note {
			t.Errorf("said %v", f)
		}
	}
}
