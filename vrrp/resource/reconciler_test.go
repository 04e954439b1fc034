package resource_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/resource"
	"github.com/lvs-director/director/vrrp/turns"
)

// kernel is a fake one. Routes go with the addresses they lead over, and
// nobody is told, as the kernel does it.
type kernel struct {
	mu        sync.Mutex
	addresses map[resource.AddressKey]conf.Address
	routes    map[link.RouteKey]conf.Route
	rules     map[conf.Rule]bool
	adds      int           // attempts to make something
	keep      error         // why removals of addresses fail
	slow      time.Duration // how long adding a route or rule takes
	order     []string      // of what was added and removed
}

func newKernel() *kernel {
	return &kernel{
		addresses: make(map[resource.AddressKey]conf.Address), routes: make(map[link.RouteKey]conf.Route),
		rules: make(map[conf.Rule]bool),
	}
}

func (k *kernel) attempts() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.adds
}

func (k *kernel) did(format string, args ...any) {
	k.order = append(k.order, fmt.Sprintf(format, args...))
}

func (k *kernel) List() (list []link.HostAddress, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for a := range k.addresses {
		list = append(list, link.HostAddress{Device: a.Device, Prefix: a.Prefix})
	}
	return list, nil
}

func (k *kernel) Add(a conf.Address) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.adds++
	if _, there := k.addresses[resource.KeyOfAddress(a)]; there {
		return fmt.Errorf("adding %s: %w", a.Prefix, fs.ErrExist)
	}
	k.did("+%s", a.Prefix.Addr())
	k.addresses[resource.KeyOfAddress(a)] = a
	return nil
}

// failRemovals makes removals of addresses fail, or work again with nil.
func (k *kernel) failRemovals(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keep = err
}

func (k *kernel) Remove(device string, prefix netip.Prefix) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keep != nil {
		return k.keep
	}
	k.did("-%s", prefix.Addr())
	delete(k.addresses, resource.AddressKey{Device: device, Prefix: prefix})
	maps.DeleteFunc(k.routes, func(_ link.RouteKey, r conf.Route) bool {
		return prefix.Masked().Contains(r.Via) && !slices.ContainsFunc(slices.Collect(maps.Keys(k.addresses)),
			func(a resource.AddressKey) bool { return a.Prefix.Masked().Contains(r.Via) })
	})
	return nil
}

// rename gives an interface another name, with its addresses.
func (k *kernel) rename(from, to string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, a := range k.addresses {
		if key.Device == from {
			delete(k.addresses, key)
			key.Device, a.Device = to, to
			k.addresses[key] = a
		}
	}
}

func (k *kernel) FindRoutes(keys []link.RouteKey) (map[link.RouteKey]conf.Route, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := make(map[link.RouteKey]conf.Route)
	for _, key := range keys {
		if r, ok := k.routes[key]; ok {
			found[key] = r
		}
	}
	return found, nil
}

func (k *kernel) RoutesOf(uint8) (map[link.RouteKey]conf.Route, error) { return nil, nil }

func (k *kernel) FindRules(rules []conf.Rule) (map[conf.Rule]bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := make(map[conf.Rule]bool)
	for _, r := range rules {
		if k.rules[r] {
			found[r] = true
		}
	}
	return found, nil
}

func (k *kernel) AddRoute(r conf.Route) error {
	time.Sleep(k.slow)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.adds++
	if _, there := k.routes[link.KeyOf(r)]; there {
		return fmt.Errorf("adding %s: %w", r.Text, fs.ErrExist)
	}
	if r.Via.IsValid() && !slices.ContainsFunc(slices.Collect(maps.Keys(k.addresses)),
		func(a resource.AddressKey) bool { return a.Prefix.Masked().Contains(r.Via) }) {
		return errors.New("nexthop has invalid gateway")
	}
	k.did("+%s", r.Destination)
	k.routes[link.KeyOf(r)] = r
	return nil
}

func (k *kernel) ReplaceRoute(r conf.Route) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.routes[link.KeyOf(r)] = r
	return nil
}

func (k *kernel) RemoveRoute(key link.RouteKey, _ uint8) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.routes, key)
	return nil
}

func (k *kernel) AddRule(r conf.Rule) error {
	time.Sleep(k.slow)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.adds++
	k.rules[link.RuleOf(r)] = true
	return nil
}

func (k *kernel) RemoveRule(r conf.Rule) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.rules, link.RuleOf(r))
	return nil
}

func (k *kernel) Mark(string, netip.Prefix) error { return nil }

func (k *kernel) RemoveAlone(device string, prefix netip.Prefix) ([]netip.Prefix, error) {
	return nil, k.Remove(device, prefix)
}

func (k *kernel) RulesOf(uint8) ([]conf.Rule, error) { return nil, nil }

func (k *kernel) PromoteSecondaries(string, bool) (bool, error) { return false, nil }
func (k *kernel) Close() error                                  { return nil }

// journal fails nothing and remembers everything.
type journal map[string]bool

func (j journal) Claim(keys ...string) error {
	for _, k := range keys {
		j[k] = true
	}
	return nil
}

func (j journal) Release(keys ...string) error {
	for _, k := range keys {
		delete(j, k)
	}
	return nil
}

// bench is a reconciler at work.
type bench struct {
	*resource.Reconciler
	kernel  *kernel
	journal journal
	log     strings.Builder

	mu      sync.Mutex
	results []resource.Result
}

func start(t *testing.T, k *kernel, j journal) *bench {
	b := &bench{kernel: k, journal: j}
	b.Reconciler = resource.New(resource.Options{
		Kernel:  resource.Kernel{Addresses: k, Routes: k},
		Journal: j, Held: slices.Collect(maps.Keys(j)), Log: slog.New(slog.NewTextHandler(&b.log, nil)), Turns: turns.New(),
	})
	go b.Run()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for r := range b.Results() {
			b.mu.Lock()
			b.results = append(b.results, r)
			b.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		b.Close()
		<-done
	})
	synctest.Wait()
	return b
}

// last is the last result of an owner.
func (b *bench) last(owner resource.Owner) resource.Result {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range slices.Backward(b.results) {
		if r.Owner == owner {
			return r
		}
	}
	return resource.Result{}
}

// restored is how many things were told to have been put back.
func (b *bench) restored() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.results {
		n += len(r.Restored)
	}
	return n
}

func (b *bench) put(j resource.Job) {
	b.Put(j)
	synctest.Wait()
}

func address(text string) resource.Address {
	return resource.Address{Address: conf.Address{Prefix: netip.MustParsePrefix(text), Device: "eth0",
		PreferredLifetime: conf.Forever}}
}

func route(to, via string) resource.Route {
	r := conf.Route{Destination: netip.MustParsePrefix(to), Device: "eth0", Table: 254, Protocol: 18, Text: to}
	if via != "" {
		r.Via = netip.MustParseAddr(via)
	}
	return resource.Route{Route: r}
}

// someAddresses are few, so that owners quarrel over them.
func someAddresses(rng *rand.Rand, n int) (list []resource.Resource) {
	for _, i := range rng.Perm(6)[:n] {
		a := address(fmt.Sprintf("10.0.0.%d/32", i+1))
		if rng.IntN(4) == 0 {
			a.Label = "eth0:x"
		}
		list = append(list, a)
	}
	return list
}

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
