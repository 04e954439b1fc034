package events

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/mailbox"
	"github.com/lvs-director/director/retry"
)

// The bounds of what is kept, unless Options say otherwise.
const (
	DefaultSize = 64 << 20 // bytes
	DefaultAge  = 90 * 24 * time.Hour
)

// mostWaiting is how many records wait for a slow disk; of more the oldest are left out.
const mostWaiting = 50_000

// atOnce is how many records are written together at most.
const atOnce = 1000

// maxText bounds the text of a record, in bytes: much of it comes from real servers and scripts.
const maxText = 1000

// Options are what a Log needs.
type Options struct {
	Dir    string // of the segments; it is made
	Log    *slog.Logger
	Number func() event.Number // numbers the records that Add is given without a number
	Notes  func() event.Number // numbers those of Note, in another goroutine
	Size   int64               // bytes in all; 0 is DefaultSize
	Age    time.Duration       // of the oldest records; 0 is DefaultAge
}

// Log keeps records. Nobody who has one is made to wait; a goroutine writes.
type Log struct {
	opts    Options
	in      *mailbox.Mailbox[waiting]
	stop    chan struct{}
	done    chan struct{}
	problem atomic.Pointer[string]
}

// waiting are the records that are not written yet.
type waiting struct {
	list    []event.Record
	lost    int
	flushed []chan struct{} // closed when all before it was written, or could not be
}

// New starts a Log. Close ends it.
func New(opts Options) *Log {
	if opts.Size == 0 {
		opts.Size = DefaultSize
	}
	if opts.Age == 0 {
		opts.Age = DefaultAge
	}
	l := &Log{opts: opts, in: mailbox.New[waiting](), stop: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return l
}

// Add keeps a record. It numbers one without a number, dates one without a time, and returns the
// number. It is for one goroutine.
func (l *Log) Add(r event.Record) event.Number {
	if r.Number == "" {
		r.Number = l.opts.Number()
	}
	l.Note(r)
	return r.Number
}

// Note keeps a record that no other will name as its cause. Any goroutine may call it.
func (l *Log) Note(r event.Record) {
	if r.At.IsZero() {
		r.At = time.Now()
	}
	r.At = r.At.Round(0)
	if len(r.Text) > maxText {
		r.Text = strings.ToValidUTF8(r.Text[:maxText], "") + "..."
	}
	l.in.Put(func(w *waiting) { w.add(r) })
}

// add bounds the list, some at a time.
func (w *waiting) add(list ...event.Record) {
	w.list = append(w.list, list...)
	if more := len(w.list) - mostWaiting; more > atOnce || more > 0 && more < len(list) {
		w.list = append(make([]event.Record, 0, mostWaiting+atOnce), w.list[more:]...)
		w.lost += more
	}
}

// Flush waits until what was added is written, also what was counted of objects that flapped, or
// cannot be, or ctx ends.
func (l *Log) Flush(ctx context.Context) {
	written := make(chan struct{})
	l.in.Put(func(w *waiting) { w.flushed = append(w.flushed, written) })
	select {
	case <-written:
	case <-l.done:
	case <-ctx.Done():
	}
}

// Close is Flush, and ends the Log; a disk that does not answer is left at the end of ctx.
func (l *Log) Close(ctx context.Context) {
	select {
	case <-l.done:
		return
	default:
	}
	l.Flush(ctx)
	close(l.stop)
	select {
	case <-l.done:
	case <-ctx.Done():
	}
}

// Problem says why records are not kept; empty when they are.
func (l *Log) Problem() string {
	if p := l.problem.Load(); p != nil {
		return *p
	}
	return ""
}

// run writes until stop.
func (l *Log) run() {
	defer close(l.done)
	w := writer{dir: l.opts.Dir, size: l.opts.Size, age: l.opts.Age}
	defer w.close()
	var again retry.Retry
	var flaps folding
	due := time.NewTimer(time.Hour)
	defer due.Stop()
	for {
		select {
		case <-l.in.Signal():
		case <-due.C:
		case <-l.stop:
			return
		}
		now := time.Now()
		if !again.Ready(now) {
			l.answer() // nobody waits for a disk that does not take it
			due.Reset(again.Next().Sub(now))
			continue
		}
		taken := l.in.Take(waiting{})
		list := flaps.due(now)
		for _, r := range taken.list {
			if r.Number == "" {
				r.Number = l.opts.Notes()
			}
			if flaps.take(r, now) {
				list = append(list, r)
			}
		}
		if len(taken.flushed) > 0 {
			list = append(list, flaps.end(func(*fold) bool { return true })...)
		}
		if taken.lost > 0 {
			l.opts.Log.Error("events were not kept: the disk is too slow, or full", "events", taken.lost)
		}
		left, err := w.writeAll(list)
		if err != nil {
			again.Failed(now)
			due.Reset(again.Next().Sub(now))
			l.in.Put(func(w *waiting) { // they are older than what has come since
				came := w.list
				w.list = nil
				w.add(append(left, came...)...)
			})
		} else {
			again = retry.Retry{}
			if !flaps.next.IsZero() {
				due.Reset(flaps.next.Sub(now))
			}
		}
		l.tell(err)
		for _, written := range taken.flushed {
			close(written)
		}
	}
}

// answer tells those who wait that there is nothing to wait for.
func (l *Log) answer() {
	var list []chan struct{}
	l.in.Put(func(w *waiting) { list, w.flushed = w.flushed, nil })
	for _, written := range list {
		close(written)
	}
}

// tell says once that events are not kept, and once that they are again.
func (l *Log) tell(err error) {
	text := ""
	if err != nil {
		text = fmt.Sprintf("events are not kept: %v", err)
	}
	before := l.Problem()
	l.problem.Store(&text)
	switch {
	case text == before:
	case text != "":
		l.opts.Log.Error("events are not kept, trying again; nothing else depends on them", "error", err)
	default:
		l.opts.Log.Info("events are kept again")
	}
}
