// Package virtualserver owns the IPVS table: it keeps what the kernel has as
// the configuration and the verdicts of the checkers want it.
//
// A Loop is the one owner. It is told the configuration (Apply) and what
// became of a real server (Verdict), never blocks who tells it, and answers
// with facts: event.TableLoaded when the table holds what a configuration asks
// for, event.VirtualServerState when a virtual server changed.
//
// The rules are in package table, the kernel in package ipvs. What the loop
// adds is time: every second it compares the kernel's services with what they
// should be, and the real servers of some of them, so that all had their turn
// after 30 seconds; what somebody else changed is put back, loudly.
//
// Only what the journal says is ours is ever removed. Without a virtual server
// in the configuration and in the journal the kernel is not touched.
package virtualserver
