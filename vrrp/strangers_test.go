package vrrp_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp"
	"github.com/lvs-director/director/vrrp/packet"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

func (n *node) counters() vrrp.Stats {
	n.t.Helper()
	s, err := n.engine.Stats(context.Background())
	if err != nil {
		n.t.Fatal(err)
	}
	return s
}

func TestSendersOfRefusedPacketsAreKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, _ := pair(t)
		foreign := func(vrid uint8, from string) []byte {
			return forge(t, func(adv *packet.Advertisement) {
				adv.VRID, adv.Source, adv.Priority = vrid, netip.MustParseAddr(from), 77
			})
		}
		for range 3 {
			w.Inject(foreign(99, "10.0.0.66"))
		}
		w.Inject(forge(t, func(adv *packet.Advertisement) { adv.TTL = 3 }))
		synctest.Wait()
		got := a.counters().Strangers
		if len(got) != 2 {
			t.Fatalf("strangers: %+v", got)
		}
		if s := got[0]; s.VRID != 10 || s.Instance != "VI" || s.Reason != "ttl" || s.Times != 1 || s.Interface != "eth0" {
			t.Errorf("the one with our VRID is %+v", s)
		}
		if s := got[1]; s.VRID != 99 || s.Instance != "" || s.Reason != "unknown-vrid" || s.Times != 3 || s.Priority != 77 ||
			s.Sender != "10.0.0.66" {
			t.Errorf("the one with another VRID is %+v", s)
		}

		// Made-up senders do not push out those that are heard, and nothing grows.
		for n := range 1000 {
			w.Inject(foreign(uint8(n%200+20), fmt.Sprintf("10.9.%d.%d", n/250, n%250+1)))
			after(3 * time.Millisecond)
		}
		c := a.counters()
		if len(c.Strangers) != 16 || c.MoreStrangers < 900 || c.Strangers[0].Reason != "ttl" {
			t.Errorf("%d strangers, %d more, the first %+v", len(c.Strangers), c.MoreStrangers, c.Strangers[0])
		}
		after(time.Minute)
		w.Inject(foreign(200, "10.0.0.67"))
		synctest.Wait()
		found := false
		for _, s := range a.counters().Strangers {
			found = found || s.Sender == "10.0.0.67"
		}
		if !found {
			t.Error("one that was not heard for a minute has kept its place")
		}
	})
}

func TestForeignVirtualRoutersAreLoggedWhenAsked(t *testing.T) {
	for _, asked := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := &vrrptest.Wire{}
			a := newNode(t, w, "10.0.0.1/24")
			a.applyConfig(&conf.Config{Instances: []*conf.Instance{instance("VI", 150, vip)},
				Global: conf.Global{LogUnknownVRIDs: asked}}, nil)
			for _, vrid := range []uint8{98, 99, 99} {
				w.Inject(forge(t, func(adv *packet.Advertisement) { adv.VRID = vrid }))
			}
			synctest.Wait()
			want := 0
			if asked {
				want = 2
			}
			if got := a.log.count("level=INFO", "packet dropped", "unknown-vrid"); got != want {
				t.Errorf("log_unknown_vrids %v: %d lines, want %d:\n%s", asked, got, want, a.log)
			}
		})
	}
}

// TestSpoiledPacketsChangeNothing: thousands of advertisements of a better
// master, each with something wrong, neither end a mastership nor put off the
// takeover from a dead master by a microsecond.
func TestSpoiledPacketsChangeNothing(t *testing.T) {
	spoil := func(rng *rand.Rand, good []byte) []byte {
		b := append([]byte(nil), good...)
		switch rng.IntN(4) {
		case 0:
			return b[:rng.IntN(len(b))]
		case 1: // too long, for its header or in fact
			b[3] += uint8(1 + rng.IntN(40))
			return append(b, make([]byte, rng.IntN(60))...)
		}
		for range 1 + rng.IntN(4) {
			b[rng.IntN(len(b))] ^= uint8(1 + rng.IntN(255))
		}
		return b
	}
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 7))
		w, a, b := pair(t)
		good := forge(t, nil)
		for range 3000 {
			w.Inject(spoil(rng, good))
		}
		synctest.Wait()
		a.want("VI", event.Master)
		b.want("VI", event.Backup)

		a.crash(w)
		heard := b.counters().Instances["VI"].Received
		start := time.Now()
		for range 300 {
			w.Inject(spoil(rng, good))
			after(10 * time.Millisecond)
		}
		b.want("VI", event.Backup)
		for b.state("VI").State != event.Master && time.Since(start) < 10*time.Second {
			w.Inject(spoil(rng, good))
			after(time.Millisecond)
		}
		b.want("VI", event.Master)
		if got := b.counters().Instances["VI"].Received; got != heard {
			t.Errorf("%d of the spoiled packets were taken for good", got-heard)
		}
		if since := b.state("VI").Since; since.After(start.Add(downInterval(time.Second, 100))) {
			t.Errorf("b took over %v after the crash, at most %v are allowed", since.Sub(start), downInterval(time.Second, 100))
		}
	})
}

