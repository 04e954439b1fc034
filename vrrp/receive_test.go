package vrrp_test

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
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
		{"our own address", func(a *packet.Advertisement) { a.Source = netip.MustParseAddr("10.0.0.1") }, nil, "own-source",
			false},
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

func TestAProcessThatWakesLateListensBeforeItClaims(t *testing.T) {
	for _, masterLives := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w, a, b := pair(t)
			b.engine.Stop(true)
			var late atomic.Int64
			late.Store(int64(20 * time.Second))
			b.clock.Late = func() time.Duration { return time.Duration(late.Load()) }
			b.run()
			b.apply(instance("VI", 100, vip)) // its timer fires 20 s late
			b.engine.AllowMaster()
			after(10 * time.Second)
			w.Cut(b.host, true) // nothing arrives while the host is suspended
			late.Store(0)
			after(13*time.Second + 700*time.Millisecond)
			if masterLives {
				w.Cut(b.host, false)
			} else {
				a.crash(w)
			}
			after(5 * time.Second)
			want := []event.VRRPState{event.Backup, event.Stop, event.Backup}
			if !masterLives {
				want = append(want, event.Master)
			}
			if diff := cmp.Diff(want, b.states("VI")); diff != "" {
				t.Errorf("the master lives: %v; states of the late process (-want +got):\n%s", masterLives, diff)
			}
		})
	}
}

func TestStatsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		sent := uint64(len(adverts(t, w)))
		want := map[*node]vrrp.InstanceStats{
			a: {Sent: sent, Masters: 1, Backups: 1, Dropped: map[string]uint64{}},
			b: {Received: sent, Backups: 1, Dropped: map[string]uint64{}},
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

func TestVersion2WithPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a, b := newNode(t, w, "10.0.0.1/24"), newNode(t, w, "10.0.0.2/24")
		secret := func(pass string) func(*conf.Instance) {
			return func(i *conf.Instance) {
				i.Version, i.Auth = 2, conf.Authentication{Type: conf.PassAuth, Pass: conf.Secret(pass)}
			}
		}
		a.apply(with(instance("VI", 150, vip), secret("right")))
		b.apply(with(instance("VI", 100, vip), secret("right")))
		a.engine.AllowMaster()
		b.engine.AllowMaster()
		after(10 * time.Second)
		a.want("VI", event.Master)
		b.want("VI", event.Backup)
		b.apply(with(instance("VI", 100, vip), secret("wrong")))
		after(10 * time.Second)
		b.want("VI", event.Master)
		if b.log.count("packet dropped", "reason=auth-failed", "sender=10.0.0.1") != 1 {
			t.Errorf("the wrong password was not said once:\n%s", b.log)
		}
		if b.log.count("wrong")+b.log.count("right") != 0 {
			t.Error("a password is in the log")
		}
	})
}

func TestAnotherMulticastGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		group := func(i *conf.Instance) { i.MulticastGroup = netip.MustParseAddr("224.0.0.99") }
		a.apply(with(instance("VI", 150, vip), group))
		after(10 * time.Second)
		b.want("VI", event.Master) // they do not hear each other any more
		b.apply(with(instance("VI", 100, vip), group))
		after(10 * time.Second)
		a.want("VI", event.Master)
		b.want("VI", event.Backup)
		if a.host.Sockets() != 1 || b.host.Sockets() != 1 {
			t.Errorf("%d and %d sockets are open, want one each", a.host.Sockets(), b.host.Sockets())
		}
	})
}

func TestWhatIsNotSupportedIsAFaultAndNotSplitBrain(t *testing.T) {
	for reason, change := range map[string]func(*conf.Instance){
		"auth_hmac: key 7 could not be read from /etc/key": func(i *conf.Instance) {
			i.HMAC = &conf.AuthHMAC{ActiveKey: 7, Keys: []conf.HMACKey{{ID: 7, File: "/etc/key"}}}
		},
	} {
		t.Run(reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &vrrptest.Wire{}
				a := newNode(t, w, "10.0.0.1/24")
				a.apply(with(instance("VI", 150, vip), change))
				a.engine.AllowMaster()
				after(10 * time.Second)
				a.want("VI", event.Fault)
				if got := a.state("VI").Reason; got != reason {
					t.Errorf("the reason is %q, want %q", got, reason)
				}
			})
		})
	}
}

// What is told of a peer with other addresses is of its last advertisement and of the present
// configuration, although the log has a line a minute.
func TestDifferingAddressesAreThoseOfNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, _ := pair(t)
		peer := func(addresses ...string) []byte {
			return forge(t, func(p *packet.Advertisement) {
				p.Priority, p.Addresses = 250, nil
				for _, text := range addresses {
					p.Addresses = append(p.Addresses, netip.MustParseAddr(text))
				}
			})
		}
		detail := func(want string) {
			t.Helper()
			after(100 * time.Millisecond)
			odd := a.counters().Instances["VI"].Odd
			if odd == nil || odd.Detail != want {
				t.Errorf("told %+v, want %q", odd, want)
			}
		}
		own := netip.MustParsePrefix(vip).Addr().String()
		w.Inject(peer(own, "10.0.0.7"))
		detail("only in the advertisement: 10.0.0.7")
		w.Inject(peer("10.0.0.8", own))
		detail("only in the advertisement: 10.0.0.8")
		a.apply(instance("VI", 150, vip, "10.0.0.9/24"))
		detail("only in the advertisement: 10.0.0.8; only configured here: 10.0.0.9")
		if n := a.log.count("accepted an unusual advertisement"); n != 1 {
			t.Errorf("the log has %d lines, want 1:\n%s", n, a.log)
		}
	})
}
