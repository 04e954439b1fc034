package resource_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/resource"
)

// TestARemovalThatFailsIsTriedAgainAndTold: until it succeeds this host
// answers for the address, so it is never forgotten.
func TestARemovalThatFailsIsTriedAgainAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newKernel(), journal{})
		vip := address("10.0.0.100/32")
		b.put(resource.Job{Owner: "VI", Seq: 1, Want: []resource.Resource{vip}})
		b.kernel.failRemovals(errors.New("operation not permitted"))
		b.put(resource.Job{Owner: "VI", Seq: 2})
		got := b.last("VI")
		if !got.All || got.Seq != 2 || len(got.Of(event.Holding)) != 1 {
			t.Fatalf("after a removal that failed: %+v, want one trouble of kind holding", got)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		times := b.last("VI").Of(event.Holding)[0].Times
		if times < 20 || times > 30 {
			t.Errorf("%d attempts in ten minutes, want one about every 30 s", times)
		}
		if !b.journal[vip.Key().Journal()] {
			t.Error("the journal has forgotten it")
		}
		b.kernel.failRemovals(nil)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if got := b.last("VI"); len(got.Trouble) != 0 || len(b.kernel.addresses) != 0 || len(b.journal) != 0 {
			t.Errorf("after it could be removed: %+v, kernel %v, journal %v", got, b.kernel.addresses, b.journal)
		}
	})
}

func TestAnAddressThatCannotBeRemovedAndIsWantedAgainIsNoTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newKernel(), journal{})
		want := []resource.Resource{address("10.0.0.100/32")}
		b.put(resource.Job{Owner: "VI", Seq: 1, Want: want})
		b.kernel.failRemovals(errors.New("operation not permitted"))
		b.put(resource.Job{Owner: "VI", Seq: 2})
		b.put(resource.Job{Owner: "VI", Seq: 3, Want: want})
		if got := b.last("VI"); len(got.Trouble) != 0 || len(got.Restored) != 0 {
			t.Errorf("it is told as %+v", got)
		}
		b.kernel.failRemovals(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(b.kernel.addresses) != 1 {
			t.Error("the removal that had failed was made although the address is wanted again")
		}
	})
}

// TestARenameThatIsHeardLate: an interface is taken down to be renamed, and has its
// new name before the address is removed by the old one. The address goes all the same.
func TestARenameThatIsHeardLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newKernel(), journal{})
		vip := address("10.0.0.100/32")
		b.put(resource.Job{Owner: "VI", Seq: 1, Want: []resource.Resource{vip}})
		b.kernel.rename("eth0", "lan0")
		b.put(resource.Job{Owner: "VI", Seq: 2}) // it is down, is all that is known
		time.Sleep(time.Second)
		b.Renamed(resource.Rename{From: "eth0", To: "lan0"})
		synctest.Wait()
		if len(b.kernel.addresses) != 0 || len(b.journal) != 0 {
			t.Errorf("kernel %v, journal %v", b.kernel.addresses, b.journal)
		}
		// Much later it is somebody else's doing.
		b.put(resource.Job{Owner: "VI", Seq: 3, Want: []resource.Resource{vip}})
		b.put(resource.Job{Owner: "VI", Seq: 4})
		time.Sleep(time.Hour)
		if err := b.kernel.Add(conf.Address{Prefix: vip.Prefix, Device: "lan0"}); err != nil {
			t.Fatal(err)
		}
		b.Renamed(resource.Rename{From: "eth0", To: "lan0"})
		synctest.Wait()
		if len(b.kernel.addresses) != 1 {
			t.Error("an address of somebody else was removed")
		}
	})
}

// TestOurOwnSideEffectsAreRepairedAndNobodyIsBlamed: a route goes with the
// address that its gateway was reached by.
func TestOurOwnSideEffectsAreRepairedAndNobodyIsBlamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newKernel(), journal{})
		r := route("10.7.0.0/16", "10.0.0.1")
		b.put(resource.Job{Owner: "VI", Seq: 1, Want: []resource.Resource{address("10.0.0.100/24"), r}})
		b.put(resource.Job{Owner: "VI", Seq: 2, Want: []resource.Resource{address("10.0.0.200/24"), r}})
		if len(b.kernel.routes) != 1 {
			t.Fatalf("the route is gone; the kernel did %v", b.kernel.order)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, res := range b.results {
			if len(res.Restored) > 0 || len(res.Trouble) > 0 {
				t.Errorf("something else is blamed: %+v", res)
			}
		}
	})
}

// TestWhatIsRemovedAgainAndAgainIsPutBackEverLessOften: a fight costs nobody
// a processor, and becomes a problem.
func TestWhatIsRemovedAgainAndAgainIsPutBackEverLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newKernel(), journal{})
		vip := address("10.0.0.100/32")
		want := []resource.Resource{vip}
		b.put(resource.Job{Owner: "VI", Seq: 1, Want: want})
		seq, began := uint64(1), b.kernel.attempts()
		until := time.Now().Add(10 * time.Minute)
		for time.Now().Before(until) {
			b.kernel.mu.Lock()
			_, there := b.kernel.addresses[vip.Key().(resource.AddressKey)]
			delete(b.kernel.addresses, vip.Key().(resource.AddressKey))
			b.kernel.mu.Unlock()
			if there {
				seq++
				b.put(resource.Job{Owner: "VI", Seq: seq, Want: want, Doubt: resource.Removed})
			}
			time.Sleep(20 * time.Millisecond)
			synctest.Wait()
		}
		if n := b.kernel.attempts() - began; n < 10 || n > 40 {
			t.Errorf("put back %d times in ten minutes, want about every 30 s", n)
		}
		if got := b.last("VI").Of(event.Contested); len(got) != 1 || got[0].Times < 10 {
			t.Errorf("trouble %+v, want one of kind contested with a count", b.last("VI").Trouble)
		}
		time.Sleep(5 * time.Minute) // nobody removes it any more
		synctest.Wait()
		if got := b.last("VI"); len(got.Trouble) != 0 || len(b.kernel.addresses) != 1 {
			t.Errorf("long after the fight: %+v, addresses %v", got, b.kernel.addresses)
		}
	})
}

func TestTheFirstRemovalIsUndoneAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newKernel(), journal{})
		want := []resource.Resource{address("10.0.0.100/32")}
		b.put(resource.Job{Owner: "VI", Seq: 1, Want: want})
		clear(b.kernel.addresses)
		b.put(resource.Job{Owner: "VI", Seq: 2, Want: want, Doubt: resource.Removed})
		if got := b.last("VI"); b.restored() != 1 || len(got.Trouble) != 0 || len(b.kernel.addresses) != 1 {
			t.Errorf("after one removal: %+v, addresses %v, %d restored", got, b.kernel.addresses, b.restored())
		}
	})
}
