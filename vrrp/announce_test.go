package vrrp_test

import (
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

// on is an address on an interface.
func on(device, prefix string) conf.Address {
	return conf.Address{Prefix: netip.MustParsePrefix(prefix), Device: device}
}

// TestPaceOfInterfaces: each interface keeps its own distance between
// announcements, those of a garp_group one together, and none waits for another.
func TestPaceOfInterfaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x, y, z := &vrrptest.Wire{}, &vrrptest.Wire{}, &vrrptest.Wire{}, &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.host.Plug(3, "eth1", x)
		a.host.Plug(4, "eth2", y)
		a.host.Plug(5, "eth3", z)
		a.applyConfig(&conf.Config{
			Global: conf.Global{GARPInterval: 100 * time.Millisecond, NAInterval: 20 * time.Millisecond},
			GARPGroups: []conf.GARPGroup{
				{Interfaces: []string{"eth1", "eth2"}, GARPInterval: 500 * time.Millisecond},
			},
			Instances: []*conf.Instance{with(instance("VI", 150, vip), func(i *conf.Instance) {
				i.GARP = conf.GARP{MasterRepeat: 2}
				i.ExcludedAddresses = []conf.Address{
					on("eth1", "10.1.0.1/32"), on("eth2", "10.2.0.1/32"), on("eth3", "2001:db8::1/128"), on("eth3", "2001:db8::2/128"),
				}
			})},
		}, nil)
		a.engine.AllowMaster()
		after(10 * time.Second)
		var began time.Time
		times := func(w *vrrptest.Wire) (list []time.Duration) {
			for _, x := range w.Announcements() {
				if began.IsZero() {
					began = x.At
				}
				list = append(list, x.At.Sub(began))
			}
			return list
		}
		const ms = time.Millisecond
		for _, c := range []struct {
			name string
			wire *vrrptest.Wire
			want []time.Duration
		}{
			{"eth0", w, []time.Duration{0, 100 * ms}},
			{"eth1, in the group", x, []time.Duration{0, 1000 * ms}},
			{"eth2, in the group", y, []time.Duration{500 * ms, 1500 * ms}},
			{"eth3, neighbour advertisements", z, []time.Duration{0, 20 * ms, 40 * ms, 60 * ms}},
		} {
			if diff := cmp.Diff(c.want, times(c.wire)); diff != "" {
				t.Errorf("announcements on %s (-want +got):\n%s", c.name, diff)
			}
		}
	})
}

func TestFormOfAnnouncements(t *testing.T) {
	for form, want := range map[string][]bool{
		"": {false, false}, conf.GARPRequest: {false, false}, conf.GARPReply: {true, true},
		conf.GARPBoth: {false, true, false, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &vrrptest.Wire{}
			a := newNode(t, w, "10.0.0.1/24")
			a.applyConfig(&conf.Config{
				Global: conf.Global{GARPForm: form},
				Instances: []*conf.Instance{with(instance("VI", 150, vip),
					func(i *conf.Instance) { i.GARP = conf.GARP{MasterRepeat: 2} })},
			}, nil)
			a.engine.AllowMaster()
			after(5 * time.Second)
			var replies []bool
			for _, x := range w.Announcements() {
				replies = append(replies, x.Reply)
			}
			if diff := cmp.Diff(want, replies); diff != "" {
				t.Errorf("form %q: announcements that are replies (-want +got):\n%s", form, diff)
			}
		})
	}
}

