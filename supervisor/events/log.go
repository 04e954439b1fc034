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
	writing atomic.Pointer[time.Time] // when it was begun to write; nil when nothing is written
	recent  recent
}

// waiting are the records that are not written yet.
type waiting struct {
	failed  []event.Record // the disk did not take them; they were counted as what flaps
	list    []event.Record // that came since
	lost    int
	ends    bool            // somebody wants all written that was counted of objects that flap
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

// add bounds the lists, some at a time: the oldest are left out.
func (w *waiting) add(r event.Record) {
	w.list = append(w.list, r)
	more := len(w.failed) + len(w.list) - mostWaiting
	if more <= atOnce {
		return
	}
	w.lost += more
	old := min(more, len(w.failed))
	w.failed = w.failed[old:]
	if more -= old; more > 0 {
		w.list = append(make([]event.Record, 0, mostWaiting+atOnce), w.list[more:]...)
	}
}

// Flush waits until what was added is written, also what was counted of objects that flapped, or
// cannot be, or ctx ends.
func (l *Log) Flush(ctx context.Context) { l.wait(ctx, true) }

// Await is Flush for one who reads: however often that is, what is counted of an object that flaps
// is written every few seconds at most.
func (l *Log) Await(ctx context.Context) { l.wait(ctx, false) }

func (l *Log) wait(ctx context.Context, ends bool) {
	written := make(chan struct{})
	l.in.Put(func(w *waiting) {
		w.flushed = append(w.flushed, written)
		w.ends = w.ends || ends
	})
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

// Idle says that no thread waits for the disk.
func (l *Log) Idle() bool { return l.writing.Load() == nil }

// longWrite is how long a disk may take before it is a problem.
const longWrite = 10 * time.Second

// Problem says why records are not kept; empty when they are.
func (l *Log) Problem() string {
	if since := l.writing.Load(); since != nil && time.Since(*since) > longWrite {
		return fmt.Sprintf("events are not kept: the disk of %s has not answered since %s", l.opts.Dir,
			since.Format(time.TimeOnly))
	}
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
	began := time.Now()
	l.writing.Store(&began) // a disk that hangs does so here
	if before, err := Read(l.opts.Dir, Query{Last: mostRecent}); err == nil {
		l.recent.add(before.Records)
	}
	l.writing.Store(nil)
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
		list := append(taken.failed, flaps.due(now)...)
		for _, r := range taken.list {
			if r.Number == "" {
				r.Number = l.opts.Notes()
			}
			if flaps.take(r, now) {
				list = append(list, r)
			}
		}
		switch {
		case taken.ends:
			list = append(list, flaps.end(func(*fold) bool { return true })...)
		case len(taken.flushed) > 0:
			list = append(list, flaps.show(now)...)
		}
		if taken.lost > 0 {
			l.opts.Log.Error("events were not kept: the disk is too slow, or full", "events", taken.lost)
		}
		l.recent.add(list[min(len(taken.failed), len(list)):])
		l.writing.Store(&now)
		left, err := w.writeAll(list)
		l.writing.Store(nil)
		if err != nil {
			again.Failed(now)
			due.Reset(again.Next().Sub(now))
			l.in.Put(func(w *waiting) { w.failed = left })
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
	before := l.problem.Swap(&text)
	switch {
	case before != nil && text == *before, before == nil && text == "":
	case text != "":
		l.opts.Log.Error("events are not kept, trying again; nothing else depends on them", "error", err)
	default:
		l.opts.Log.Info("events are kept again")
	}
}
