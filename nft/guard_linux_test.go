package nft_test

import (
	"testing"
	"time"

	"github.com/google/nftables"

	"github.com/lvs-director/director/nft"
	"github.com/lvs-director/director/retry"
)

// A program that removes a table of ours again and again is a fight that is told, and
// every round of it costs a longer pause.
func TestAFightIsToldAndSlowsDown(t *testing.T) {
	other := namespace(t)
	const period = 20 * time.Millisecond
	g := nft.NewGuard(period)
	t.Cleanup(g.Close)
	check(t, g.Use(drops("director"), func(k *nft.Keeper) error {
		_, err := k.Add("addresses", one)
		return err
	}))
	remove := func() {
		other.DelTable(&nftables.Table{Name: "director", Family: nftables.TableFamilyINet})
		_ = other.Flush() // it may not be there at this moment
	}
	var last nft.Repair
	var at time.Time
	for round := 1; round <= retry.FreeRepairs+2; round++ {
		remove()
		select {
		case last = <-g.Repairs():
		case <-time.After(20 * time.Second):
			t.Fatalf("round %d: the table was not put back", round)
		}
		if last.Err != nil || len(last.Missing) == 0 {
			t.Fatalf("round %d: %+v is no repair", round, last)
		}
		if told := last.Contested > 0; told != (round > retry.FreeRepairs) {
			t.Errorf("round %d: contested %d times", round, last.Contested)
		}
		if round == retry.FreeRepairs+2 {
			if pause := time.Since(at); pause < 900*time.Millisecond { // of a second, seen by who is told
				t.Errorf("the table was put back %v after the last time: a fight has no pause", pause)
			}
		}
		at = time.Now()
	}
	if last.Contested != retry.FreeRepairs+2 || last.Since.IsZero() {
		t.Errorf("the last of %d repairs says %+v", retry.FreeRepairs+2, last)
	}
}
