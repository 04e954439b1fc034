package vrrp_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/vrrptest"
	"github.com/lvs-director/director/worker"
)

// The group is BACKUP because its members handed over, not because they became MASTER a week ago.
func TestAGroupNamesTheMemberThatHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := groupPair(t, nil)
		order := worker.HandOver{Numbers: map[string]uint64{"OUT": 1, "IN": 1}}.Of(a.told)
		if err := a.engine.HandOver(context.Background(), order, nil, "boot-1-s1"); err != nil {
			t.Fatal(err)
		}
		a.wantBoth(event.Backup)
		members := map[event.Numbers]bool{}
		for _, name := range []string{"OUT", "IN"} {
			s := a.state(name)
			if s.Causes != "boot-1-s1" {
				t.Errorf("%s names %q as the cause, want the order", name, s.Causes)
			}
			members[event.Numbers(s.Event)] = true
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if g := a.groups[len(a.groups)-1]; g.State != event.Backup || !members[g.Causes] {
			t.Errorf("the group is %v because of %q, want BACKUP because of one of %v", g.State, g.Causes, members)
		}
	})
}

// Whoever takes a mastership back after a hand-over has it because the hand-over was ended; what it loses and wins
// later has nothing to do with that.
func TestAMastershipThatIsTakenBackNamesWhoEndedTheHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pairOf(t, &vrrptest.Wire{}, script("chk", -30), func(*conf.Instance) {})
		a.tell("chk", true)
		after(10 * time.Second)
		a.want("VI", event.Master)
		order := worker.HandOver{Numbers: map[string]uint64{"VI": 1}}.Of(a.told)
		if err := a.engine.HandOver(context.Background(), order, nil, "boot-1-s1"); err != nil {
			t.Fatal(err)
		}
		after(10 * time.Second)
		b.want("VI", event.Master)
		if s := b.state("VI"); s.Heard != "10.0.0.1" {
			t.Errorf("the other one is MASTER because of %q, want 10.0.0.1", s.Heard)
		}
		if err := a.engine.HandOver(context.Background(), nil, nil, "boot-1-s2"); err != nil {
			t.Fatal(err)
		}
		after(10 * time.Second)
		if s := a.state("VI"); s.State != event.Master || s.Causes != "boot-1-s2" {
			t.Errorf("it is %v because of %q, want MASTER because of the end of the hand-over", s.State, s.Causes)
		}
		b.apply(instance("VI", 250, vip))
		after(10 * time.Second)
		a.want("VI", event.Backup)
		b.apply(instance("VI", 50, vip))
		after(10 * time.Second)
		if s := a.state("VI"); s.State != event.Master || s.Causes != "" {
			t.Errorf("it is %v because of %q, and nothing here made it so", s.State, s.Causes)
		}
	})
}

// Two hand-overs that are told in one message are each the operator's who asked for it.
func TestHandOversOfOneMomentNameTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a, b := newNode(t, w, "10.0.0.1/24"), newNode(t, w, "10.0.0.2/24")
		other := with(instance("VI_2", 150, "10.0.0.101/24"), func(i *conf.Instance) { i.VRID = 52 })
		a.apply(instance("VI", 150, vip), other)
		b.apply(instance("VI", 100, vip), with(other, func(i *conf.Instance) { i.Priority = 100 }))
		a.engine.AllowMaster()
		b.engine.AllowMaster()
		after(10 * time.Second)
		order := worker.HandOver{Numbers: map[string]uint64{"VI": 1, "VI_2": 2}}.Of(a.told)
		by := map[conf.InstanceID]event.Number{}
		for id, number := range order {
			by[id] = event.Number("boot-1-s" + strconv.FormatUint(number, 10))
		}
		if err := a.engine.HandOver(context.Background(), order, by, "boot-1-s2"); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		for name, want := range map[string]event.Numbers{"VI": "boot-1-s1", "VI_2": "boot-1-s2"} {
			if s := a.state(name); s.State != event.Backup || s.Causes != want {
				t.Errorf("%s is %v because of %q, want BACKUP because of %q", name, s.State, s.Causes, want)
			}
		}
	})
}

// What a reload does to a priority is an event of its own, which the lost mastership names; that
// the priority rose is no cause of one that is lost to a router with a higher one.
func TestALostMastershipNamesThePriorityThatFell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pairOf(t, &vrrptest.Wire{}, script("chk", -30), func(*conf.Instance) {})
		a.tell("chk", true)
		after(10 * time.Second)
		a.want("VI", event.Master)
		a.tell("chk", false)
		a.tell("chk", true) // it rose
		after(time.Minute)
		b.apply(instance("VI", 250, vip))
		after(10 * time.Second)
		if s := a.state("VI"); s.State != event.Backup || s.Causes != "" {
			t.Errorf("it is %v because of %q, and nothing here made it so", s.State, s.Causes)
		}
		b.want("VI", event.Master)

		cfg := &conf.Config{Instances: []*conf.Instance{instance("VI", 120, vip)}}
		if err := b.engine.Apply(context.Background(), cfg, nil, "boot-1-s7"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		fell := b.state("VI")
		if fell.Priority != 120 || fell.Causes != "boot-1-s7" {
			t.Errorf("the priority is %d because of %q, want 120 because of the reload", fell.Priority, fell.Causes)
		}
		after(10 * time.Second)
		if s := b.state("VI"); s.State != event.Backup || s.Causes != event.Numbers(fell.Event) {
			t.Errorf("it is %v because of %q, want BACKUP because of %q", s.State, s.Causes, fell.Event)
		}
	})
}

// An interface has no event: the priority says what has moved it.
func TestAChangedPrioritySaysWhatMovedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		a.engine.AllowMaster()
		a.host.Plug(3, "eth1", &vrrptest.Wire{}, "10.1.0.1/24")
		a.apply(with(instance("VI", 100, vip), func(i *conf.Instance) {
			i.TrackInterfaces = append(i.TrackInterfaces, conf.TrackInterface{Name: "eth1", Weight: -30})
		}))
		after(10 * time.Second)
		a.want("VI", event.Master)
		a.host.SetUp("eth1", false)
		after(time.Second)
		if s := a.state("VI"); s.Priority != 70 || s.Weighed != "interface eth1 is down: -30" {
			t.Errorf("the priority is %d because of %q", s.Priority, s.Weighed)
		}
	})
}
