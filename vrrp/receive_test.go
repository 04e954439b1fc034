package vrrp_test

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp"
	"github.com/lvs-director/director/vrrp/packet"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

// forge builds an advertisement for VRID 10 as another router would send it.
func forge(t *testing.T, change func(*packet.Advertisement)) []byte {
	t.Helper()
	a := packet.Advertisement{
		Version: 3, VRID: 10, Priority: 200, Interval: time.Second, Checksum: packet.PseudoHeader,
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.100")},
		Source:    netip.MustParseAddr("10.0.0.66"), Destination: packet.Multicast4,
	}
	if change != nil {
		change(&a)
	}
	data, err := packet.Append(nil, &a)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestBadPacketsChangeNoTimer(t *testing.T) {
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[at] ^= 0xff; return b }
	}
	for _, tt := range []struct {
		name   string
		forge  func(*packet.Advertisement)
		spoil  func([]byte) []byte
		reason string
		// foreign: counted on the interface, not on the instance.
		foreign bool
	}{
		{"wrong checksum", nil, flip(26), "checksum", false},
		{"TTL", func(a *packet.Advertisement) { a.TTL = 254 }, nil, "ttl", false},
		{"version", func(a *packet.Advertisement) { a.Version = 2 }, nil, "version", false},
		{"another group", func(a *packet.Advertisement) { a.Destination = netip.MustParseAddr("224.0.0.19") }, nil, "destination", false},
		{"our own address", func(a *packet.Advertisement) { a.Source = netip.MustParseAddr("10.0.0.1") }, nil, "own-source", false},
		{"another virtual router", func(a *packet.Advertisement) { a.VRID = 99 }, nil, "unknown-vrid", true},
		{"cut off", nil, func(b []byte) []byte { return b[:25] }, "truncated", true},
		{"empty", nil, func(b []byte) []byte { return nil }, "truncated", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &vrrptest.Wire{}
				a := newNode(t, w, "10.0.0.1/24")
				a.apply(instance("VI", 150, vip))
				a.engine.AllowMaster()
				data := forge(t, tt.forge)
				if tt.spoil != nil {
					data = tt.spoil(data)
				}
				down := downInterval(time.Second, 150)
				const pause = 100 * time.Millisecond
				sent := 0
				for ; time.Duration(sent+1)*pause < down; sent++ {
					after(pause)
					w.Inject(data)
				}
				after(down - time.Duration(sent)*pause)
				a.want("VI", event.Master)
				stats, err := a.engine.Stats(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				got := stats.Instances["VI"].Dropped
				if tt.foreign {
					got = stats.Dropped["eth0"]
				}
				if diff := cmp.Diff(map[string]uint64{tt.reason: uint64(sent)}, got); diff != "" {
					t.Errorf("counted (-want +got):\n%s", diff)
				}
				if n := a.log.count("packet dropped", "reason="+tt.reason); n != 1 {
					t.Errorf("logged %d times within a minute, want once:\n%s", n, a.log)
				}
			})
		})
	}
}

func TestDropsAreLoggedAgainWithTheirNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, _ := pair(t)
		bad := forge(t, func(p *packet.Advertisement) { p.TTL = 1 })
		for range 61 {
			w.Inject(bad)
			after(time.Second)
		}
		if n := a.log.count("packet dropped", "reason=ttl", "sender=10.0.0.66", "times=60"); n != 1 {
			t.Errorf("a second line with the number of drops is missing:\n%s", a.log)
		}
	})
}

func TestAFloodIsNotAnsweredPacketByPacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		before := len(adverts(t, w))
		const packets = 1000
		losing := forge(t, func(p *packet.Advertisement) { p.Priority = 1 })
		for range packets {
			w.Inject(losing)
		}
		after(500 * time.Millisecond)
		a.want("VI", event.Master)
		b.want("VI", event.Backup)
		answers := 0
		for _, adv := range adverts(t, w)[before:] {
			if adv.from == a.host {
				answers++
			}
		}
		if answers == 0 || answers > packets/3 {
			t.Errorf("%d losing advertisements were answered by %d, want some and much fewer", packets, answers)
		}
	})
}

func TestAPacketThatWaitsCountsBeforeAnExpiredTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.apply(instance("VI", 150, vip))
		a.engine.AllowMaster()
		a.host.Starve(true)
		for range 30 {
			after(time.Second)
			w.Inject(forge(t, nil))
		}
		if diff := cmp.Diff([]event.VRRPState{event.Backup}, a.states("VI")); diff != "" {
			t.Errorf("states of a starved process whose master lives (-want +got):\n%s", diff)
		}
		after(5 * time.Second)
		a.want("VI", event.Master)
	})
}

func TestStatsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		sent := uint64(len(adverts(t, w)))
		want := map[*node]vrrp.InstanceStats{
			a: {Sent: sent, Masters: 1, Dropped: map[string]uint64{}},
			b: {Received: sent, Dropped: map[string]uint64{}},
		}
		for n, want := range want {
			got, err := n.engine.Stats(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.Instances["VI"]); diff != "" {
				t.Errorf("counters (-want +got):\n%s", diff)
			}
		}
	})
}
