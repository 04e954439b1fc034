package vrrp_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/packet"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

// secretKey is a key whose bytes would be recognised in a log.
func secretKey(id uint8) conf.HMACKey {
	return conf.HMACKey{ID: id, Key: conf.Secret(strings.Repeat(string('a'+rune(id)), 8) + "-do-not-show-this-secret")}
}

// signed is auth_hmac with the keys of these numbers, the first of them active.
func signed(mode string, ids ...uint8) func(*conf.Instance) {
	return func(i *conf.Instance) {
		i.HMAC = &conf.AuthHMAC{Mode: mode, ActiveKey: ids[0], TimeWindow: 5 * time.Second}
		for _, id := range ids {
			i.HMAC.Keys = append(i.HMAC.Keys, secretKey(id))
		}
	}
}

func all(changes ...func(*conf.Instance)) func(*conf.Instance) {
	return func(i *conf.Instance) {
		for _, c := range changes {
			c(i)
		}
	}
}

// keysOf are the numbers of the keys that the packets on a wire are signed
// with, 0 for those that are not.
func keysOf(t *testing.T, packets []vrrptest.Packet) map[uint8]int {
	t.Helper()
	keys := make(map[uint8]int)
	for _, p := range packets {
		var a packet.Advertisement
		if reason := packet.Parse(p.Data, &a); reason != packet.Accepted {
			t.Fatalf("on the wire is %v", reason)
		}
		if a.Trailed == nil {
			keys[0]++
			continue
		}
		keys[a.Trailed[len(a.Trailed)-27]]++
	}
	return keys
}

func (n *node) dropped(name string) map[string]uint64 {
	n.t.Helper()
	s, err := n.engine.Stats(context.Background())
	if err != nil {
		n.t.Fatal(err)
	}
	return s.Instances[name].Dropped
}

// TestSignedPair: it fails over, what was recorded is refused, and a restarted
// router is believed.
func TestSignedPair(t *testing.T) {
	version2 := func(i *conf.Instance) { i.Version = 2 }
	monotonic := func(i *conf.Instance) { i.HMAC.Monotonic = true }
	for name, change := range map[string]func(*conf.Instance){
		"version 3":      func(*conf.Instance) {},
		"version 2":      version2,
		"monotonic":      monotonic,
		"as version 2":   func(i *conf.Instance) { i.ChecksumAsV2 = true },
		"many intervals": func(i *conf.Instance) { i.AdvertInterval = 10 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &vrrptest.Wire{}
				change := all(signed("enforce", 1), change)
				a, b := pairOf(t, w, change, change)
				after(10 * time.Second)
				a.want("VI", event.Master)
				b.want("VI", event.Backup)
				packets := w.Packets()
				if keys := keysOf(t, packets); len(keys) != 1 || keys[1] == 0 {
					t.Errorf("signed with %v, want key 1 always", keys)
				}
				if d := b.dropped("VI"); len(d) != 0 {
					t.Errorf("the backup dropped %v", d)
				}
				a.crash(w)
				after(5 * time.Second)
				b.want("VI", event.Master)
				recorded := packets[len(packets)-1].Data
				if name != "monotonic" {
					recorded = packets[0].Data
				}
				w.Inject(recorded)
				b.want("VI", event.Master)
				reason := map[bool]string{true: "hmac-replay", false: "hmac-stale"}[name == "monotonic"]
				if d := b.dropped("VI"); d[reason] != 1 {
					t.Errorf("what was recorded is dropped as %v, want %s", d, reason)
				}
				w.Cut(a.host, false)
				a.run()
				a.apply(with(instance("VI", 150, vip), change))
				a.engine.AllowMaster()
				after(10 * time.Second)
				a.want("VI", event.Master)
				b.want("VI", event.Backup)
				if out := a.log.String() + b.log.String(); strings.Contains(out, "do-not-show") {
					t.Errorf("a secret is in the log:\n%s", out)
				}
			})
		})
	}
}

// TestARecordedAdvertisementIsRefusedAtOnce: also within the time window.
func TestARecordedAdvertisementIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a, b := pairOf(t, w, signed("enforce", 1), signed("enforce", 1))
		after(10 * time.Second)
		packets := w.Packets()
		a.engine.Stop(true)
		after(time.Second)
		b.want("VI", event.Master) // it has heard priority 0
		w.Inject(packets[len(packets)-1].Data)
		b.want("VI", event.Master)
		if d := b.dropped("VI"); d["hmac-replay"] != 1 {
			t.Errorf("dropped: %v", d)
		}
		// The same after a reload: what was heard is not forgotten.
		b.apply(with(instance("VI", 110, vip), signed("enforce", 1, 2)))
		w.Inject(packets[len(packets)-1].Data)
		b.want("VI", event.Master)
		if d := b.dropped("VI"); d["hmac-replay"] != 2 {
			t.Errorf("dropped after a reload: %v", d)
		}
	})
}

func TestSignedUnicastToThree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		s := signed("enforce", 1)
		a, b := pairOf(t, w, all(s, peers("10.0.0.2", "10.0.0.3")), all(s, peers("10.0.0.1", "10.0.0.3")))
		c := newNode(t, w, "10.0.0.3/24")
		c.apply(with(instance("VI", 120, vip), all(s, peers("10.0.0.1", "10.0.0.2"))))
		c.engine.AllowMaster()
		after(10 * time.Second)
		a.want("VI", event.Master)
		b.want("VI", event.Backup)
		c.want("VI", event.Backup)
		// One signature for both peers.
		packets := w.Packets()
		one, two := packets[len(packets)-2].Data, packets[len(packets)-1].Data
		if diff := cmp.Diff(one[len(one)-28:], two[len(two)-28:]); diff != "" {
			t.Errorf("the trailers to two peers differ:\n%s", diff)
		}
		a.crash(w)
		after(5 * time.Second)
		b.want("VI", event.Backup)
		c.want("VI", event.Master)
	})
}

