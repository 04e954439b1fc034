package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

// severities are the levels that have a priority of their own, the most
// important first.
var severities = [...]struct {
	level    slog.Level
	priority int // syslog(3)
}{{slog.LevelError, 3}, {slog.LevelWarn, 4}, {slog.LevelInfo, 6}, {slog.LevelDebug, 7}}

// severity is the place of a level in severities.
func severity(level slog.Level) int {
	for n, s := range severities {
		if level >= s.level {
			return n
		}
	}
	return len(severities) - 1
}

// priorityPrefix is what a line of that level begins with in the journal, where the
// facility is 0, and in syslog.
func priorityPrefix(facility int, level slog.Level) string {
	return fmt.Sprintf("<%d>", facility<<3|severities[severity(level)].priority)
}

// priorityHandler puts the priority before each line: it has one handler for
// each severity, which differ in what they write before a line.
type priorityHandler [len(severities)]slog.Handler

func newPriorityHandler(w io.Writer, facility int, make func(io.Writer) slog.Handler) priorityHandler {
	var h priorityHandler
	for n, s := range severities {
		h[n] = make(prefixed{w, priorityPrefix(facility, s.level)})
	}
	return h
}

// Enabled implements slog.Handler.
func (h priorityHandler) Enabled(ctx context.Context, l slog.Level) bool { return h[0].Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h priorityHandler) Handle(ctx context.Context, r slog.Record) error {
	return h[severity(r.Level)].Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h priorityHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for n := range h {
		h[n] = h[n].WithAttrs(attrs)
	}
	return h
}

// WithGroup implements slog.Handler.
func (h priorityHandler) WithGroup(name string) slog.Handler {
	for n := range h {
		h[n] = h[n].WithGroup(name)
	}
	return h
}

// prefixed writes lines with something before each.
type prefixed struct {
	w      io.Writer
	prefix string
}

func (p prefixed) Write(line []byte) (int, error) {
	_, err := p.w.Write(append([]byte(p.prefix), line...))
	return len(line), err
}
