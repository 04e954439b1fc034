// Package announce keeps virtual addresses on a dummy interface for a routing daemon
// to announce, while this host is ready to serve them (the announce block of a
// configuration).
//
// What may be announced, and for how long, is package rules; what the kernel has is
// package link. A Loop owns both: it is told what happens (loop.go), lets the rules
// decide (keeper.go) and makes the kernel follow (kernel.go, settings.go). Addresses have
// a lifetime and are refreshed only while everything that serves them is seen to work, so
// that a director that hangs or dies withdraws by doing nothing.
//
// What brings packets in is another thing than what announces: a local route of ours
// stays as long as the service, so that draining resets no connection.
package announce
