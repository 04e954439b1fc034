package hostcheck

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
)

func TestOtherLoadBalancersAreRecognised(t *testing.T) {
	const keepalived, director = "/etc/keepalived/keepalived.conf", ""
	for _, tc := range []struct {
		name, argv    string
		ours          bool
		program, file string // no program: it is none
	}{
		{"keepalived", "/usr/sbin/keepalived --dont-fork -f /etc/k.conf", false, "keepalived", "/etc/k.conf"},
		{"keepalived", "keepalived -nlD", false, "keepalived", keepalived},
		{"keepalived", "keepalived -nlf k.conf", false, "keepalived", "k.conf"},
		{"keepalived", "keepalived -f/etc/k.conf", false, "keepalived", "/etc/k.conf"},
		{"keepalived", "keepalived --use-file=/etc/k.conf", false, "keepalived", "/etc/k.conf"},
		{"keepalived", "keepalived --use-file /etc/k.conf -n", false, "keepalived", "/etc/k.conf"},
		{"keepalived", "keepalived -t -f /etc/k.conf", false, "", ""},
		{"director", "/usr/local/sbin/director run -f d.conf", false, "director", "d.conf"},
		{"director", "director run", false, "director", director},
		{"director", "director -n -l -f d.conf", false, "director", "d.conf"},
		{"exe", "director worker vrrp --run-dir /run/director", false, "", ""},
		{"director", "director status", false, "", ""},
		{"vim", "vim /etc/keepalived/keepalived.conf", false, "", ""},
		// director installed in the place of keepalived
		{"director", "/usr/sbin/keepalived -n -f k.conf", false, "director", "k.conf"},
		{"keepalived", "/usr/sbin/keepalived -n -f k.conf", true, "director", "k.conf"},
		{"director: vrrp", "/usr/sbin/keepalived worker vrrp --run-dir /run/director -- -n -f k.conf", false, "", ""},
		{"exe", "/usr/sbin/keepalived worker lvs --run-dir /run/director", false, "", ""},
		{"director: lvs", "keepalived", true, "", ""},
		{"keepalived", "keepalived status", false, "", ""},
		{"keepalived", "keepalived --version", false, "", ""},
	} {
		p := process{tc.name, strings.Fields(tc.argv), tc.ours}
		program, file, ok := p.loadBalancer()
		if program != tc.program || file != tc.file || ok != (tc.program != "") {
			t.Errorf("%s (%s): %q, %q, %v; want %q, %q", tc.argv, tc.name, program, file, ok, tc.program, tc.file)
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
		return &conf.Config{VirtualServers: []*conf.VirtualServer{{Key: conf.ServiceKey{Protocol: p,
			Address: netip.MustParseAddr(addr), Port: 53}}}}
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
