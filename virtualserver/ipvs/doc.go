// Package ipvs reads and writes the kernel's IPVS table.
//
// A Driver is batch-shaped: operations go to the kernel many at a time, and
// each has its own answer. Open makes the kernel's driver. It speaks generic netlink
// itself, in both directions: 64 operations to a send (measured 9 times faster than a
// round trip each), and all that the kernel knows is written and read: the family of a
// real server, its tunnel, its connections, the persistence engine, sync daemons.
//
// No call lasts for ever: a kernel that hangs (it loads modules with IPVS locked) is
// given up after a while, and there is never more than one request out.
//
// Package ipvstest has the same table in memory, with the kernel's errors, and
// the conformance test that both pass.
package ipvs