func TestSignedPair6(t *testing.T) {
	for name, unicast := range map[string]bool{"multicast": false, "unicast": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &vrrptest.Wire{}
				a, b := newNode(t, w, "fe80::1/64"), newNode(t, w, "fe80::2/64")
				half := func(source, peer string) func(*conf.Instance) {
					if !unicast {
						return signed("enforce", 9)
					}
					return all(signed("enforce", 9), peers(peer), func(i *conf.Instance) {
						i.SourceAddress = netip.MustParseAddr(source)
					})
				}
				start([]*node{a, b}, instance6(150, half("fe80::1", "fe80::2")), instance6(100, half("fe80::2", "fe80::1")))
				a.want("VI6", event.Master)
				b.want("VI6", event.Backup)
				if d := b.dropped("VI6"); len(d) != 0 {
					t.Errorf("the backup dropped %v", d)
				}
				if keys := keysOf(t, w.Packets()); len(keys) != 1 || keys[9] == 0 {
					t.Errorf("signed with %v, want key 9 always", keys)
				}
				a.crash(w)
				after(5 * time.Second)
				b.want("VI6", event.Master)
			})
		})
	}
}

// TestKeysRotate: add the new key everywhere, then use it, then remove the old
// one; nobody changes its state and nothing is dropped.
func TestKeysRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a, b := pairOf(t, w, signed("enforce", 1), signed("enforce", 1))
		after(10 * time.Second)
		for _, step := range []struct {
			n    *node
			prio uint8
			keys []uint8
		}{
			{b, 100, []uint8{1, 2}}, {a, 150, []uint8{1, 2}},
			{a, 150, []uint8{2, 1}}, {b, 100, []uint8{2, 1}},
			{a, 150, []uint8{2}}, {b, 100, []uint8{2}},
		} {
			step.n.apply(with(instance("VI", step.prio, vip), signed("enforce", step.keys...)))
			after(5 * time.Second)
		}
		if diff := cmp.Diff([]event.VRRPState{event.Backup, event.Master}, a.states("VI")); diff != "" {
			t.Errorf("states of the master (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]event.VRRPState{event.Backup}, b.states("VI")); diff != "" {
			t.Errorf("states of the backup (-want +got):\n%s", diff)
		}
		if d := b.dropped("VI"); len(d) != 0 {
			t.Errorf("the backup dropped %v", d)
		}
		if keys := keysOf(t, w.Packets()); keys[1] == 0 || keys[2] == 0 || keys[0] != 0 {
			t.Errorf("signed with %v", keys)
		}
	})
}

// TestFromUnsignedToSigned: a running pair gets there step by step.
func TestFromUnsignedToSigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		none := func(*conf.Instance) {}
		a, b := pairOf(t, w, none, none)
		after(10 * time.Second)
		for _, mode := range []string{"receive-only", "permissive", "enforce"} {
			b.apply(with(instance("VI", 100, vip), signed(mode, 1)))
			after(5 * time.Second)
			a.apply(with(instance("VI", 150, vip), signed(mode, 1)))
			after(5 * time.Second)
		}
		if diff := cmp.Diff([]event.VRRPState{event.Backup, event.Master}, a.states("VI")); diff != "" {
			t.Errorf("states of the master (-want +got):\n%s", diff)
		}
		// The last step has to begin at the master.
		if keys := keysOf(t, w.Packets()); keys[0] == 0 || keys[1] == 0 {
			t.Errorf("signed with %v", keys)
		}
		w.Inject(forge(t, nil))
		a.want("VI", event.Master)
		if d := a.dropped("VI"); d["hmac-missing"] != 1 {
			t.Errorf("dropped: %v", d)
		}
	})
}

// TestWhoDoesNotShareTheKeyIsNotHeard: each half says why it does not hear the other.
func TestWhoDoesNotShareTheKeyIsNotHeard(t *testing.T) {
	for _, c := range []struct {
		name   string
		other  func(*conf.Instance)
		ours   string // how we drop the other's
		theirs string
	}{
		{"without auth_hmac", func(*conf.Instance) {}, "hmac-missing", "trailing-data"},
		{"another key of the same number", func(i *conf.Instance) {
			signed("enforce", 1)(i)
			i.HMAC.Keys[0].Key = conf.Secret(strings.Repeat("x", 32))
		}, "hmac-digest", "hmac-digest"},
		{"another number", signed("enforce", 2), "hmac-unknown-key", "hmac-unknown-key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pairOf(t, &vrrptest.Wire{}, signed("enforce", 1), c.other)
				after(10 * time.Second)
				a.want("VI", event.Master)
				b.want("VI", event.Master)
				if a.log.count("packet dropped", "reason="+c.ours, "sender=10.0.0.2") != 1 {
					t.Errorf("we do not say %s:\n%s", c.ours, a.log)
				}
				if b.log.count("packet dropped", "reason="+c.theirs, "sender=10.0.0.1") != 1 {
					t.Errorf("they do not say %s:\n%s", c.theirs, b.log)
				}
			})
		})
	}
}
