package logging

import (
	"fmt"
	"io"
	"log/slog"
)

// Formats and Levels are what Options take, the first one being the default.
var (
	Formats = []string{"text", "json"}
	Levels  = []string{"info", "debug", "warn", "error"}
)

// Options say how to log, and where to.
type Options struct {
	Format string // one of Formats; empty is text
	Level  string // one of Levels, the least important that is written; empty is info
	// Handler writes lines in a format of its own; nil is Format. What it writes to w is one
	// line in one call. ReplaceAttr of the options drops the time where the destination has
	// its own.
	Handler func(w io.Writer, o *slog.HandlerOptions) slog.Handler
	// Journal says that the writer is systemd's journal: lines begin with their
	// priority in angle brackets (sd-daemon(3)).
	Journal bool
	Quiet   bool    // nothing goes to the writer
	Syslog  *Syslog // that lines go to as well; nil is none
	File    string  // that lines are appended to as well; empty is none
}

// New makes the log of a process. flush belongs at the process's end.
func New(w io.Writer, o Options) (log *slog.Logger, flush func(), err error) {
	level := slog.LevelInfo
	if o.Level != "" {
		if err := level.UnmarshalText([]byte(o.Level)); err != nil {
			return nil, nil, fmt.Errorf("invalid log level %q: it must be debug, info, warn or error", o.Level)
		}
	}
	options := &slog.HandlerOptions{Level: level}
	make := func(w io.Writer) slog.Handler {
		switch {
		case o.Handler != nil:
			return o.Handler(w, options)
		case o.Format == "json":
			return slog.NewJSONHandler(w, options)
		}
		return slog.NewTextHandler(w, options)
	}
	// Each destination has a queue: one that hangs keeps no line from the others.
	var handlers []slog.Handler
	var queues []*lineQueue
	add := func(w io.Writer, prefix string) *lineQueue {
		q := newLineQueue(w, prefix)
		queues = append(queues, q)
		return q
	}
	var trouble error
	if o.File != "" {
		f := &file{path: o.File}
		trouble = f.open()
		handlers = append(handlers, make(add(f, "")))
	}
	switch {
	case o.Quiet:
	case o.Journal:
		q := add(w, priorityPrefix(0, slog.LevelWarn))
		handlers = append(handlers, newPriorityHandler(q, 0, make))
	default:
		handlers = append(handlers, make(add(w, "")))
	}
	if s := o.Syslog; s != nil {
		options = &slog.HandlerOptions{Level: level, ReplaceAttr: withoutTime}
		q := add(&syslog{Syslog: *s}, priorityPrefix(s.Facility, slog.LevelWarn))
		handlers = append(handlers, newPriorityHandler(q, s.Facility, make))
	}
	log = slog.New(slog.NewMultiHandler(handlers...))
	if len(handlers) == 1 {
		log = slog.New(handlers[0])
	}
	if trouble != nil {
		log.Warn("failed to write to the log file, trying again", "error", trouble)
	}
	return log, func() {
		for _, q := range queues {
			q.Flush()
		}
	}, nil
}

// withoutTime drops the time of a line whose destination has its own.
func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}
