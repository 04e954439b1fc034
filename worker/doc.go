// Package worker is how director's supervisor and its worker processes start,
// talk and restart.
//
// director is one binary that runs as three processes: a supervisor, which
// reads the configuration and runs the user's programs, and two workers, vrrp
// and lvs, which hold the sockets and the kernel's table. An advertisement
// that leaves late is an outage, so nothing that may be slow shares a process
// with it; and a worker can die without taking the other one along.
//
// A worker talks to the supervisor over an inherited stream socket (Conn), in
// length-prefixed gob messages. Neither side ever waits for the other to read:
// what is to be sent goes through an Outbox, where the latest state of an
// object replaces an older one that has not left yet. A Keeper starts a worker
// and starts it again when it dies.
//
// Sub-package journal remembers on disk what a worker put into the kernel, so
// that the next one knows what is ours.
package worker
