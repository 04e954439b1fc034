package realserver_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/realserver"
)

func vips(list ...string) (addresses []netip.Addr) {
	for _, s := range list {
		addresses = append(addresses, netip.MustParseAddr(s))
	}
	return addresses
}

// commands are the commands of a plan, without comments.
func commands(p realserver.Plan) string {
	var b strings.Builder
	for line := range strings.Lines(p.Commands()) {
		command, _, _ := strings.Cut(line, "#")
		b.WriteString(strings.TrimSpace(command) + "\n")
	}
	return b.String()
}

func TestWhatARealServerNeeds(t *testing.T) {
	const arp = "sysctl -w net.ipv4.conf.all.arp_ignore=1\nsysctl -w net.ipv4.conf.all.arp_announce=2\n"
	for name, tc := range map[string]struct {
		method conf.ForwardMethod
		vips   []netip.Addr
		want   string
	}{
		"DR": {conf.DR, vips("192.0.2.11", "192.0.2.10", "192.0.2.10"), arp +
			"ip address add 192.0.2.10/32 dev lo\nip address add 192.0.2.11/32 dev lo\n"},
		"DR, IPv6": {conf.DR, vips("2001:db8::10"), "ip address add 2001:db8::10/128 dev lo nodad preferred_lft 0\n"},
		"TUN": {conf.TUN, vips("192.0.2.10"), arp + "modprobe ipip\nip link set tunl0 up\n" +
			"sysctl -w net.ipv4.conf.tunl0.rp_filter=2\nip address add 192.0.2.10/32 dev tunl0\n"},
		"TUN, IPv6": {conf.TUN, vips("2001:db8::10"),
			"modprobe ip6_tunnel\nip link set ip6tnl0 up\nip address add 2001:db8::10/128 dev ip6tnl0 nodad " +
				"preferred_lft 0\n"},
		"NAT": {conf.NAT, vips("192.0.2.10"), "ip route replace default via DIRECTOR\n"},
	} {
		p, err := realserver.For(tc.vips, tc.method)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, commands(p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, bad := range []string{"0.0.0.0", "224.0.0.18", "127.0.0.1", "::ffff:192.0.2.1", "fe80::1%eth0"} {
		if _, err := realserver.For(vips(bad), conf.DR); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	if _, err := realserver.For(nil, conf.DR); err == nil {
		t.Error("no address is taken")
	}
}

func TestOtherForms(t *testing.T) {
	p, err := realserver.For(vips("192.0.2.10"), conf.TUN)
	if err != nil {
		t.Fatal(err)
	}
	for form, want := range map[string][]string{
		p.Sysctl():   {"net.ipv4.conf.all.arp_ignore = 1\n", "net.ipv4.conf.tunl0.rp_filter = 2\n"},
		p.Ifupdown(): {"iface tunl0 inet manual\n", "pre-up modprobe ipip\n", "down ip address del 192.0.2.10/32 dev tunl0"},
		p.Networkd(): {"[Match]\nName=tunl0\n", "Address=192.0.2.10/32\n", "arp_announce = 2"},
		p.Words():    {"arptables", "static ARP entry", "FreeBSD", "Windows"},
	} {
		for _, w := range want {
			if !strings.Contains(form, w) {
				t.Errorf("want %q in:\n%s", w, form)
			}
		}
	}
}

func TestAConfigurationSaysWhatItsServersNeed(t *testing.T) {
	cfg, findings := load.LoadText("t", "virtual_server 192.0.2.10 80 {\n lb_algo rr\n lb_kind DR\n protocol TCP\n"+
		" real_server 10.0.0.2 80 {\n }\n}\nvirtual_server 192.0.2.11 80 {\n lb_algo rr\n lb_kind TUN\n protocol TCP\n"+
		" real_server 10.0.0.3 80 {\n }\n}\n", load.Options{})
	if conf.HasErrors(findings) {
		t.Fatal(findings)
	}
	all, err := realserver.Configured(cfg, netip.Addr{})
	if err != nil || len(all.Devices) != 2 || len(all.Settings) != 3 {
		t.Errorf("%+v, %v", all, err)
	}
	one, err := realserver.Configured(cfg, netip.MustParseAddr("10.0.0.2"))
	if err != nil || len(one.Devices) != 1 || one.Devices[0].Name != "lo" {
		t.Errorf("%+v, %v", one, err)
	}
	if _, err := realserver.Configured(cfg, netip.MustParseAddr("10.0.0.4")); err == nil {
		t.Error("a server that is not there needs something")
	}
}
