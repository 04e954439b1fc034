// Package lab builds small networks of hosts on one machine, breaks them, and
// keeps the evidence.
//
// A host is an anonymous network namespace, a network is a bridge in a
// namespace of its own, and a cable is a veth pair between them: the
// machine's own interfaces, routes and rules are never touched, and all is
// gone when the lab closes or its process ends. Programs run on a host as
// ordinary processes of that namespace; each line they print is kept with its
// time, and so are the packets on each of the host's interfaces (of TCP, those
// that open, close or reset a connection).
//
// When a test has failed, the lab shows the last lines of every program and
// the packets, decoded by tcpdump; the folder with all of it stays.
//
// A lab reports its own failures to the test that made it (a [Reporter]), as
// a helper of the testing package does: a lab that cannot be built ends it.
package lab
