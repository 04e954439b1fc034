// Package logging makes the log of a process: one event, one line, on standard
// error, to syslog, to a file, or to several of them. Nobody waits for it: lines go
// through a bounded queue to a writer that may block. When the writer is systemd's
// journal each line begins with its priority, so that journalctl -p finds it.
package logging
