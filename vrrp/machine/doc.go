// Package machine is the state machine of one virtual router: RFC 9568 section
// 6.4 (RFC 3768 for version 2) with keepalived's extensions: nopreempt,
// preempt_delay, FAULT, sync groups and repeated gratuitous ARP.
//
// A Machine has no clock, socket or log. Step takes an Input with the time at
// which it happened and appends Effects to a slice of the caller. The steady
// state does not allocate. The effect SetTimer sets a timer, and the input
// TimerFired reports that it expired.
//
// The engine in package vrrp turns effects into packets, addresses and events.
// It must carry them out in order: an advertisement leaves before the slower
// work on addresses that follows it.
package machine
