// Package ipvs reads and writes the kernel's IPVS table.
//
// A Driver is batch-shaped: operations go to the kernel many at a time, and
// each has its own answer. Open makes the kernel's driver. It reads with
// moby/ipvs and writes with generic netlink messages of its own, 64 to a send:
// measured 9 times faster than a round trip each, and it can say what moby/ipvs
// cannot (the family of a real server, which flags are meant).
//
// The traps of moby/ipvs are guarded here and nowhere else: it reports success
// when the kernel has no IPVS, waits for ever when an answer is lost, knows one
// caller at a time, logs by itself, and does not read the persistence engine.
//
// Package ipvstest has the same table in memory, with the kernel's errors, and
// the conformance test that both pass.
package ipvs
