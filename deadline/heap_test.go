package deadline_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lvs-director/director/deadline"
)

type item struct {
	deadline.Entry
	in bool
}

// TestHeapAgainstModel sets, moves, removes and pops at random and compares
// with a plain slice that is sorted every time.
func TestHeapAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	epoch := time.Unix(0, 0)
	var h deadline.Heap[*item]
	items := make([]*item, 40)
	for i := range items {
		items[i] = new(item)
	}
	first := func() *item {
		var in []*item
		for _, it := range items {
			if it.in {
				in = append(in, it)
			}
		}
		if len(in) == 0 {
			return nil
		}
		return slices.MinFunc(in, func(a, b *item) int { return a.Due().Compare(b.Due()) })
	}
	for step := range 20000 {
		it := items[rng.IntN(len(items))]
		switch rng.IntN(4) {
		case 0, 1:
			h.Set(it, epoch.Add(time.Duration(rng.IntN(1000))))
			it.in = true
		case 2:
			h.Remove(it)
			it.in = false
		case 3:
			now := epoch.Add(time.Duration(rng.IntN(1000)))
			want := first()
			got, ok := h.Pop(now)
			if wantOK := want != nil && !want.Due().After(now); ok != wantOK {
				t.Fatalf("step %d: Pop(%v) = %v, want %v", step, now, ok, wantOK)
			}
			if ok {
				if !got.Due().Equal(want.Due()) {
					t.Fatalf("step %d: popped %v, first is %v", step, got.Due(), want.Due())
				}
				got.in = false
			}
		}
		want := first()
		at, ok := h.Next()
		if ok != (want != nil) || ok && !at.Equal(want.Due()) {
			t.Fatalf("step %d: Next = %v %v, want %v", step, at, ok, want)
		}
	}
}
