package shared_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/supervisor/shared"
)

const (
	takes = 100 * time.Millisecond
	age   = 250 * time.Millisecond
)

// counting makes numbers, each of which takes a while.
func counting(fails error) (*shared.Maker[int64], *atomic.Int64) {
	var made atomic.Int64
	return shared.New(age, age, func(context.Context) (int64, error) {
		n := made.Add(1)
		time.Sleep(takes)
		return n, fails
	}), &made
}

// TestTenCostWhatOneCosts: those who ask at about the same time are given the same.
func TestTenCostWhatOneCosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, made := counting(nil)
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(time.Millisecond) {
					if _, err := m.Get(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if n := made.Load(); n < 20 || n > 30 {
			t.Errorf("%d were made for ten who ask for ten seconds", n)
		}
	})
}

// TestWhatHasChangedIsMadeAnew: nobody is given what was begun before a change, those excepted who asked before it.
func TestWhatHasChangedIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := counting(nil)
		early := make(chan int64, 1)
		go func() {
			n, _ := m.Get(t.Context())
			early <- n
		}()
		time.Sleep(takes / 2)
		m.Renew()
		if n, err := m.Get(t.Context()); n != 2 || err != nil {
			t.Errorf("after a change there is number %d, %v", n, err)
		}
		if n := <-early; n != 1 {
			t.Errorf("who asked before it has number %d", n)
		}
		m.Renew()
		if n, _ := m.Get(t.Context()); n != 3 {
			t.Errorf("after another one there is number %d", n)
		}
		time.Sleep(age / 2)
		if n, _ := m.Get(t.Context()); n != 3 {
			t.Errorf("a moment later there is number %d", n)
		}
		time.Sleep(age)
		if n, _ := m.Get(t.Context()); n != 4 {
			t.Errorf("later there is number %d", n)
		}
		time.Sleep(age)
	})
}

// TestWhoGoesKeepsNobodyFromIt, and an error is not kept.
func TestWhoGoesKeepsNobodyFromIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong := errors.New("wrong")
		m, made := counting(wrong)
		gone, goes := context.WithTimeout(t.Context(), takes/10)
		defer goes()
		if _, err := m.Get(gone); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if _, err := m.Get(t.Context()); !errors.Is(err, wrong) {
			t.Error(err)
		}
		if n := made.Load(); n != 1 {
			t.Errorf("%d were made", n)
		}
		_, _ = m.Get(t.Context())
		if n := made.Load(); n != 2 {
			t.Errorf("%d were made: an error is kept", n)
		}
	})
}

// TestWhatIsCheapIsMadeAnew: it is given to others for as long as it took.
func TestWhatIsCheapIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int64
		m := shared.New(0, age, func(context.Context) (int64, error) {
			time.Sleep(takes)
			return made.Add(1), nil
		})
		_, _ = m.Get(t.Context())
		time.Sleep(takes / 2)
		if n, _ := m.Get(t.Context()); n != 1 {
			t.Errorf("after half of the time that it took it is number %d", n)
		}
		time.Sleep(takes)
		if n, _ := m.Get(t.Context()); n != 2 {
			t.Errorf("later it is number %d", n)
		}
		time.Sleep(age)
	})
}
