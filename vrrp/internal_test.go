package vrrp

import (
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/machine"
)

// The address worker has more states than a test from outside
// reaches: it is driven by random operations and compared with a plain model.

// place1 to place6 are few, so that instances quarrel over them.
func somePlaces(rng *rand.Rand, n int) (list []conf.Address) {
	for _, i := range rng.Perm(6)[:n] {
		a := conf.Address{Prefix: netip.MustParsePrefix(fmt.Sprintf("10.0.0.%d/32", i+1)), Device: "eth0"}
		if rng.IntN(4) == 0 {
			a.Label = "eth0:x"
		}
		list = append(list, a)
	}
	return list
}

type fakeKernel map[place]conf.Address

func (k fakeKernel) List() (list []link.HostAddress, err error) {
	for p := range k {
		list = append(list, link.HostAddress{Device: p.device, Prefix: p.prefix})
	}
	return list, nil
}

func (k fakeKernel) Add(a conf.Address) error {
	if _, there := k[placeOf(a)]; there {
		return fmt.Errorf("adding %s: %w", a.Prefix, fs.ErrExist)
	}
	k[placeOf(a)] = a
	return nil
}

func (k fakeKernel) Remove(device string, prefix netip.Prefix) error {
	delete(k, place{device: device, prefix: prefix})
	return nil
}

func (k fakeKernel) Mark(string, netip.Prefix) error { return nil }

func (k fakeKernel) RemoveAlone(device string, prefix netip.Prefix) ([]netip.Prefix, error) {
	return nil, k.Remove(device, prefix)
}

func (k fakeKernel) Close() error { return nil }

// strictJournal fails the test when an address is added that it does not hold.
type strictJournal map[string]bool

func (j strictJournal) Claim(keys ...string) error {
	for _, k := range keys {
		j[k] = true
	}
	return nil
}

func (j strictJournal) Release(keys ...string) error {
	for _, k := range keys {
		delete(j, k)
	}
	return nil
}

func (j strictJournal) Held() []string { return slices.Collect(maps.Keys(j)) }

func TestTheKernelHasWhatInstancesWantAndTheJournalWhatIsOurs(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		kernel, journal := fakeKernel{}, strictJournal{}
		foreign := make(map[place]bool)
		for _, a := range somePlaces(rng, rng.IntN(3)) {
			kernel[placeOf(a)] = a
			foreign[placeOf(a)] = true
		}
		for _, a := range somePlaces(rng, rng.IntN(3)) { // left behind, there or not
			if !foreign[placeOf(a)] {
				journal[placeOf(a).journalKey()] = true
				if rng.IntN(2) == 0 {
					kernel[placeOf(a)] = a
				}
			}
		}
		w := newAddressWorker(kernel, nil, nil, journal, journal.Held(), slog.New(slog.DiscardHandler), newTurns())
		w.findForeign()
		wants := make(map[key][]conf.Address)
		w.do(addressWork{sweep: true})
		for range 20 {
			var work addressWork
			for range 1 + rng.IntN(3) {
				k := key{vrid: uint8(rng.IntN(3))}
				wants[k] = somePlaces(rng, rng.IntN(4))
				work.jobs = append(work.jobs, addressJob{key: k, want: holdingsOf(wants[k], nil, nil), verify: rng.IntN(2) == 0})
			}
			w.do(work)
			want, ours := make(map[place]bool), make(map[string]bool)
			for p := range foreign {
				want[p] = true
			}
			for _, list := range wants {
				for _, a := range list {
					want[placeOf(a)] = true
					if !foreign[placeOf(a)] {
						ours[placeOf(a).journalKey()] = true
					}
				}
			}
			have := make(map[place]bool)
			for p := range kernel {
				have[p] = true
			}
			if diff := cmp.Diff(want, have, cmp.AllowUnexported(place{}), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
				t.Fatalf("seed %d: addresses in the kernel (-want +got):\n%s", seed, diff)
			}
			if diff := cmp.Diff(ours, map[string]bool(journal)); diff != "" {
				t.Fatalf("seed %d: the journal (-want +got):\n%s", seed, diff)
			}
		}
		for k := range wants {
			w.do(addressWork{jobs: []addressJob{{key: k}}})
		}
		if len(kernel) != len(foreign) || len(journal) != 0 || len(w.book.wanted)+len(w.book.held)+len(w.book.installed)+len(w.book.instances) != 0 {
			t.Fatalf("seed %d: something is left at the end: kernel %v, journal %v, book %+v", seed, kernel, journal, w.book)
		}
	}
}

func TestTheSteadyStateAllocatesNothing(t *testing.T) {
	i := newInstance(&conf.Instance{
		Name: "VI", Interface: "eth0", VRID: 1, Priority: 100, Version: 3, AdvertInterval: time.Second, DownTimerAdverts: 3,
	})
	e := New(Options{Events: func(event.InstanceState) {}})
	now := time.Now()
	e.log = slog.New(slog.DiscardHandler)
	e.step(i, now, machine.Input{Kind: machine.Startup})
	in := machine.Input{Kind: machine.Received, Adv: machine.Advert{Priority: 200, Interval: time.Second}}
	if n := testing.AllocsPerRun(100, func() {
		now = now.Add(time.Millisecond)
		e.step(i, now, in)
	}); n != 0 {
		t.Errorf("an advertisement costs %v allocations", n)
	}
	if d, ok := e.deadlines.First(); !ok || !d.Due().After(now.Add(3*time.Second)) {
		t.Errorf("the advertisements did not move the timer: %+v", d)
	}
}
