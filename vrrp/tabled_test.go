package vrrp_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

// An instance whose virtual servers follow its address advertises at once, and brings the address
// when the table has them; or after 200 ms, whoever does not answer.
func TestAddressesWaitForTheTable(t *testing.T) {
	for _, answers := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := &vrrptest.Wire{}
			n := newNode(t, w, "10.0.0.1/24")
			n.engine.AllowMaster()
			i := instance("VI", 100, vip)
			if err := n.engine.AwaitTable(context.Background(), []conf.InstanceID{i.ID()}); err != nil {
				t.Fatal(err)
			}
			n.apply(i)
			for n.state("VI").State != event.Master {
				after(10 * time.Millisecond)
			}
			if got := len(adverts(t, w)); got != 1 {
				t.Errorf("%d advertisements as a new MASTER", got)
			}
			told := n.state("VI")
			if !told.Holds() || told.Acquired != 1 {
				t.Errorf("told %+v, want that the address is about to come", told)
			}
			n.wantAddress(false, vip)
			if answers {
				_ = n.engine.InTable(context.Background(), i.ID(), told.Acquired+1) // of another time
				n.wantAddress(false, vip)
				_ = n.engine.InTable(context.Background(), i.ID(), told.Acquired)
				n.wantAddress(true, vip)
			} else {
				after(150 * time.Millisecond)
				n.wantAddress(false, vip)
				after(60 * time.Millisecond)
				n.wantAddress(true, vip)
			}
			// A reload while it is MASTER waits for nothing.
			n.apply(with(i, func(i *conf.Instance) {
				i.Addresses = append(i.Addresses, instance("", 1, "10.0.0.201/32").Addresses...)
			}))
			n.wantAddress(true, vip, "10.0.0.201/32")
		})
	}
}

// That an instance has left MASTER is told at once, and again when its addresses are gone: only then
// do virtual servers leave that follow them.
func TestPresenceOutlastsMaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		n.engine.AllowMaster()
		n.apply(instance("VI", 100, vip))
		after(5 * time.Second)
		n.want("VI", event.Master)
		n.mu.Lock()
		n.events = nil
		n.mu.Unlock()
		n.host.SetUp("eth0", false)
		after(time.Second)
		n.mu.Lock()
		defer n.mu.Unlock()
		if len(n.events) < 2 || n.events[0].State != event.Fault || !n.events[0].Holds() || n.events[0].Quiet {
			t.Errorf("told first: %+v", n.events)
		}
		last := n.events[len(n.events)-1]
		if last.State != event.Fault || last.Holds() || !last.Quiet {
			t.Errorf("told last: %+v", last)
		}
	})
}

// While an instance waits for the table it may lose its mastership: the address never comes.
func TestALostMastershipWaitsForNoTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		n.engine.AllowMaster()
		i := instance("VI", 100, vip)
		_ = n.engine.AwaitTable(context.Background(), []conf.InstanceID{i.ID()})
		n.apply(i)
		for n.state("VI").State != event.Master {
			after(10 * time.Millisecond)
		}
		n.host.SetUp("eth0", false)
		synctest.Wait()
		_ = n.engine.InTable(context.Background(), i.ID(), 1)
		after(time.Second)
		n.wantAddress(false, vip)
		if s := n.state("VI"); s.State != event.Fault || s.Holds() {
			t.Errorf("told %+v", s)
		}
	})
}
