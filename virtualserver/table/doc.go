// Package table holds the rules of the IPVS table: what it should contain
// (Wanted), how that differs from what the kernel has (Diff), when a virtual
// server has its quorum (Quorum).
//
// A Table is plain data with comparable keys. Diff answers with operations in
// an order in which no moment is emptier than both tables: what is new comes
// first, what was changed is set in place, what is gone goes last. Scheduler,
// flags, timeout, weight and forwarding method of something that exists change
// by SET, never by DEL and NEW: packets in such a gap would be reset.
//
// Nothing here knows a clock, a socket or a log.
package table
