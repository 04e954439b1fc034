package load_test

import (
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
)

// TestEveryInstanceHasAnIdentityOfItsOwn, also where keepalived lets one
// virtual router ID stand several times on an interface; a name is no part of it.
func TestEveryInstanceHasAnIdentityOfItsOwn(t *testing.T) {
	instance := func(name, more string) string {
		return "vrrp_instance " + name + " {\ninterface eth0\nvirtual_router_id 51\n" + more + "\n}\n"
	}
	peer := func(src string) string { return "unicast_src_ip " + src + "\nunicast_peer {\n192.0.2.9\n}\n" }
	vip := "virtual_ipaddress {\n192.0.2.10\n}"
	text := instance("A", vip) + instance("B", peer("192.0.2.1")+vip) + instance("C", peer("192.0.2.2")+vip) +
		instance("D", "virtual_ipaddress {\n2001:db8::1\n}")
	cfg, findings := load.LoadText("test.conf", text, load.Options{})
	if conf.HasErrors(findings) {
		t.Fatal(findings)
	}
	var got []string
	for _, in := range cfg.Instances {
		got = append(got, in.ID().String())
	}
	want := "eth0/ipv4/51 eth0/ipv4/51/192.0.2.1 eth0/ipv4/51/192.0.2.2 eth0/ipv6/51"
	if strings.Join(got, " ") != want {
		t.Errorf("identities %v, want %s", got, want)
	}
	for _, twice := range []string{
		instance("A", vip) + instance("B", vip),
		instance("A", peer("192.0.2.1")+vip) + instance("B", peer("192.0.2.1")+vip),
		text + instance("E", peer("192.0.2.2")+vip),
	} {
		if _, findings := load.LoadText("test.conf", twice, load.Options{}); !conf.HasErrors(findings) {
			t.Errorf("no error for\n%s", twice)
		}
	}
}
