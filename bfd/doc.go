// Package bfd runs the BFD sessions (bfd_instance) of a configuration: whether
// a neighbor is reached is known after some lost packets instead of after seconds.
//
// The rules of one session are in session, the wire is packet, and the kernel is link.
// A Set joins them: it has the sessions' deadlines, gives each packet to the session
// that it is for, or refuses it for a named reason, and tells what sessions are like.
//
// A Set has no goroutine: it is served by that of another loop (the engine of package
// vrrp, as its Companion), between whose own deadlines it does a bounded piece of work
// at a time. A session is never down because that loop was late: what has arrived is
// read before a neighbor counts as silent, and counts from the time at which the kernel
// received it.
package bfd
