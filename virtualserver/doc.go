// Package virtualserver owns the IPVS table: it makes the kernel's table match
// the configuration and the verdicts of the checkers, and keeps it so.
//
// A Loop is the only owner. It takes configurations (Apply) and verdicts on real
// servers (Verdict), never blocks the caller, and reports events:
// event.TableLoaded when the table contains what a configuration asks for,
// event.VirtualServerState when a virtual server has changed.
//
// The rules are in package table, the access to the kernel is in package ipvs.
// The loop adds time: every second it compares the kernel's services with the
// wanted ones, and the real servers of some of them, all within 30 seconds. It
// undoes what something else has changed and logs it.
//
// Only services in the journal are ever removed. As long as neither the
// configuration nor the journal has a virtual server, the kernel is not touched.
package virtualserver
