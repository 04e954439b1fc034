package logging

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	// logBacklog is how many lines may wait for a log that is not read.
	logBacklog = 4096
	// logFlush bounds how long the end of a process waits for its last lines.
	logFlush = 200 * time.Millisecond
)

// lineQueue writes lines to a writer that may block (a terminal that was
// stopped, a pipe whose reader hangs) without ever blocking who logs: a master
// that cannot write its log must still be able to give its mastership away.
type lineQueue struct {
	lines   chan []byte
	dropped atomic.Int64
	flush   chan chan struct{}
	prefix  string // of a line that the queue writes itself
}

// newLineQueue starts the goroutine that writes; it lives as long as the process.
func newLineQueue(w io.Writer, prefix string) *lineQueue {
	q := &lineQueue{lines: make(chan []byte, logBacklog), flush: make(chan chan struct{}), prefix: prefix}
	go func() {
		for {
			select {
			case line := <-q.lines:
				q.write(w, line)
			case done := <-q.flush:
				for more := true; more; {
					select {
					case line := <-q.lines:
						q.write(w, line)
					default:
						more = false
					}
				}
				close(done)
			}
		}
	}()
	return q
}

func (q *lineQueue) write(w io.Writer, line []byte) {
	_, _ = w.Write(line) // there is nowhere to report it
	if n := q.dropped.Swap(0); n > 0 {
		fmt.Fprintf(w, "%sdirector: %d log lines were lost: the log was not read fast enough\n", q.prefix, n)
	}
}

// Write takes one line. It never blocks and never fails.
func (q *lineQueue) Write(line []byte) (int, error) {
	select {
	case q.lines <- append([]byte(nil), line...):
	default:
		q.dropped.Add(1)
	}
	return len(line), nil
}

// Flush waits for what was written so far, for a moment at most.
func (q *lineQueue) Flush() {
	timeout := time.NewTimer(logFlush)
	defer timeout.Stop()
	done := make(chan struct{})
	select {
	case q.flush <- done:
	case <-timeout.C:
		return
	}
	select {
	case <-done:
	case <-timeout.C:
	}
}
