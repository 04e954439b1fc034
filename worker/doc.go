// Package worker connects director's supervisor with its worker processes: it
// starts them, and carries messages (message.go) between them.
//
// director is one binary that runs as three processes: a supervisor, which
// reads the configuration and runs the user's programs, and two workers, vrrp
// and lvs, which own the sockets and the IPVS table. An advertisement that is
// sent late is an outage, so nothing slow runs in the process that sends it; and
// one worker can die without the other.
//
// A worker talks to the supervisor over an inherited stream socket (Conn), in
// length-prefixed messages. Neither side ever waits for the other to read: an
// Outbox holds what is to be sent and replaces an older state of an object by
// the latest one. A Keeper starts a worker, reports how it ended, and can
// hand the running worker over to the program that replaces the supervisor
// (Handed).
//
// Package journal records on disk what a worker made in the kernel, so that the
// next worker knows what is ours.
package worker
