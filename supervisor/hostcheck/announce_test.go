package hostcheck

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
)

// TestAnnounce: an announced address is in no network of this host, and on no interface but its own,
// which director has made.
func TestAnnounce(t *testing.T) {
	prefix := netip.MustParsePrefix
	for name, c := range map[string]struct {
		words string // of the block
		host  func(map[string]hostInterface)
		want  string // severity, place and text; empty is nothing
	}{
		"a prefix of its own": {"", func(map[string]hostInterface) {}, ""},
		"announced already": {"", func(m map[string]hostInterface) {
			m["announce0"] = hostInterface{alias: conf.AnnounceMark, networks: []netip.Prefix{prefix("203.0.113.100/32")}}
		}, ""},
		"on link": {"", func(m map[string]hostInterface) {
			m["eth2"] = hostInterface{networks: []netip.Prefix{prefix("192.0.2.1/24"), prefix("203.0.113.1/24")}}
		},
			"error 2:21 announce A: 203.0.113.100 is in the network 203.0.113.0/24 of eth2, where every director would"},
		"IPv6 on link": {"virtual_ipaddress { 2001:db8:5::100 }\n", func(m map[string]hostInterface) {
			m["eth2"] = hostInterface{networks: []netip.Prefix{prefix("2001:db8:5::1/64")}}
		}, "error 3:21 announce A: 2001:db8:5::100 is in the network 2001:db8:5::/64 of eth2, where every director would " +
			"answer neighbour discovery"},
		"on link and allowed": {"allow_onlink\n", func(m map[string]hostInterface) {
			m["eth2"] = hostInterface{networks: []netip.Prefix{prefix("203.0.113.1/24")}}
		}, ""},
		"somebody else's interface": {"", func(m map[string]hostInterface) { m["announce0"] = hostInterface{alias: "mine"} },
			"error 1:1 announce A: interface announce0 is there, and director has not made it"},
		"on lo": {"", func(m map[string]hostInterface) {
			m["lo"] = hostInterface{up: true, networks: []netip.Prefix{prefix("203.0.113.100/32")}}
		}, "warning 2:21 announce A: 203.0.113.100 is on lo already: a routing daemon takes it from there"},
		"on another one": {"", func(m map[string]hostInterface) {
			m["eth2"] = hostInterface{networks: []netip.Prefix{prefix("203.0.113.100/24")}}
		}, "warning 2:21 announce A: 203.0.113.100 is on eth2 already"},
		"tracked": {"track_interface { eth9 }\n", func(map[string]hostInterface) {},
			"warning 3:1 this host has no interface eth9"},
	} {
		t.Run(name, func(t *testing.T) {
			h := goodHost()
			c.host(h.interfaces)
			cfg, findings := load.LoadText("lb.conf", "announce A {\nvirtual_ipaddress { 203.0.113.100 }\n"+c.words+"}\n",
				load.Options{})
			if conf.HasErrors(findings) {
				t.Fatal(findings)
			}
			said := ""
			for _, f := range Findings(cfg, h) {
				said += f.Severity.String() + " " + strings.TrimPrefix(f.Pos.String(), "lb.conf:") + " " + f.Message + "\n"
			}
			if c.want == "" && said != "" || !strings.Contains(said, c.want) {
				t.Errorf("said %q, want %q", said, c.want)
			}
		})
	}
}
