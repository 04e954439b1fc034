//go:build linux

package lab

import (
	"os"
	"strconv"
	"sync"
	"time"
)

// StarvedVar names the environment variable with the path of a file that holds
// for how long, in nanoseconds since some moment, the machine below this one has
// kept it waiting for a processor. It is set in the guest.
const StarvedVar = "DIRECTOR_LAB_STARVED"

// starvation adds up the time for which the lab had no processor. Limits of time
// grow by it, because a test asserts times of a machine that runs. On a quiet
// machine it is zero.
//
// In the guest it is the time that QEMU's threads waited for a processor, so a
// program of the lab that uses up the guest's processors does not extend limits.
// Elsewhere it is how late an ordinary program's sleep ends.
type starvation struct {
	end  chan struct{}
	done chan struct{}
	path string

	mu    sync.Mutex
	total time.Duration
	base  time.Duration // of the file, when the lab was opened
	list  []starved     // in order of time; only changes
}

// starved is the total at some time.
type starved struct {
	at    time.Time
	total time.Duration
}

const (
	starvedEvery = 100 * time.Millisecond // between two reads of the file
	starvedSleep = 10 * time.Millisecond
	// A sleep may end this late on a machine that is not starved.
	starvedLeast = 5 * time.Millisecond
)

func watchStarvation() *starvation {
	s := &starvation{end: make(chan struct{}), done: make(chan struct{}), path: os.Getenv(StarvedVar)}
	s.base, _ = s.read()
	s.add(0)
	go s.run()
	return s
}

func (s *starvation) run() {
	defer close(s.done)
	for {
		pause := starvedSleep
		if s.path != "" {
			pause = starvedEvery
		}
		asleep := time.Now()
		select {
		case <-s.end:
			return
		case <-time.After(pause):
		}
		if s.path != "" {
			s.look()
		} else if late := time.Since(asleep) - pause; late > starvedLeast {
			s.add(late)
		}
	}
}

func (s *starvation) stop() {
	close(s.end)
	<-s.done
}

// look reads the file, if there is one.
func (s *starvation) look() {
	now, ok := s.read()
	if !ok {
		return
	}
	s.mu.Lock()
	more := now - s.base - s.total
	s.mu.Unlock()
	if more > 0 {
		s.add(more)
	}
}

func (s *starvation) read() (time.Duration, bool) {
	if s.path == "" {
		return 0, false
	}
	text, err := os.ReadFile(s.path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	return time.Duration(n), err == nil
}

func (s *starvation) add(more time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total += more
	s.list = append(s.list, starved{time.Now(), s.total})
}

// between is what was added from one time up to another. It includes the first
// entry after the end, because the time is measured with a delay.
func (s *starvation) between(from, to time.Time) time.Duration {
	s.look()
	s.mu.Lock()
	defer s.mu.Unlock()
	var before, after time.Duration
	for _, one := range s.list {
		if !one.at.After(from) {
			before = one.total
		}
		after = one.total
		if one.at.After(to) {
			break
		}
	}
	return after - before
}

// Starved is for how long, between two moments, the lab had work to do but no
// processor.
func (l *Lab) Starved(from, to time.Time) time.Duration { return l.starvation.between(from, to) }
