package vrrp_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/packet"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

// peers makes an instance unicast.
func peers(addresses ...string) func(*conf.Instance) {
	return func(i *conf.Instance) {
		i.UnicastTTL = -1
		for _, a := range addresses {
			i.UnicastPeers = append(i.UnicastPeers, conf.UnicastPeer{Address: netip.MustParseAddr(a), MinTTL: -1, MaxTTL: -1})
		}
	}
}

func key(auth conf.AuthType, pass string) func(*conf.Instance) {
	return func(i *conf.Instance) {
		i.Version, i.Auth = 2, conf.Authentication{Type: auth, Pass: conf.Secret(pass)}
	}
}

// pairOf starts two nodes; each gets its changes.
func pairOf(t *testing.T, w *vrrptest.Wire, changeA, changeB func(*conf.Instance)) (a, b *node) {
	t.Helper()
	a, b = newNode(t, w, "10.0.0.1/24"), newNode(t, w, "10.0.0.2/24")
	a.apply(with(instance("VI", 150, vip), changeA))
	b.apply(with(instance("VI", 100, vip), changeB))
	a.engine.AllowMaster()
	b.engine.AllowMaster()
	return a, b
}

func TestUnicastPair(t *testing.T) {
	for name, version := range map[string]func(*conf.Instance){
		"version 3": func(*conf.Instance) {},
		"PASS":      key(conf.PassAuth, "secret"),
		"AH":        key(conf.AHAuth, "secret"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &vrrptest.Wire{}
				both := func(peer string) func(*conf.Instance) {
					return func(i *conf.Instance) { version(i); peers(peer)(i) }
				}
				a, b := pairOf(t, w, both("10.0.0.2"), both("10.0.0.1"))
				after(10 * time.Second)
				a.want("VI", event.Master)
				b.want("VI", event.Backup)
				if got := b.state("VI").Peer; got != "10.0.0.1" {
					t.Errorf("the backup's master is %q", got)
				}
				for _, p := range w.Packets() {
					var adv packet.Advertisement
					if reason := packet.Parse(p.Data, &adv); reason != packet.Accepted || adv.Destination.IsMulticast() {
						t.Fatalf("on the wire is %v to %v", reason, adv.Destination)
					}
				}
				a.crash(w)
				after(5 * time.Second)
				b.want("VI", event.Master)
			})
		})
	}
}

// TestUnicastToThree: every peer hears, and is heard.
func TestUnicastToThree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a, b := pairOf(t, w, peers("10.0.0.2", "10.0.0.3"), peers("10.0.0.1", "10.0.0.3"))
		c := newNode(t, w, "10.0.0.3/24")
		c.apply(with(instance("VI", 120, vip), peers("10.0.0.1", "10.0.0.2")))
		c.engine.AllowMaster()
		after(10 * time.Second)
		a.want("VI", event.Master)
		b.want("VI", event.Backup)
		c.want("VI", event.Backup)
		a.crash(w)
		after(5 * time.Second)
		b.want("VI", event.Backup)
		c.want("VI", event.Master)
	})
}

// TestUnicastWithoutAnInterface: the addresses alone say where it is spoken.
func TestUnicastWithoutAnInterface(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		from := func(self, peer string) func(*conf.Instance) {
			return func(i *conf.Instance) {
				peers(peer)(i)
				i.Interface, i.SourceAddress = "", netip.MustParseAddr(self)
			}
		}
		a, b := pairOf(t, w, from("10.0.0.1", "10.0.0.2"), from("10.0.0.2", "10.0.0.1"))
		after(10 * time.Second)
		a.want("VI", event.Master)
		a.wantAddress(true, vip)
		b.want("VI", event.Backup)
	})
}

// TestMulticastAndUnicastDoNotMix: what comes the other way is not heard.
func TestMulticastAndUnicastDoNotMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a, b := pairOf(t, w, peers("10.0.0.2"), func(*conf.Instance) {})
		after(10 * time.Second)
		a.want("VI", event.Master)
		b.want("VI", event.Master)
		if b.log.count("packet dropped", "reason=destination", "sender=10.0.0.1") != 1 {
			t.Errorf("the multicast half does not say what it hears:\n%s", b.log)
		}
	})
}

func TestOnlyPeersAreHeardWhenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.apply(with(instance("VI", 100, vip), func(i *conf.Instance) {
			peers("10.0.0.2")(i)
			i.CheckUnicastSource = true
			i.UnicastPeers[0].MinTTL = 254
		}))
		a.engine.AllowMaster()
		after(10 * time.Second)
		unicast := func(source string, ttl uint8) []byte {
			return forge(t, func(adv *packet.Advertisement) {
				adv.Source, adv.Destination, adv.TTL = netip.MustParseAddr(source), netip.MustParseAddr("10.0.0.1"), ttl
			})
		}
		w.Inject(unicast("10.0.0.66", 255))
		w.Inject(unicast("10.0.0.2", 253))
		a.want("VI", event.Master)
		for _, reason := range []string{"unknown-peer", "ttl"} {
			if a.log.count("packet dropped", "reason="+reason) != 1 {
				t.Errorf("no drop for %s:\n%s", reason, a.log)
			}
		}
		w.Inject(unicast("10.0.0.2", 254))
		after(10 * time.Millisecond) // dense traffic is looked at in short intervals
		a.want("VI", event.Backup)
	})
}

func TestUnicastWithoutPeersIsAFaultWhenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		a.apply(with(instance("VI", 100, vip), func(i *conf.Instance) { i.UnicastFaultNoPeer = true }))
		a.engine.AllowMaster()
		a.want("VI", event.Fault)
	})
}

func TestTrackedSourceAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		a.apply(with(instance("VI", 100, vip), func(i *conf.Instance) {
			i.TrackSource, i.SourceAddress = true, netip.MustParseAddr("10.0.0.7")
		}))
		a.engine.AllowMaster()
		a.want("VI", event.Fault)
		a.host.Put("eth0", "10.0.0.7/24")
		after(5 * time.Second)
		a.want("VI", event.Master)
		a.host.Take("eth0", "10.0.0.7/24")
		a.want("VI", event.Fault)
	})
}

// TestAuthenticationHeader: a pair fails over, a restarted router is believed,
// and what was recorded is not.
func TestAuthenticationHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Duration(rand.Int64N(int64(time.Second)))) // numbers follow the clock's seconds
		w := &vrrptest.Wire{}
		a, b := pairOf(t, w, key(conf.AHAuth, "secret"), key(conf.AHAuth, "secret"))
		after(10 * time.Second)
		a.want("VI", event.Master)
		b.want("VI", event.Backup)
		recorded := w.Packets()[1].Data
		a.crash(w)
		after(5 * time.Second)
		b.want("VI", event.Master)
		w.Inject(recorded)
		b.want("VI", event.Master)
		if b.log.count("packet dropped", "reason=auth-replay") != 1 {
			t.Errorf("a recorded advertisement was not refused:\n%s", b.log)
		}
		w.Cut(a.host, false)
		a.run()
		a.apply(with(instance("VI", 150, vip), key(conf.AHAuth, "secret")))
		a.engine.AllowMaster()
		after(10 * time.Second)
		a.want("VI", event.Master)
		b.want("VI", event.Backup)
		b.apply(with(instance("VI", 100, vip), key(conf.AHAuth, "other")))
		after(10 * time.Second)
		if b.log.count("packet dropped", "reason=auth-failed") != 1 {
			t.Errorf("another key was not refused:\n%s", b.log)
		}
	})
}
