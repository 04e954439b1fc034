// Package link has what announce needs of the kernel: the dummy interface that
// announced addresses are on, the addresses with their lifetimes, and the local routes
// that feed IPVS whether its addresses are announced or not.
//
// What is ours says so: the interface by its alias (AliasMark), addresses and routes by
// protocol 18 (Mark). Everything else is left alone. Host is this host, in one network
// namespace; package linktest has one in memory.
package link
