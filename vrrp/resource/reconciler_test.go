package resource_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/vrrp/resource"
)

func TestTheKernelHasWhatIsWantedAndTheJournalWhatIsOurs(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			k, j := newKernel(), journal{}
			foreign := make(map[resource.Key]bool)
			for _, r := range someAddresses(rng, rng.IntN(3)) {
				k.addresses[r.Key().(resource.AddressKey)] = r.(resource.Address).Address
				foreign[r.Key()] = true
			}
			for _, r := range someAddresses(rng, rng.IntN(3)) { // left behind, there or not
				if !foreign[r.Key()] {
					j[r.Key().Journal()] = true
					if rng.IntN(2) == 0 {
						k.addresses[r.Key().(resource.AddressKey)] = r.(resource.Address).Address
					}
				}
			}
			b := start(t, k, j)
			b.Sweep(nil)
			synctest.Wait()
			wants := make(map[int][]resource.Resource)
			seq := uint64(0)
			check := func() {
				t.Helper()
				want, ours := make(map[string]bool), make(map[string]bool)
				for key := range foreign {
					want[key.Journal()] = true
				}
				for _, list := range wants {
					for _, r := range list {
						want[r.Key().Journal()] = true
						if !foreign[r.Key()] {
							ours[r.Key().Journal()] = true
						}
					}
				}
				have := make(map[string]bool)
				for key := range k.addresses {
					have[key.Journal()] = true
				}
				if diff := cmp.Diff(want, have); diff != "" {
					t.Fatalf("seed %d: addresses in the kernel (-want +got):\n%s", seed, diff)
				}
				if diff := cmp.Diff(ours, map[string]bool(j)); diff != "" {
					t.Fatalf("seed %d: the journal (-want +got):\n%s", seed, diff)
				}
			}
			for range 20 {
				for range 1 + rng.IntN(3) {
					seq++
					owner := rng.IntN(3)
					wants[owner] = someAddresses(rng, rng.IntN(4))
					b.Put(resource.Job{Owner: owner, Seq: seq, Want: wants[owner], Doubt: resource.Doubt(rng.IntN(3))})
				}
				synctest.Wait()
				check()
			}
			for owner := range wants {
				seq++
				b.Put(resource.Job{Owner: owner, Seq: seq})
			}
			clear(wants)
			synctest.Wait()
			check()
		})
	}
}

// TestTheJournalOfTheFormerReleaseIsRead: what version 9b4dd5e has written is
// recognized, each kind, and written in the same form.
func TestTheJournalOfTheFormerReleaseIsRead(t *testing.T) {
	for _, text := range []string{
		"address eth0 10.0.0.100/32",
		"address vrrp.51 2001:db8::5/64",
		"route 10.7.0.0/16 table 254 metric 0 tos 0 protocol 18",
		"route 2001:db8:7::/48 table 100 metric 1024 tos 0 protocol 18",
		"rule from 10.9.0.0/16 priority 100 protocol 18 table 100",
		"filter director 10.0.0.100",
		"filter director 2001:db8::5",
		"setting promote_secondaries eth0",
	} {
		r, ok := resource.ParseJournal(text)
		if !ok {
			t.Errorf("%q is not read", text)
			continue
		}
		if got := r.Key().Journal(); got != text {
			t.Errorf("%q is written as %q", text, got)
		}
	}
	for _, text := range []string{
		"", "address", "address eth0", "address eth0 10.0.0.1", "route 10.0.0.0/8", "filter director x",
		"setting eth0 arp_ignore 0",
		"macvlan vrrp.51 eth0 00:00:5e:00:01:33 0", "route 10.7.0.0/16 table 254 metric 0 tos 0 protocol 18 x",
	} {
		if r, ok := resource.ParseJournal(text); ok {
			t.Errorf("%q is read as %v", text, r.Key())
		}
	}
}

// TestNoOwnerWaitsForTheRoutesOfAnother: addresses of everybody come first, and
// each owner hears of its own as soon as they are there.
func TestNoOwnerWaitsForTheRoutesOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKernel()
		k.slow = time.Second
		b := start(t, k, journal{})
		began := time.Now()
		const owners = 5
		for o := range owners {
			b.Put(resource.Job{Owner: o, Seq: 1, Want: []resource.Resource{
				route(fmt.Sprintf("10.7.%d.0/24", o), ""), address(fmt.Sprintf("10.0.0.%d/32", o+1)),
			}})
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		time.Sleep(owners * time.Second)
		synctest.Wait()
		b.mu.Lock()
		defer b.mu.Unlock()
		first := make(map[resource.Owner]bool)
		for _, r := range b.results {
			if !r.All {
				first[r.Owner] = len(r.Added) == 1
			}
		}
		if len(first) != owners {
			t.Fatalf("results %+v", b.results)
		}
		// All addresses are there before the first route.
		for n, what := range k.order {
			if strings.Contains(what, "/") != (n >= owners) {
				t.Errorf("the kernel was told %v", k.order)
				break
			}
		}
		if took := time.Since(began); took > owners*time.Second+time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// TestWhatIsThereIsNotMadeAnew: looking after routes asks once and adds nothing.
func TestWhatIsThereIsNotMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newKernel(), journal{})
		want := []resource.Resource{route("10.7.0.0/16", ""), route("10.8.0.0/16", "")}
		b.put(resource.Job{Owner: "VI", Seq: 1, Want: want})
		adds := b.kernel.attempts()
		b.put(resource.Job{Owner: "VI", Seq: 2, Want: want, Doubt: resource.Disturbed})
		if b.kernel.attempts() != adds {
			t.Errorf("%d attempts to make what is there", b.kernel.attempts()-adds)
		}
		clear(b.kernel.routes)
		b.put(resource.Job{Owner: "VI", Seq: 3, Want: want, Doubt: resource.Disturbed})
		if len(b.kernel.routes) != 2 {
			t.Error("the routes are not there again")
		}
		if b.restored() != 0 {
			t.Error("something else is blamed")
		}
	})
}
