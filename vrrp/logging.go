package vrrp

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// logBuffer is how many lines may wait for a slow reader: a transition of each
// of some thousand instances.
const logBuffer = 8192

// logQueue is a slog.Handler that never blocks: another goroutine writes the
// lines. When it is full, lines are dropped and counted.
type logQueue struct {
	to      slog.Handler
	lines   chan<- logLine
	dropped *atomic.Int64
}

type logLine struct {
	to     slog.Handler
	record slog.Record
}

// newLogQueue returns a logger and what ends it: the lines that wait are
// written and nothing may be logged afterwards.
func newLogQueue(to *slog.Logger) (*slog.Logger, func()) {
	lines := make(chan logLine, logBuffer)
	q := &logQueue{to: to.Handler(), lines: lines, dropped: new(atomic.Int64)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for l := range lines {
			// There is nowhere to report that a log cannot be written.
			_ = l.to.Handle(context.Background(), l.record)
			if n := q.dropped.Swap(0); n > 0 {
				to.Warn("log lines were dropped because they were read too slowly", "lines", n)
			}
		}
	}()
	return slog.New(q), func() {
		close(lines)
		<-done
	}
}

// Enabled implements slog.Handler.
func (q *logQueue) Enabled(ctx context.Context, level slog.Level) bool {
	return q.to.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (q *logQueue) Handle(_ context.Context, r slog.Record) error {
	select {
	case q.lines <- logLine{to: q.to, record: r.Clone()}:
	default:
		q.dropped.Add(1)
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (q *logQueue) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logQueue{to: q.to.WithAttrs(attrs), lines: q.lines, dropped: q.dropped}
}

// WithGroup implements slog.Handler.
func (q *logQueue) WithGroup(name string) slog.Handler {
	return &logQueue{to: q.to.WithGroup(name), lines: q.lines, dropped: q.dropped}
}

// limitWindow is how often the same remark about the same thing is logged.
const limitWindow = time.Minute

// limits lets each remark through once in a window and counts the others. Its
// keys come from small tables, so it cannot grow with the traffic.
type limits map[string]*limit

type limit struct {
	until      time.Time
	suppressed int
}

// allow says whether to log now, and how often it has happened since the last
// time, this time included.
func (l *limits) allow(remark string, now time.Time) (times int, ok bool) {
	if *l == nil {
		*l = make(limits)
	}
	r := (*l)[remark]
	if r == nil {
		r = &limit{}
		(*l)[remark] = r
	}
	if now.Before(r.until) {
		r.suppressed++
		return 0, false
	}
	times = r.suppressed + 1
	r.until, r.suppressed = now.Add(limitWindow), 0
	return times, true
}
