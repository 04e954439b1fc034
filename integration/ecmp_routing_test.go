//go:build linux

package integration_test

import "fmt"

// The configurations of the routing daemons, as docs/ecmp.md has them.

// bfdProfile is FRR's: three times 300 ms.
const bfdProfile = `bfd
 profile fast
  detect-multiplier 3
  receive-interval 300
  transmit-interval 300
 exit
exit
`

// vipLists are FRR's: nothing but addresses of the prefix of virtual addresses goes in or out.
const vipLists = `ip prefix-list VIPS seq 5 permit 203.0.113.0/24 ge 32
route-map VIPS permit 10
 match ip address prefix-list VIPS
exit
route-map NONE deny 10
exit
`

// routerBGP is bgpd's configuration on the router.
func (e *ecmp) routerBGP() string {
	bfd := ""
	if e.bfd {
		bfd = " neighbor LB bfd profile fast\n"
	}
	return `router bgp 65000
 bgp router-id 192.0.2.1
 neighbor LB peer-group
 neighbor LB remote-as 65001
` + e.timers("LB") + bfd + ` bgp listen limit 16
 bgp listen range 192.0.2.0/24 peer-group LB
 address-family ipv4 unicast
  neighbor LB route-map VIPS in
  neighbor LB route-map NONE out
  maximum-paths 16
 exit-address-family
exit
` + vipLists
}

// speakerBGP is bgpd's configuration on director i.
func (e *ecmp) speakerBGP(i int) string {
	bfd := ""
	if e.bfd {
		bfd = " neighbor 192.0.2.1 bfd profile fast\n"
	}
	return fmt.Sprintf(`router bgp 65001
 bgp router-id %s
 neighbor 192.0.2.1 remote-as 65000
%s neighbor 192.0.2.1 timers connect 1
%s address-family ipv4 unicast
  redistribute connected route-map VIP
  neighbor 192.0.2.1 route-map VIPS out
  neighbor 192.0.2.1 route-map NONE in
 exit-address-family
exit
route-map VIP permit 10
 match interface announce0
 match ip address prefix-list VIPS
exit
`, e.address(i), e.timers("192.0.2.1"), bfd) + vipLists
}

// bird is BIRD's configuration on director i.
func (e *ecmp) bird(i int) string {
	protocol, line := "", ""
	if e.bfd {
		protocol = "protocol bfd { interface \"eth0\" { interval 300 ms; multiplier 3; }; }\n"
		line = "    bfd on;\n"
	}
	return fmt.Sprintf(`log stderr all;
router id %s;
protocol device { scan time 10; }
protocol direct vips { ipv4; interface "announce0"; }
%sprotocol bgp edge {
    local %s as 65001;
    neighbor 192.0.2.1 as 65000;
    hold time %d;
    keepalive time %d;
    connect retry time 1;
    connect delay time 1;
    error wait time 1, 5;
%s    ipv4 {
        import none;
        export filter { if source = RTS_DEVICE && net ~ [203.0.113.0/24{32,32}] then accept; reject; };
    };
}
`, e.address(i), protocol, e.address(i), int(e.hold.Seconds()), int(e.hold.Seconds())/3, line)
}

// timers of a neighbor or peer group of FRR.
func (e *ecmp) timers(neighbor string) string {
	hold := int(e.hold.Seconds())
	return fmt.Sprintf(" neighbor %s timers %d %d\n", neighbor, hold/3, hold)
}
