package resource_test

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/resource"
	"github.com/lvs-director/director/vrrp/turns"
)

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
