// Package link is what vrrp does in the kernel: sockets for IP protocol 112,
// interfaces and their addresses over rtnetlink, gratuitous ARP, and a clock
// that is precise to a tenth of a millisecond.
//
// The interfaces in link.go are small, so that tests can put an in-memory
// network (package vrrptest) in the kernel's place. Kernel is the real one; it
// works in the network namespace of the thread that made it and needs the
// capabilities NET_RAW and NET_ADMIN. Nothing here decides anything: what is
// sent, when, and which address is ours is the engine's business.
//
// What is made here says so in the kernel: Mark on addresses, routes and rules,
// AliasMark on interfaces, nft.Mark on tables. An error of the kernel is never
// taken for "it is not there"; only the answers that say so are.
package link
