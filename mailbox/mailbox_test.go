package mailbox_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/lvs-director/director/mailbox"
)

func TestMailboxLosesNothingAndKeepsEachSendersOrder(t *testing.T) {
	const senders, each = 8, 500
	m := mailbox.New[[][2]int]()
	var sending sync.WaitGroup
	for s := range senders {
		sending.Go(func() {
			for n := range each {
				m.Put(func(c *[][2]int) { *c = append(*c, [2]int{s, n}) })
			}
		})
	}
	next := make([]int, senders)
	var spare [][2]int
	for total := 0; total < senders*each; {
		<-m.Signal()
		items := m.Take(spare[:0])
		for _, item := range items {
			if item[1] != next[item[0]] {
				t.Fatalf("sender %d: got item %d, want %d", item[0], item[1], next[item[0]])
			}
			next[item[0]]++
		}
		total += len(items)
		spare = items
	}
	sending.Wait()
}

func TestMailboxThatIsClosedRefusesAndKeepsWhatItHas(t *testing.T) {
	m := mailbox.New[[]int]()
	add := func(c *[]int) { *c = append(*c, 1) }
	if !m.Put(add) {
		t.Fatal("an open mailbox refused")
	}
	m.Close()
	m.Close()
	if m.Put(add) {
		t.Error("a closed mailbox accepted")
	}
	if got := m.Take(nil); len(got) != 1 {
		t.Errorf("content after Close: %v, want the one item from before", got)
	}
}

func TestQueueKeepsTheLatestOfEachKeyInOrderOfArrival(t *testing.T) {
	var q mailbox.Queue[string, int]
	q.Put("a", 1)
	q.Put("b", 2)
	q.Put("a", 3)
	if v, ok := q.Get("a"); !ok || v != 3 {
		t.Errorf("Get(a) = %d, %t, want 3", v, ok)
	}
	if k, v, ok := q.First(); !ok || k != "a" || v != 3 {
		t.Errorf("First() = %s, %d, %t, want a, 3", k, v, ok)
	}
	if got := q.Take(1); !slices.Equal(got, []int{3}) {
		t.Errorf("Take(1) = %v, want [3]", got)
	}
	q.Put("a", 4)
	if got := q.Take(9); !slices.Equal(got, []int{2, 4}) || q.Len() != 0 {
		t.Errorf("Take(9) = %v with %d left, want [2 4] and none", got, q.Len())
	}
	if _, ok := q.Get("a"); ok {
		t.Error("a value that was taken is still there")
	}
}
