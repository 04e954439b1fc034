package table_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/table"
)

// randomTable has a few services and real servers of few kinds, so that two
// of them have much in common.
func randomTable(r *rand.Rand) table.Table {
	t := table.Table{}
	for i := range 4 {
		if r.IntN(3) == 0 {
			continue
		}
		s := table.Service{Key: tcp(fmt.Sprintf("10.0.0.%d:80", i+1)), MaskBits: 32}
		s.Scheduler = []string{"rr", "mh", "sh"}[r.IntN(3)]
		s.Flags = []uint32{0, table.FlagFallback, table.FlagPersistent}[r.IntN(3)]
		e := mk(s, nil)
		for j := range 4 {
			if r.IntN(2) == 0 {
				d := table.Destination{Key: at(fmt.Sprintf("10.1.0.%d:80", j+1)), Weight: r.IntN(3)}
				e.Destinations[d.Key] = d
			}
		}
		t[s.Key] = e
	}
	return t
}

// capacity is the sum of the weights of a service, and how many real servers
// take connections.
func capacity(e table.Entry) (weights, servers int) {
	for _, d := range e.Destinations {
		weights += d.Weight
		if d.Weight > 0 {
			servers++
		}
	}
	return weights, servers
}

// Carried out one by one, the operations succeed, lead to what is wanted, and
// on the way no service has less to offer than the poorer of the two tables.
func TestDiffLeadsThereAndIsNeverEmpty(t *testing.T) {
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 1))
		want, have := randomTable(r), randomTable(r)
		owned := map[conf.ServiceKey]bool{}
		expected := table.Table{}
		for key, e := range have {
			if owned[key] = r.IntN(2) == 0; !owned[key] {
				expected[key] = e // stays, unless it is wanted
			}
		}
		for key, e := range want {
			expected[key] = e
		}
		kernel := ipvstest.NewFake()
		if err := kernel.Do(table.Diff(have, table.Table{}, nil)...); err != nil {
			t.Fatal(err)
		}
		ops := table.Diff(want, have, func(k conf.ServiceKey) bool { return owned[k] })
		for i, op := range ops {
			if err := kernel.Apply([]table.Op{op})[0]; err != nil {
				t.Fatalf("seed %d: operation %d of %v: %v", seed, i, ops, err)
			}
			now := kernel.Table()
			for key := range want {
				before, had := have[key]
				if !had {
					continue
				}
				e, exists := now[key]
				if !exists {
					t.Fatalf("seed %d: %s is gone after operation %d of %v", seed, key, i, ops)
				}
				w0, n0 := capacity(before)
				w1, n1 := capacity(want[key])
				if w, n := capacity(e); w < min(w0, w1) || n < min(n0, n1) {
					t.Fatalf("seed %d: %s has weight %d on %d servers after operation %d of %v; before %d on %d, wanted %d on %d",
						seed, key, w, n, i, ops, w0, n0, w1, n1)
				}
				checkFallback(t, seed, before, want[key], e)
			}
		}
		got := kernel.Table()
		if diff := cmp.Diff(expected, got, plain); diff != "" {
			t.Fatalf("seed %d: table (-want +got):\n%s", seed, diff)
		}
		if again := table.Diff(want, got, func(k conf.ServiceKey) bool { return owned[k] }); len(again) != 0 {
			t.Fatalf("seed %d: not done after %v: %v", seed, ops, again)
		}
	}
}

// checkFallback: if a hashing service had the flag wherever it needed it
// before, and will have it, then it has it in between.
func checkFallback(t *testing.T, seed uint64, before, want, now table.Entry) {
	t.Helper()
	lacks := func(e table.Entry) bool {
		_, servers := capacity(e)
		return servers < len(e.Destinations) && e.Service.Flags&table.FlagFallback == 0
	}
	same := before.Service.Scheduler == want.Service.Scheduler
	if want.Service.Scheduler != "rr" && same && !lacks(before) && !lacks(want) && lacks(now) {
		t.Fatalf("seed %d: %+v has a server of weight 0 and no fallback", seed, now)
	}
}

func TestDumpIsWhatWasWritten(t *testing.T) {
	for seed := range uint64(100) {
		want := randomTable(rand.New(rand.NewPCG(seed, 2)))
		kernel := ipvstest.NewFake()
		if err := kernel.Do(table.Diff(want, nil, nil)...); err != nil {
			t.Fatal(err)
		}
		got, err := ipvs.Dump(kernel)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, ipvstest.Tables); diff != "" {
			t.Fatalf("seed %d: table (-want +got):\n%s", seed, diff)
		}
	}
}
