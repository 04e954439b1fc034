package bus

import (
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker/front"
)

// TestPaths: objects stand where keepalived has them, whatever the names; what would stand at the same
// place is said.
func TestPaths(t *testing.T) {
	tree := newTree(front.DBus{
		Name: "org.keepalived.Vrrp1", Namespace: "blue.1", Instance: "a/b", NoInterface: "none",
		Instances: []front.DBusInstance{
			{ID: "1", Name: "dotted", Interface: "eth0.10-x", VRID: 51},
			{ID: "2", Name: "six", Interface: "eth0", VRID: 255, IPv6: true},
			{ID: "3", Name: "without", VRID: 7},
			{ID: "4", Name: "the same\x00\xff", Interface: "eth0_10_x", VRID: 51},
			{ID: "5", Name: "hostile", Interface: "\"><&\xff", VRID: 1},
		},
	})
	for id, want := range map[string]string{
		"1": "eth0_10_x/51/IPv4", "2": "eth0/255/IPv6", "3": "none/7/IPv4", "5": "_____/1/IPv4",
	} {
		path := dbus.ObjectPath("/org/keepalived/Vrrp1/blue_1/a_b/Instance/" + want)
		if got := tree.byID[id]; got == nil || got.path != path {
			t.Errorf("%s is %+v, want %s", id, got, want)
		}
	}
	if tree.vrrp != "/org/keepalived/Vrrp1/blue_1/a_b/Vrrp" {
		t.Errorf("the object for all is at %s", tree.vrrp)
	}
	if got := tree.problem(); tree.byID["4"] != nil || !strings.Contains(got, "the same??") {
		t.Errorf("what has no object: %q", got)
	}
	for path := range tree.children {
		if !path.IsValid() {
			t.Errorf("%q is no path", path)
		}
		if text, ok := tree.introspect(path); !ok || !strings.Contains(text, "<node name=") {
			t.Errorf("%s leads nowhere: %q", path, text)
		}
	}
	if _, ok := tree.introspect("/org/keepalived/Vrrp2"); ok {
		t.Error("there is something beside")
	}
}

// TestStates: the numbers are keepalived's.
func TestStates(t *testing.T) {
	for s, want := range map[event.VRRPState]state{
		event.Init: {0, "Init"}, event.Backup: {1, "Backup"}, event.Master: {2, "Master"}, event.Fault: {3, "Fault"},
		event.Stop: {98, "Stop"},
	} {
		if got := stateOf(s); got != want {
			t.Errorf("%v is %v", s, got)
		}
	}
}

// TestAddressesOfABus: those of the specification that a system bus has.
func TestAddressesOfABus(t *testing.T) {
	for text, want := range map[string]string{
		"unix:path=/run/dbus/system_bus_socket": "unix /run/dbus/system_bus_socket",
		"unix:guid=00,path=/run/a%20b":          "unix /run/a b",
		"unix:abstract=/tmp/x":                  "unix @/tmp/x",
		"tcp:host=10.0.0.1,port=1,family=ipv4":  "tcp 10.0.0.1:1",
		"tcp:host=::1,port=1":                   "tcp [::1]:1",
		"unix:dir=/tmp":                         "",
		"unix:path=%zz":                         "",
		"unixexec:path=/bin/sh":                 "",
		"/run/dbus/system_bus_socket":           "",
		"":                                      "",
	} {
		network, at, err := address(text)
		if got := strings.TrimSpace(network + " " + at); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
}
