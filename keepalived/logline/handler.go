package logline

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Handler writes lines as syslog does: "Nov 29 14:16:52 Keepalived_vrrp[9399]: (VI_1) Entering MASTER
// STATE". Each line is one Write.
type Handler struct {
	w       io.Writer
	options Options
	with    []slog.Attr
}

// Options are what a Handler needs to know.
type Options struct {
	Level      slog.Leveler // the least important one that is written; nil is info
	Identifier string       // of this process
	Pid        int
	Banner     string // name, version and date of the program
	// Bare leaves out the time and the identifier, where the destination has its own.
	Bare bool
}

// NewHandler returns a Handler that writes to w.
func NewHandler(w io.Writer, o Options) *Handler { return &Handler{w: w, options: o} }

// Enabled implements slog.Handler.
func (h *Handler) Enabled(_ context.Context, l slog.Level) bool {
	if h.options.Level == nil {
		return l >= slog.LevelInfo
	}
	return l >= h.options.Level.Level()
}

// Handle implements slog.Handler.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	for _, l := range lines(r, h.options, h.with) {
		text := l.Text + "\n"
		if !h.options.Bare {
			text = fmt.Sprintf("%s[%d]: %s", l.Identifier, h.options.Pid, text)
			if !r.Time.IsZero() {
				text = r.Time.Format(time.Stamp) + " " + text
			}
		}
		if _, err := io.WriteString(h.w, text); err != nil {
			return err
		}
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.with = append(h.with[:len(h.with):len(h.with)], attrs...)
	return &c
}

// WithGroup implements slog.Handler. A group has no place in a line.
func (h *Handler) WithGroup(string) slog.Handler { return h }
