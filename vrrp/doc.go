// Package vrrp makes a host a VRRP router: it owns every virtual router
// (vrrp_instance) of a configuration.
//
// The rules are elsewhere: packet knows the wire, machine the states, track
// what a tracked thing does to a priority; link is the kernel. The Engine is
// the goroutine that joins them. It keeps one heap of deadlines, hands what
// has arrived to the machines, and carries their effects out: advertisements
// at once and by itself, everything slow - addresses, gratuitous ARP, opening
// sockets, writing logs - through other goroutines that it never waits for.
// So no work on addresses stands between a timer and its advertisement.
package vrrp
