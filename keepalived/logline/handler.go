package logline

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Handler writes lines as syslog does: "Nov 29 14:16:52 Keepalived_vrrp[9399]: (VI_1) Entering MASTER
// STATE". Each record is one Write, however many lines it is.
type Handler struct {
	w       io.Writer
	options Options
	with    []slog.Attr
}

// Options are what a Handler needs to know.
type Options struct {
	Level      slog.Level // the least important one that is written
	Identifier string     // of this process
	Pid        int
	// NoTime leaves the time out, where the reader adds one.
	NoTime bool
	// Prefix stands before each line of a level; nil is nothing. systemd's journal wants "<6>".
	Prefix func(slog.Level) string
}

// NewHandler returns a Handler that writes to w.
func NewHandler(w io.Writer, o Options) *Handler { return &Handler{w: w, options: o} }

// Enabled implements slog.Handler.
func (h *Handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.options.Level }

// Handle implements slog.Handler.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	var b bytes.Buffer
	for _, l := range Lines(r, h.options.Identifier, h.with) {
		if h.options.Prefix != nil {
			b.WriteString(h.options.Prefix(r.Level))
		}
		if !h.options.NoTime && !r.Time.IsZero() {
			b.WriteString(r.Time.Format(time.Stamp) + " ")
		}
		fmt.Fprintf(&b, "%s[%d]: %s\n", l.Identifier, h.options.Pid, l.Text)
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := h.w.Write(b.Bytes())
	return err
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.with = append(h.with[:len(h.with):len(h.with)], attrs...)
	return &c
}

// WithGroup implements slog.Handler. A group has no place in a line.
func (h *Handler) WithGroup(string) slog.Handler { return h }
