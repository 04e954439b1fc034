// Package turns keeps the goroutines beside the engine from being in its way:
// those that share Turns work one at a time and in short bursts, so that a
// processor is free for the goroutine that sends advertisements.
package turns

import (
	"runtime"
	"time"
)

// Burst is how many system calls a goroutine makes before it lets others run.
const Burst = 16

// Turns is shared by goroutines of which only one is to be busy at a time.
type Turns chan struct{}

// New makes Turns.
func New() Turns { return make(Turns, 1) }

// Each calls f for 0 to n-1 in bursts.
func (t Turns) Each(n int, f func(i int)) {
	for start := 0; start < n; start += Burst {
		t.Take(func() {
			for i := start; i < min(start+Burst, n); i++ {
				f(i)
			}
		})
	}
}

// Take calls f, one burst of work, when it is the caller's turn.
func (t Turns) Take(f func()) {
	t <- struct{}{}
	f()
	<-t
	breathe()
}

// breathe lets a waiting engine run. With a single processor a yield does not
// do: only an idle scheduler looks for expired timers.
func breathe() {
	if runtime.GOMAXPROCS(0) == 1 {
		time.Sleep(50 * time.Microsecond)
		return
	}
	runtime.Gosched()
}
