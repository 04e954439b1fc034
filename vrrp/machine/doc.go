// Package machine holds the rules of one virtual router: RFC 9568 section 6.4
// (and RFC 3768 for version 2) with what keepalived's users have on top -
// nopreempt, preempt_delay, FAULT, the repeated gratuitous ARP.
//
// A Machine knows no clock, socket or log. It is told what happened and when
// (an Input) and appends what has to be done about it (Effects) to a slice of
// the caller's; the steady state allocates nothing. Timers are inputs like
// any other: the machine asks for one with SetTimer and is told that it fired.
//
// The engine in package vrrp turns effects into packets, addresses and
// events. Its order is the machine's: effects are carried out first to last,
// an advertisement always before the work on addresses that follows it.
package machine
