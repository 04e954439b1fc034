// Package datagram has what sockets that are read without blocking share: how
// old a packet is that the kernel has kept (Ages), who says that packets wait
// (Watch), and the words that the kernel gives beside a packet (Control). It
// knows nothing of what is in the packets.
package datagram