// TestAFloodOfOneVirtualRouterDelaysNoOther: the advertisements of another
// instance on the same interface leave in time all the same.
func TestAFloodOfOneVirtualRouterDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		other := with(instance("OTHER", 150, "10.0.0.101/32"), func(i *conf.Instance) { i.VRID = 20 })
		a.apply(instance("VI", 150, vip), other)
		a.engine.AllowMaster()
		after(5 * time.Second)
		a.want("VI", event.Master)
		a.want("OTHER", event.Master)
		loser := forge(t, func(adv *packet.Advertisement) { adv.Priority = 1 })
		from := time.Now()
		for time.Since(from) < 3*time.Second {
			for range 200 {
				w.Inject(loser)
			}
			after(10 * time.Millisecond)
		}
		var last time.Time
		answers := 0
		for _, adv := range adverts(t, w) {
			switch {
			case adv.from != a.host || adv.at.Before(from):
			case adv.vrid == 10:
				answers++
			default:
				if !last.IsZero() && adv.at.Sub(last) > time.Second {
					t.Errorf("%v between two advertisements of the other instance", adv.at.Sub(last))
				}
				last = adv.at
			}
		}
		if last.IsZero() {
			t.Error("the other instance sent nothing")
		}
		if answers > 60_000/3 {
			t.Errorf("60,000 losing advertisements were answered %d times", answers)
		}
	})
}

// TestAnotherVirtualRouterThatAdvertisesOurAddress: after a typo in a VRID both
// are MASTER, and neither hears the other as a rival.
func TestAnotherVirtualRouterThatAdvertisesOurAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a, b := newNode(t, w, "10.0.0.1/24"), newNode(t, w, "10.0.0.2/24")
		a.apply(instance("VI", 150, vip))
		other := with(instance("VI", 100, vip), func(c *conf.Instance) { c.VRID = 15 })
		b.apply(other)
		a.engine.AllowMaster()
		b.engine.AllowMaster()
		after(10 * time.Second)
		for n, want := range map[*node]string{
			a: "10.0.0.2 advertises it as virtual router 15 on eth0", b: "10.0.0.1 advertises it as virtual router 10 on eth0",
		} {
			list := n.problemsOf("address 10.0.0.100")
			if len(list) != 1 || list[0].Kind != event.Shared || list[0].Error != want ||
				!slices.Equal(list[0].Instances, []string{"VI"}) {
				t.Errorf("problems: %+v, want %q", list, want)
			}
			if n.log.count("another virtual router advertises an address") != 1 {
				t.Errorf("it has to be said once:\n%s", n.log)
			}
		}
		if s := a.counters().Strangers; len(s) != 1 || s[0].Contested != "10.0.0.100" {
			t.Errorf("strangers: %+v", s)
		}
		// One that does not advertise it, and one that has ended, are no problem.
		b.apply(with(other, func(c *conf.Instance) {
			c.Addresses = []conf.Address{{Prefix: netip.MustParsePrefix("10.0.0.101/32"), Device: "eth0"}}
		}))
		after(5 * time.Second)
		if list := a.problemsOf("address 10.0.0.100"); len(list) != 0 {
			t.Errorf("problems when it advertises another address: %+v", list)
		}
		b.apply(other)
		after(5 * time.Second)
		if list := a.problemsOf("address 10.0.0.100"); len(list) != 1 {
			t.Errorf("problems when it advertises it again: %+v", list)
		}
		b.engine.Stop(true)
		after(30 * time.Second)
		if list := a.problemsOf("address 10.0.0.100"); len(list) != 0 {
			t.Errorf("problems when it has ended: %+v", list)
		}
	})
}

// Who advertises our address every 30 s is a problem all the time, and is said once.
func TestASlowVirtualRouterThatAdvertisesOurAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a, b := newNode(t, w, "10.0.0.1/24"), newNode(t, w, "10.0.0.2/24")
		a.apply(instance("VI", 150, vip))
		b.apply(with(instance("VI", 100, vip), func(c *conf.Instance) {
			c.VRID, c.AdvertInterval = 15, 30*time.Second
		}))
		a.engine.AllowMaster()
		b.engine.AllowMaster()
		after(2 * time.Minute) // b claims after three of its intervals and the skew
		for second := range 65 {
			after(time.Second)
			if list := a.problemsOf("address 10.0.0.100"); len(list) != 1 {
				t.Errorf("after %d s: problems %+v, want one", second, list)
			}
		}
		if n := a.log.count("another virtual router advertises an address"); n != 1 {
			t.Errorf("it is said %d times, want once:\n%s", n, a.log)
		}
		b.engine.Stop(true)
		after(110 * time.Second)
		if list := a.problemsOf("address 10.0.0.100"); len(list) != 0 {
			t.Errorf("problems when it has ended: %+v", list)
		}
	})
}
