// Package signals has what keeps the signals of keepalived's users from ending a process of
// ours. They are sent to every process that is called so (pkill -USR1 keepalived, an exporter
// each 15 s), at any moment, also to one that has just been started, and what a process does
// with one before it says otherwise is to end.
//
// A Go program has handlers a moment after its start. Until then all but SIGHUP can wait: they are
// blocked when the process is forked, and over the exec, until it calls Ignore. SIGHUP cannot: the
// runtime unblocks it before it has a handler (minit in runtime/signal_unix.go). So Start traces a process
// for its first milliseconds, and takes SIGHUP from it. Where that is refused, EndedEarly says that one
// has come, and the process is started again.
package signals
