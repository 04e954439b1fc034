package conf_test

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/lvs-director/director/conf"
)

// TestIdentitiesAreReadBackFromTheirText: what names an object in a file or a
// message names the same one after it was read.
func TestIdentitiesAreReadBackFromTheirText(t *testing.T) {
	addr := netip.MustParseAddr
	tcp := conf.ServiceKey{Protocol: conf.TCP, Address: addr("192.0.2.10"), Port: 80}
	udp6 := conf.ServiceKey{Protocol: conf.UDP, Address: addr("2001:db8::1"), Port: 53}
	server := conf.ServerKey{Address: addr("10.0.0.2"), Port: 8080}
	server6 := conf.ServerKey{Address: addr("2001:db8::2"), Port: 53}
	for _, tc := range []struct {
		id   any
		text string
	}{
		{conf.InstanceID{Interface: "eth0", VRID: 51}, "eth0/ipv4/51"},
		{conf.InstanceID{Interface: "bond0.100", IPv6: true, VRID: 255}, "bond0.100/ipv6/255"},
		{conf.InstanceID{VRID: 1, Apart: addr("192.0.2.1")}, "/ipv4/1/192.0.2.1"},
		{conf.ServiceID{Key: tcp}, "[192.0.2.10]:tcp:80"},
		{conf.ServiceID{Key: udp6}, "[2001:db8::1]:udp:53"},
		{conf.ServiceID{Key: conf.ServiceKey{Protocol: 7, Address: addr("192.0.2.1")}}, "[192.0.2.1]:proto7:0"},
		{conf.ServiceID{Key: conf.ServiceKey{FWMark: 5}}, "FWM 5"},
		{conf.ServiceID{Key: conf.ServiceKey{FWMark: 5, IPv6: true}}, "FWM 5 inet6"},
		{conf.ServiceID{Group: "web"}, "[web]:0"},
		{conf.ServiceID{Group: "a]:tcp:80/"}, "[a]:tcp:80/]:0"},
		{conf.RealServerID{Service: conf.ServiceID{Key: tcp}, Server: server}, "[192.0.2.10]:tcp:80/[10.0.0.2]:8080"},
		{conf.RealServerID{Service: conf.ServiceID{Group: "a/b"}, Server: server6}, "[a/b]:0/[2001:db8::2]:53"},
	} {
		encoded, err := json.Marshal(tc.id)
		if want := `"` + tc.text + `"`; err != nil || string(encoded) != want {
			t.Errorf("%#v is %s (%v), want %s", tc.id, encoded, err, want)
		}
		var back any
		switch tc.id.(type) {
		case conf.InstanceID:
			back, err = conf.ParseInstanceID(tc.text)
		case conf.ServiceID:
			back, err = conf.ParseServiceID(tc.text)
		case conf.RealServerID:
			back, err = conf.ParseRealServerID(tc.text)
		}
		if err != nil || back != tc.id {
			t.Errorf("%s is read as %#v (%v), want %#v", tc.text, back, err, tc.id)
		}
	}
	// Events write the protocol into the text of a real server.
	got, err := conf.ParseRealServer("[192.0.2.10]:tcp:80", "[10.0.0.2]:tcp:8080")
	if want := (conf.RealServerID{Service: conf.ServiceID{Key: tcp}, Server: server}); err != nil || got != want {
		t.Errorf("the texts of an event are %#v (%v), want %#v", got, err, want)
	}
}

// TestIdentitiesRefuseOtherText: a file or message of another version, or
// damaged, names nothing rather than something else.
func TestIdentitiesRefuseOtherText(t *testing.T) {
	for _, s := range []string{
		"", "eth0", "eth0/ipv4", "eth0/ipv5/1", "eth0/ipv4/256", "eth0/ipv4/-1", "eth0/ipv4/1/x", "eth0/ipv4/1/192.0.2.1/2",
	} {
		if id, err := conf.ParseInstanceID(s); err == nil {
			t.Errorf("instance %q is read as %v", s, id)
		}
	}
	for _, s := range []string{
		"", "[]:0", "FWM", "FWM 0", "FWM x", "FWM 4294967296", "192.0.2.1:tcp:80", "[192.0.2.1]:80", "[192.0.2.1]:tcp:65536",
		"[192.0.2.1]:tpc:80", "[x]:tcp:80", "[192.0.2.1]:proto256:1", "[192.0.2.1]:proto:1",
	} {
		if id, err := conf.ParseServiceID(s); err == nil {
			t.Errorf("virtual server %q is read as %v", s, id)
		}
	}
	for _, s := range []string{"", "/", "[192.0.2.1]:tcp:80", "[192.0.2.1]:tcp:80/", "[192.0.2.1]:tcp:80/10.0.0.2",
		"FWM 5/[10.0.0.2]:x"} {
		if id, err := conf.ParseRealServerID(s); err == nil {
			t.Errorf("real server %q is read as %v", s, id)
		}
	}
	if _, err := conf.ParseSyncGroupID(""); err == nil {
		t.Error("a sync group without a name")
	}
}
