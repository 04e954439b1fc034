package probe

import "sync"

// limiter runs functions in at most max goroutines. Further functions wait in order.
type limiter struct {
	max int

	mu      sync.Mutex
	running int
	waiting []func()
	all     sync.WaitGroup
}

// do runs f in a goroutine, now or when its turn comes.
func (l *limiter) do(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running >= l.max {
		l.waiting = append(l.waiting, f)
		return
	}
	l.running++
	l.all.Go(func() {
		for ; f != nil; f = l.next() {
			f()
		}
	})
}

// next returns the function that has waited longest; nil ends the goroutine.
func (l *limiter) next() (f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.running--
		l.waiting = nil
		return nil
	}
	f, l.waiting = l.waiting[0], l.waiting[1:]
	return f
}

// wait returns when nothing runs. No do may come after it.
func (l *limiter) wait() { l.all.Wait() }
