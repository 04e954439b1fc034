package track_test

import (
	"net/netip"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/track"
)

// TestReady: what is missing on a host is a FAULT, and what tracks with a weight
// changes the priority.
func TestReady(t *testing.T) {
	vip := netip.MustParsePrefix("192.0.2.10/24")
	peer := []conf.UnicastPeer{{Address: netip.MustParseAddr("192.0.2.252")}}
	source := netip.MustParseAddr("192.0.2.251")
	base := conf.Instance{Interface: "eth0", VRID: 51, Priority: 150,
		Addresses: []conf.Address{{Prefix: vip, Device: "eth0"}}}
	host := track.Host{
		Interfaces: map[string]track.Interface{
			"eth0": {Up: true, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.251/24"),
				netip.MustParsePrefix("fe80::1/64"), vip}},
			"eth1": {Up: false},
			"eth2": {Up: true, Addresses: []netip.Prefix{vip}},
			"eth3": {Up: true, Port: track.Port{Kind: "bond", Master: "bond0"}},
		},
		Trackers: map[track.Key]event.TrackerState{
			{Kind: event.TrackScript, Name: "bad"}: {Reason: "exit status 1"},
			{Kind: event.TrackFile, Name: "f"}:     {Up: true, Value: -300},
		},
	}
	virtual := func(a netip.Addr) bool { return a == vip.Addr() }
	for name, tc := range map[string]struct {
		change   func(*conf.Instance, *conf.SyncGroup)
		fault    string
		priority uint8
	}{
		"all is there": {func(*conf.Instance, *conf.SyncGroup) {}, "", 150},
		"no interface": {func(i *conf.Instance, _ *conf.SyncGroup) { i.Interface = "eth9" },
			"interface eth9 does not exist", 150},
		"interface down": {func(i *conf.Instance, _ *conf.SyncGroup) { i.Interface = "eth1" },
			"interface eth1 is down", 150},
		"a port": {func(i *conf.Instance, _ *conf.SyncGroup) { i.Interface, i.DontTrackPrimary = "eth3", true },
			"interface eth3 is a port of bond bond0: name bond0 in `interface`", 150},
		"only virtual ones": {func(i *conf.Instance, _ *conf.SyncGroup) { i.Interface = "eth2" },
			"interface eth2 has no IPv4 address of its own", 150},
		"address on none": {func(i *conf.Instance, _ *conf.SyncGroup) { i.Addresses[0].Device = "eth9" },
			"interface eth9 of address 192.0.2.10/24 does not exist", 150},
		"address on a bad link": {func(i *conf.Instance, _ *conf.SyncGroup) { i.Addresses[0].Device = "eth1" },
			"interface eth1 of address 192.0.2.10/24 is down", 150},
		"route on none": {func(i *conf.Instance, _ *conf.SyncGroup) {
			i.Routes = []conf.Route{{Destination: netip.MustParsePrefix("10.7.0.0/16"),
				NextHops: []conf.NextHop{{Device: "eth0"}, {Device: "eth9"}}}}
		}, "interface eth9 of the route to 10.7.0.0/16 does not exist", 150},
		"rule on a bad link": {func(i *conf.Instance, _ *conf.SyncGroup) {
			i.Rules = []conf.Rule{{From: netip.MustParsePrefix("10.9.0.0/16"), InputIf: "eth1"}}
		}, "interface eth1 of the rule from 10.9.0.0/16 priority 0 iif eth1 protocol 0 is down", 150},
		"rule with no_track": {func(i *conf.Instance, _ *conf.SyncGroup) {
			i.Rules = []conf.Rule{{InputIf: "eth1", NoTrack: true}}
		}, "", 150},
		"no_track": {func(i *conf.Instance, _ *conf.SyncGroup) {
			i.Addresses[0].Device, i.Addresses[0].NoTrack = "eth9", true
		}, "", 150},
		"tracked, weight 0": {func(i *conf.Instance,
			_ *conf.SyncGroup) {
			i.TrackInterfaces = []conf.TrackInterface{{Name: "eth1"}}
		}, "tracked interface eth1 is down",
			150},
		"tracked, weight -10": {func(i *conf.Instance, _ *conf.SyncGroup) {
			i.TrackInterfaces = []conf.TrackInterface{{Name: "eth1", Weight: -10}}
		}, "", 140},
		"the group's": {func(_ *conf.Instance, g *conf.SyncGroup) { g.TrackScripts = []conf.Track{{Name: "bad"}} },
			"tracked script bad is down (exit status 1)", 150},
		"a file": {func(i *conf.Instance, _ *conf.SyncGroup) { i.TrackFiles = []conf.Track{{Name: "f", Weight: 1}} },
			"tracked file f has the value -300, times 1", 150},
		"a new script": {func(i *conf.Instance, _ *conf.SyncGroup) {
			i.TrackScripts = []conf.Track{{Name: "new",
				Weight: 20}}
		}, "", 150},
		"a source": {func(i *conf.Instance, _ *conf.SyncGroup) { i.SourceAddress, i.UnicastPeers = source, peer }, "",
			150},
		"a source gone": {func(i *conf.Instance, _ *conf.SyncGroup) {
			i.SourceAddress, i.UnicastPeers = source.Next(),
				peer
		}, "address 192.0.2.252 (unicast_src_ip) is not on this host", 150},
		"no peer": {func(i *conf.Instance, _ *conf.SyncGroup) { i.UnicastFaultNoPeer = true },
			"there is no unicast_peer", 150},
		"IPv6": {func(i *conf.Instance, _ *conf.SyncGroup) { i.IPv6 = true }, "", 150},
		"no link-local": {func(i *conf.Instance, _ *conf.SyncGroup) { i.IPv6, i.Interface = true, "eth2" },
			"interface eth2 has no IPv6 link-local address of its own", 150},
		"without a VRF": {func(i *conf.Instance, _ *conf.SyncGroup) { i.VRF = "red" }, "VRF red does not exist", 150},
		"its own device": {func(i *conf.Instance, _ *conf.SyncGroup) {
			i.VMAC, i.Addresses[0].Device = &conf.VMAC{Name: "vrrp.51"}, "vrrp.51"
		}, "", 150},
	} {
		t.Run(name, func(t *testing.T) {
			i, g := base, conf.SyncGroup{}
			i.Addresses = append([]conf.Address(nil), base.Addresses...)
			tc.change(&i, &g)
			if r := track.Ready(&i, &g, host, virtual); r.Fault != tc.fault || r.Priority != tc.priority {
				t.Errorf("%q, priority %d; want %q, %d", r.Fault, r.Priority, tc.fault, tc.priority)
			}
		})
	}
}
