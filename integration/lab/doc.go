// Package lab builds small networks of hosts on one machine, injects faults and
// records logs and packets.
//
// A host is an anonymous network namespace, a network is a bridge in a
// namespace of its own, and a cable is a veth pair between them. The machine's
// own interfaces, routes and rules are never touched, and nothing remains when
// the lab closes or its process ends. Programs run on a host as ordinary
// processes of that namespace. The lab records each line that they print, with
// its time, and the packets on each of the host's interfaces (of TCP only those
// that open, close or reset a connection).
//
// If a test fails, the lab prints the last lines of every program and the
// packets, decoded by tcpdump, and keeps the folder with the complete record.
//
// A lab reports its own failures to the test that made it (a [Reporter]), as
// a helper of the testing package does: a lab that cannot be built ends it.
package lab
