package vrrp_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

func TestThatInterfacesAreNotWatchedIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := pair(t)
		a.host.Deaf(false) // a snapshot like any other
		synctest.Wait()
		if n := a.log.count("noticed again"); n != 0 {
			t.Errorf("what was never lost is back:\n%s", a.log)
		}
		for range 100 {
			a.host.Blind(errors.New("no descriptors"))
			after(100 * time.Millisecond)
		}
		if n := a.log.count("not noticed", "no descriptors"); n != 1 {
			t.Errorf("it was said %d times in 10 s, want once:\n%s", n, a.log)
		}
		a.host.Deaf(false)
		synctest.Wait()
		if n := a.log.count("noticed again", "after=10s"); n != 1 {
			t.Errorf("that it works again was said %d times, want once:\n%s", n, a.log)
		}
		a.want("VI", event.Master)
	})
}

// TestTheOwnersAddressComesBack: the address of an address owner is the
// host's, even when it comes later than the configuration that names it.
func TestTheOwnersAddressComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const own = "10.0.0.1/24"
		w := &vrrptest.Wire{}
		a := newNode(t, w, own)
		a.host.Take("eth0", own)
		a.apply(instance("VI", 255, own))
		a.engine.AllowMaster()
		a.want("VI", event.Fault)
		for range 2 {
			a.host.Put("eth0", own)
			after(time.Second)
			a.want("VI", event.Master)
			a.host.Take("eth0", own)
			a.want("VI", event.Fault)
			a.wantAddress(false, own)
		}
		a.host.Put("eth0", own)
		a.want("VI", event.Master)
		a.engine.Stop(true)
		a.wantAddress(true, own)
		if held := a.journal.Held(); len(held) != 0 {
			t.Errorf("the journal claims an address of the host: %q", held)
		}
	})
}
