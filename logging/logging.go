package logging

import (
	"fmt"
	"io"
	"log/slog"
)

// Formats and Levels are what Options take, the first one being the default.
var (
	Formats = []string{"text", "json", "keepalived"}
	Levels  = []string{"info", "debug", "warn", "error"}
)

// Options say how to log.
type Options struct {
	Format string // one of Formats; empty is text
	Level  string // one of Levels, the least important that is written; empty is info
	// Handler makes what writes lines of a format that is none of this package's to a writer, from a
	// level on; lines that go to the journal begin with prefix. It is needed for "keepalived" only.
	Handler func(w io.Writer, level slog.Level, prefix func(slog.Level) string) slog.Handler
	// Journal says that the writer is systemd's journal: lines begin with their
	// priority in angle brackets (sd-daemon(3)).
	Journal bool
}

// New makes the log of a process. flush belongs at the process's end.
func New(w io.Writer, o Options) (log *slog.Logger, flush func(), err error) {
	level := slog.LevelInfo
	if o.Level != "" {
		if err := level.UnmarshalText([]byte(o.Level)); err != nil {
			return nil, nil, fmt.Errorf("invalid log level %q: it must be debug, info, warn or error", o.Level)
		}
	}
	make := func(w io.Writer) slog.Handler {
		if o.Format == "json" {
			return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
		}
		return slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})
	}
	if o.Handler != nil {
		q := newLineQueue(w, "")
		var prefix func(slog.Level) string
		if o.Journal {
			q.prefix, prefix = priorityPrefix(slog.LevelWarn), priorityPrefix
		}
		return slog.New(o.Handler(q, level, prefix)), q.Flush, nil
	}
	if !o.Journal {
		q := newLineQueue(w, "")
		return slog.New(make(q)), q.Flush, nil
	}
	q := newLineQueue(w, priorityPrefix(slog.LevelWarn))
	return slog.New(newPriorityHandler(q, make)), q.Flush, nil
}
