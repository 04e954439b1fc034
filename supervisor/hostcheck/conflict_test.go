package hostcheck

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
)

func TestOtherLoadBalancersAreRecognised(t *testing.T) {
	for _, tc := range []struct {
		argv          string
		program, file string
		ok            bool
	}{
		{"/usr/sbin/keepalived --dont-fork -f /etc/k.conf", "keepalived", "/etc/k.conf", true},
		{"keepalived -nlD", "keepalived", "/etc/keepalived/keepalived.conf", true},
		{"keepalived -nlf k.conf", "keepalived", "k.conf", true},
		{"keepalived -f/etc/k.conf", "keepalived", "/etc/k.conf", true},
		{"keepalived --use-file=/etc/k.conf", "keepalived", "/etc/k.conf", true},
		{"keepalived --use-file /etc/k.conf -n", "keepalived", "/etc/k.conf", true},
		{"keepalived -t -f /etc/k.conf", "", "", false},
		{"/usr/local/sbin/director run -f d.conf", "director", "d.conf", true},
		{"director run", "director", "", true},
		{"director -n -l -f d.conf", "director", "d.conf", true},
		{"director worker vrrp --run-dir /run/director", "", "", false},
		{"director status", "", "", false},
		{"vim /etc/keepalived/keepalived.conf", "", "", false},
	} {
		program, file, ok := otherProgram(strings.Fields(tc.argv))
		if program != tc.program && tc.ok || file != tc.file && tc.ok || ok != tc.ok {
			t.Errorf("%s: %q, %q, %v; want %q, %q, %v", tc.argv, program, file, ok, tc.program, tc.file, tc.ok)
		}
	}
}

func TestConflict(t *testing.T) {
	v4 := []conf.Address{{Prefix: netip.MustParsePrefix("10.0.0.1/32")}}
	v6 := []conf.Address{{Prefix: netip.MustParsePrefix("2001:db8::1/128")}}
	instance := func(vrid uint8, link string, a []conf.Address) *conf.Config {
		return &conf.Config{Instances: []*conf.Instance{{VRID: vrid, Interface: link, Addresses: a}}}
	}
	service := func(addr string, p conf.Protocol) *conf.Config {
		return &conf.Config{VirtualServers: []*conf.VirtualServer{{Key: conf.ServiceKey{Protocol: p, Address: netip.MustParseAddr(addr), Port: 53}}}}
	}
	for name, tc := range map[string]struct {
		a, b *conf.Config
		want string
	}{
		"same VRID":           {instance(51, "eth0", v4), instance(51, "eth0", v4), "virtual_router_id 51 on eth0"},
		"another link":        {instance(51, "eth0", v4), instance(51, "eth1", v4), ""},
		"another VRID":        {instance(51, "eth0", v4), instance(52, "eth0", v4), ""},
		"another family":      {instance(51, "eth0", v4), instance(51, "eth0", v6), ""},
		"same virtual server": {service("10.0.0.1", conf.UDP), service("10.0.0.1", conf.UDP), "[10.0.0.1]:udp:53"},
		"another protocol":    {service("10.0.0.1", conf.TCP), service("10.0.0.1", conf.UDP), ""},
		"cannot be read":      {service("10.0.0.1", conf.TCP), nil, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			got := conflict(tc.a, tc.b)
			if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
