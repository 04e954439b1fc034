// Package signalhold holds the signals that come while a program puts another
// one in its place by exec, and sends them again when that one takes them in.
//
// Nothing in the process itself can do that. A Go program unblocks SIGHUP, SIGINT
// and SIGTERM before any line of it runs (minit in runtime/signal_unix.go), and has
// its handlers a moment later: one that was blocked before the exec ends it, or is
// dropped where it is ignored. So another process, the holder, traces every thread
// with ptrace(2) for as long as it takes. A traced process gets no signal that its
// tracer does not pass on. When the holder ends, the kernel lets go of all threads.
//
// Where tracing is refused (another tracer, seccomp), Begin says so.
package signalhold
