//go:build linux

package native_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
)

// lockHeld is how long another program holds the kernel's lock of interfaces and addresses (RTNL),
// as the deletion of a host's containers may.
const lockHeld = 5 * time.Second

// holdLock makes another program hold the lock, checks that an address has to wait for it, and
// returns a function that waits for the end.
func (w *watched) holdLock() (release func()) {
	w.t.Helper()
	free := w.c.HoldRoutingLock("eth1", lockHeld)
	asked := time.Now()
	added := make(chan error, 1)
	go func() {
		out, err := w.c.Output("ip", "address", "add", "203.0.113.1/32", "dev", "eth1")
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		added <- err
	}()
	return func() {
		w.t.Helper()
		free()
		if err := <-added; err != nil {
			w.t.Fatal(err)
		}
		if took := time.Since(asked); took < lockHeld*9/10 {
			w.t.Fatalf("an address was added after %v: the lock was not held for %v", took, lockHeld)
		}
	}
}

// onTime fails if between two moments a router let more than half of the down interval pass between
// two advertisements, or if another router sent any.
func (w *watched) onTime(router, other string, since, until time.Time) {
	w.t.Helper()
	list := pair.Advertisements(w.c.Capture("eth0"), since)
	if sent := pair.From(list, other); len(sent) > 0 {
		w.t.Errorf("%s sent advertisements: %+v", other, sent)
	}
	last, most := since, time.Duration(0)
	for _, sent := range append(pair.From(list, router), pair.Advertisement{Time: until}) {
		gap := sent.Time.Sub(last) - w.Starved(last, sent.Time)
		most, last = max(most, gap), sent.Time
	}
	w.Logf("%s: %d advertisements, at most %v apart", router, len(pair.From(list, router)), most)
	if most > 2*watchInterval {
		w.t.Errorf("%s sent nothing for %v", router, most)
	}
}

func (w *watched) workers() (list [2]int) {
	return [2]int{w.daemons[w.a].Worker(pair.VRRP), w.daemons[w.b].Worker(pair.VRRP)}
}

// TestRoutingLockHeld: another program holds the kernel's lock of interfaces and addresses for five
// seconds. Advertisements are on time, no router takes over and no worker is killed. All hosts of
// the lab share this lock, so no other test runs beside this one.
func TestRoutingLockHeld(t *testing.T) {
	w := watch(t)
	w.startPair(base(150), base(100))
	w.steady(w.a, 4*watchInterval)
	before, begun := w.workers(), time.Now()
	release := w.holdLock()
	time.Sleep(lockHeld)
	ended := time.Now()
	release()
	w.onTime("192.0.2.251", "192.0.2.252", begun, ended)
	w.steady(w.a, 2*time.Second)
	if now := w.workers(); now != before {
		t.Errorf("the vrrp workers are %v, before they were %v", now, before)
	}
	for _, h := range []*lab.Host{w.a, w.b} {
		if out, err := w.ask(h, "status"); err != nil {
			t.Errorf("status of %s: %v\n%s", h.Name, err, out)
		}
	}
}

// TestTakeoverWhileTheRoutingLockIsHeld: the MASTER dies while no address can be added. The peer
// advertises in time, its waiting worker is not killed, and it has the address as soon as the lock
// is free.
func TestTakeoverWhileTheRoutingLockIsHeld(t *testing.T) {
	w := watch(t)
	w.startPair(base(150), base(100))
	w.steady(w.a, 4*watchInterval)
	before := w.workers()[1]
	release := w.holdLock()
	died := w.daemons[w.a].KillAll()
	time.Sleep(lockHeld - time.Since(died))
	ended := time.Now()
	release()
	if first := w.firstOf("192.0.2.252", died); first.Sub(died) > takeover+w.Starved(died, first) {
		t.Errorf("b sent its first advertisement after %v", first.Sub(died))
	} else {
		w.onTime("192.0.2.252", "192.0.2.251", first, ended)
	}
	w.Until(2*time.Second, "b has the address", func() bool { return w.b.HasAddress("eth0", frontVIP) })
	w.Until(2*time.Second, "b announces the address", func() bool { return w.announced("eth0", frontVIP, ended) > 0 })
	if now := w.daemons[w.b].Worker(pair.VRRP); now != before {
		t.Errorf("the vrrp worker of b is %d, before it was %d", now, before)
	}
}
