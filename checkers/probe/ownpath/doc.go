// Package ownpath is what a check needs of this host to go the way of a client's packet: through
// IPVS on this host, by a firewall mark, to the virtual address at one real server.
//
// The packet must not come from the virtual address, which the real server has too. And its answer
// does come from the virtual address: while this host has it, IPv4 drops such a packet (a martian)
// unless accept_local is set on the interface. IPv6 does not.
package ownpath