// TestExtraAnnouncements: garp_extra_if goes on announcing what is on other
// interfaces while the instance is MASTER, beside the announcements of the rest.
func TestExtraAnnouncements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := &vrrptest.Wire{}, &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.host.Plug(3, "eth1", x)
		cfg := &conf.Config{
			Global: conf.Global{GARPExtraAll: true},
			Instances: []*conf.Instance{with(instance("VI", 150, vip), func(i *conf.Instance) {
				i.GARP = conf.GARP{MasterRepeat: 1}
				i.GARPExtraInterval = 10 * time.Second
				i.ExcludedAddresses = []conf.Address{on("eth1", "10.1.0.1/32")}
			})},
		}
		a.applyConfig(cfg, nil)
		a.engine.AllowMaster()
		after(downInterval(time.Second, 150) + 35*time.Second)
		a.want("VI", event.Master)
		if here, there := len(w.Announcements()), len(x.Announcements()); here != 1 || there != 4 {
			t.Errorf("%d announcements on its own interface and %d on the other, want 1 and 4", here, there)
		}
		a.host.SetUp("eth0", false)
		a.want("VI", event.Fault)
		after(time.Minute)
		if there := len(x.Announcements()); there != 4 {
			t.Errorf("%d announcements of addresses it does not have", there-4)
		}

		// Without "all" it is for virtual MAC interfaces only.
		cfg = &conf.Config{Instances: []*conf.Instance{with(cfg.Instances[0], func(*conf.Instance) {})}}
		a.applyConfig(cfg, nil)
		a.host.SetUp("eth0", true)
		after(time.Minute)
		a.want("VI", event.Master)
		if there := len(x.Announcements()); there != 5 {
			t.Errorf("%d announcements on the other interface, want those of becoming MASTER only", there-4)
		}
	})
}

// TestExtraAnnouncementsOfVirtualMACs: what advertisements leave from needs
// none, any other virtual MAC interface does.
func TestExtraAnnouncementsOfVirtualMACs(t *testing.T) {
	for _, xmitBase := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w, x := &vrrptest.Wire{}, &vrrptest.Wire{}
			a := newNode(t, w, "10.0.0.1/24")
			a.host.Plug(3, "eth1", x)
			a.apply(with(vmacInstance("VI", 150), func(i *conf.Instance) {
				i.GARP = conf.GARP{MasterRepeat: 1}
				i.GARPExtraInterval, i.VMACAddr, i.VMACXmit = 10*time.Second, true, xmitBase
				there := on("eth1", "10.1.0.1/32")
				i.ExcludedAddresses = []conf.Address{there}
			}))
			a.engine.AllowMaster()
			after(downInterval(time.Second, 150) + 35*time.Second)
			a.want("VI", event.Master)
			want := 1
			if xmitBase {
				want = 4
			}
			if here, there := len(w.Announcements()), len(x.Announcements()); here != want || there != 4 {
				t.Errorf("vmac_xmit_base %v: %d announcements on its own link and %d on the other, want %d and 4", xmitBase, here,
					there, want)
			}
		})
	}
}

// TestAnInterfaceThatMovesIsAnnounced: what neighbours knew of a MASTER's
// addresses is no longer true, or they could not be told.
func TestAnInterfaceThatMovesIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := &vrrptest.Wire{}, &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.host.Plug(3, "eth1", x)
		a.host.SetUp("eth1", false)
		a.apply(with(instance("VI", 150, vip), func(i *conf.Instance) {
			i.GARP = conf.GARP{MasterRepeat: 2}
			there := on("eth1", "10.1.0.1/32")
			there.NoTrack = true
			i.ExcludedAddresses = []conf.Address{there}
		}))
		a.engine.AllowMaster()
		after(5 * time.Second)
		expect := func(what string, here, there int) {
			t.Helper()
			after(time.Second)
			a.want("VI", event.Master)
			if h, o := len(w.Announcements()), len(x.Announcements()); h != here || o != there {
				t.Errorf("%s: %d announcements here and %d on the other interface, want %d and %d", what, h, o, here, there)
			}
		}
		expect("with the other interface down", 2, 0)
		a.host.SetUp("eth1", true)
		expect("the other interface is up", 4, 2)
		a.host.SetHardwareAddr("eth0", net.HardwareAddr{2, 9, 9, 9, 9, 9})
		expect("another hardware address", 6, 4)
		a.host.SetUp("eth1", false)
		expect("the other interface is down", 6, 4)
	})
}
