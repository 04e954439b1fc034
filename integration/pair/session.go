//go:build linux

package pair

import (
	"fmt"
	"time"
)

// Session is how directors and the router speak, as docs/ecmp.md has it: the router is 192.0.2.1, the directors are in
// its network, and virtual addresses are in 203.0.113.0/24.
type Session struct {
	Hold time.Duration // how long one waits for the other, whole multiples of 3 s
	BFD  bool          // also watch each other three times in 900 ms
}

// bfdProfile is FRR's: three times 300 ms.
const bfdProfile = `bfd
 profile fast
  detect-multiplier 3
  receive-interval 300
  transmit-interval 300
 exit
exit
`

// vipLists are of FRR: nothing but addresses of the prefix of virtual addresses goes in or out. They come first,
// since bgpd redistributes nothing by a route map that a later line defines.
const vipLists = `ip prefix-list VIPS seq 5 permit 203.0.113.0/24 ge 32
route-map VIPS permit 10
 match ip address prefix-list VIPS
 set origin igp
exit
route-map NONE deny 10
exit
`

// Router is bgpd's configuration on the router.
func (s Session) Router() string {
	bfd := ""
	if s.BFD {
		bfd = " neighbor LB bfd profile fast\n"
	}
	return vipLists + `router bgp 65000
 bgp router-id 192.0.2.1
 neighbor LB peer-group
 neighbor LB remote-as 65001
` + s.timers("LB") + bfd + ` bgp listen limit 16
 bgp listen range 192.0.2.0/24 peer-group LB
 address-family ipv4 unicast
  neighbor LB route-map VIPS in
  neighbor LB route-map NONE out
  maximum-paths 16
 exit-address-family
exit
`
}

// FRR is bgpd's configuration on the director with an address.
func (s Session) FRR(address string) string {
	bfd := ""
	if s.BFD {
		bfd = " neighbor 192.0.2.1 bfd profile fast\n"
	}
	return vipLists + fmt.Sprintf(`route-map VIP permit 10
 match interface announce0
 match ip address prefix-list VIPS
exit
router bgp 65001
 bgp router-id %s
 neighbor 192.0.2.1 remote-as 65000
%s neighbor 192.0.2.1 timers connect 1
%s address-family ipv4 unicast
  redistribute connected route-map VIP
  neighbor 192.0.2.1 route-map VIPS out
  neighbor 192.0.2.1 route-map NONE in
 exit-address-family
exit
`, address, s.timers("192.0.2.1"), bfd)
}

// BIRD is BIRD's configuration on the director with an address.
func (s Session) BIRD(address string) string {
	protocol, line := "", ""
	if s.BFD {
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
`, address, protocol, address, int(s.Hold.Seconds()), int(s.Hold.Seconds())/3, line)
}

// timers of a neighbor or peer group of FRR.
func (s Session) timers(neighbor string) string {
	hold := int(s.Hold.Seconds())
	return fmt.Sprintf(" neighbor %s timers %d %d\n", neighbor, hold/3, hold)
}

// BFDd is bfdd's configuration on all of them; empty without BFD.
func (s Session) BFDd() string {
	if !s.BFD {
		return ""
	}
	return bfdProfile
}
