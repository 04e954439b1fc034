package vrrp_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp"
	"github.com/lvs-director/director/worker"
)

func (n *node) handOver(numbers map[string]uint64) {
	n.t.Helper()
	if err := n.engine.HandOver(context.Background(), worker.HandOver{Numbers: numbers}.Of(n.told), nil); err != nil {
		n.t.Fatalf("HandOver: %v", err)
	}
	synctest.Wait()
}

// wantHandOver is what must have been told last of a hand-over.
func (n *node) wantHandOver(name string, number uint64, inForce bool) {
	n.t.Helper()
	if s := n.state(name); s.HandOver != number || s.HandedOver != inForce {
		n.t.Errorf("%s tells of hand-over %d, in force: %v; want %d, %v", name, s.HandOver, s.HandedOver, number, inForce)
	}
}

func TestHandOverToThePeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		a.handOver(map[string]uint64{"VI": 1})
		a.want("VI", event.Backup)
		a.wantAddress(false, vip)
		after(time.Second) // b's skew is 609 ms
		b.want("VI", event.Master)
		a.wantHandOver("VI", 1, true)
		if got := a.state("VI").Peer; got != "10.0.0.2" {
			t.Errorf("%q took over, want 10.0.0.2", got)
		}
		after(time.Minute)
		a.want("VI", event.Backup)
		a.apply(instance("VI", 200, vip)) // a reload changes nothing about it
		after(time.Minute)
		a.want("VI", event.Backup)

		a.handOver(nil)
		a.wantHandOver("VI", 0, false)
		after(5 * time.Second)
		a.want("VI", event.Master)
		b.want("VI", event.Backup)
	})
}

func TestHandOverWithoutAnybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		w.Cut(b.host, true)
		a.handOver(map[string]uint64{"VI": 1})
		a.wantAddress(false, vip)
		after(1415 * time.Millisecond) // its skew of 414 ms and one interval
		a.want("VI", event.Master)
		a.wantAddress(true, vip)
		a.wantHandOver("VI", 1, false)
		a.handOver(map[string]uint64{"VI": 1}) // told again before the end was heard of
		a.want("VI", event.Master)
		a.handOver(map[string]uint64{"VI": 2})
		a.want("VI", event.Backup)
	})
}

func TestHandOverOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		a.handOver(map[string]uint64{"VI": 1})
		after(time.Second)
		a.engine.Stop(true)
		a.run()
		a.handOver(map[string]uint64{"VI": 1})
		a.engine.AllowMaster()
		a.applyResuming(map[string]vrrp.Resume{"VI": {State: event.Master}}, instance("VI", 150, vip))
		after(time.Minute)
		a.want("VI", event.Backup)
		b.want("VI", event.Master)
		a.wantHandOver("VI", 1, true)
	})
}

func TestHandOverOfAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, a, b := groupPair(t, nil)
		a.handOver(map[string]uint64{"OUT": 1, "IN": 1})
		a.wantBoth(event.Backup)
		after(time.Second)
		b.wantBoth(event.Master)
		after(time.Minute)
		a.wantBoth(event.Backup)
		last := map[uint8]uint8{}
		for _, adv := range append(adverts(t, l.out), adverts(t, l.in)...) {
			if adv.from == a.host {
				last[adv.vrid] = adv.priority
			}
		}
		if diff := cmp.Diff(map[uint8]uint8{10: 0, 11: 0}, last); diff != "" {
			t.Errorf("last priority sent by each (-want +got):\n%s", diff)
		}
		b.crash(l.out)
		l.in.Cut(b.host, true)
		after(5 * time.Second) // somebody has to serve
		a.wantBoth(event.Master)
		a.wantHandOver("OUT", 1, false)
		a.wantHandOver("IN", 1, false)
		if diff := cmp.Diff([]event.VRRPState{event.Backup, event.Master, event.Backup, event.Master},
			a.groupStates()); diff != "" {
			t.Errorf("states of the group (-want +got):\n%s", diff)
		}
	})
}

// TestARenamedInstanceStaysHandedOver: the worker tells the engine the orders first, then
// the configuration, in which the instance has another name.
func TestARenamedInstanceStaysHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		a.apply(instance("VI", 150, vip))
		after(5 * time.Second)
		a.handOver(map[string]uint64{"VI": 7})
		after(time.Minute)
		a.want("VI", event.Backup)
		renamed := instance("OTHER", 150, vip)
		order := map[conf.InstanceID]uint64{renamed.ID(): 7}
		if err := a.engine.HandOver(context.Background(), order, nil); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		a.want("VI", event.Backup)
		a.apply(renamed)
		after(time.Minute)
		a.want("OTHER", event.Backup)
		a.wantHandOver("OTHER", 7, true)
		b.want("VI", event.Master)
	})
}

func TestAnOwnerThatIsHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		a.apply(instance("VI", 255, vip))
		after(5 * time.Second)
		a.handOver(map[string]uint64{"VI": 7})
		after(time.Minute)
		a.want("VI", event.Backup)
		b.want("VI", event.Master)
		a.handOver(nil)
		after(5 * time.Second)
		a.want("VI", event.Master)
		b.want("VI", event.Backup)
	})
}
