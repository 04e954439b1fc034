// Package fifo writes what happens to the named pipes of a configuration (notify_fifo,
// vrrp_notify_fifo, lvs_notify_fifo), in keepalived's lines, and keeps their reading programs
// running.
//
// Nothing waits for a reader. What does not fit into a pipe waits here, in its order, and of
// each object the latest state always: a reader that is absent, slow or comes later loses
// nothing within that bound, and what it loses is counted in the log. Lines are written whole.
//
// A pipe is opened for reading as well, as keepalived does, so that it can be written without
// a reader and keeps what is in it when a reader ends. That also lets us take back what the
// program that we run has not read when it dies: the next one gets it, behind the present state
// of every object that it would not learn otherwise.
//
// A path is opened only when it is a FIFO, never through a symbolic link, and removed at the
// end only if it is the one that was made here.
package fifo
