// Package signals has what keeps the signals of keepalived's users from ending a process of
// ours. They are sent to every process that is called so (pkill -USR1 keepalived, an exporter
// each 15 s), at any moment, also to one that has just been started, and what a process does
// with one before it says otherwise is to end.
//
// A Go program has handlers a moment after its start. Until then
//
//   - all but SIGHUP can wait: a process that is started by Blocked has them blocked, over the
//     exec, until it calls Ignore or takes them in;
//   - SIGHUP cannot: the runtime unblocks it before it has a handler (minit in
//     runtime/signal_unix.go). Who starts a process of ours looks with EndedEarly whether that has
//     happened, and starts it again.
package signals
