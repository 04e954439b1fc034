// Package shared makes things once for all who ask at about the same time: ten who look at a status cost what one
// costs.
package shared

import (
	"context"
	"sync"
	"time"
)

// Maker makes something for all who ask while it is being made, and for those who ask within a time after that.
type Maker[T any] struct {
	least, most time.Duration // of the time after that
	make        func(context.Context) (T, error)

	mu    sync.Mutex
	under *flight[T] // being made; nil is none
	last  *flight[T] // made a moment ago; nil is none
}

// flight is one making.
type flight[T any] struct {
	done  chan struct{} // closed when the rest is there
	value T
	err   error
}

// New returns a Maker of what make makes, which others are given for as long afterwards as it took, for least at least
// and most at most: what is made in no time is made anew. What make is given does not end when one of those who wait
// goes; it has to end by itself.
func New[T any](least, most time.Duration, make func(context.Context) (T, error)) *Maker[T] {
	return &Maker[T]{least: least, most: most, make: make}
}

// Get is what others are given too: nobody changes it. An error is told to all who wait, and is not kept.
func (m *Maker[T]) Get(ctx context.Context) (value T, err error) {
	f := m.join()
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		return value, ctx.Err()
	}
}

// Renew says that something has changed: who asks from now on is given what is made from now on.
func (m *Maker[T]) Renew() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.under, m.last = nil, nil
}

func (m *Maker[T]) join() *flight[T] {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.last != nil:
		return m.last
	case m.under != nil:
		return m.under
	}
	f := &flight[T]{done: make(chan struct{})}
	m.under = f
	go m.fly(f)
	return f
}

func (m *Maker[T]) fly(f *flight[T]) {
	began := time.Now()
	f.value, f.err = m.make(context.Background())
	age := min(max(time.Since(began), m.least), m.most)
	close(f.done)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.under != f {
		return // it was renewed meanwhile
	}
	m.under = nil
	if f.err != nil || age == 0 {
		return
	}
	m.last = f
	time.AfterFunc(age, func() { // it may be large
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.last == f {
			m.last = nil
		}
	})
}
