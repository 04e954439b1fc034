// Package link is what bfd does in the kernel: UDP sockets for Control packets
// (RFC 5881 section 4, RFC 5883 section 5). One of each family and port hears all
// neighbors, with the TTL, the destination and the time of arrival that the kernel
// tells beside each packet; each session has another to send from, since its
// source port is its own. All calls that the loop makes again and again are raw and do
// not block.
//
// The interfaces in link.go are small, so that tests can put a wire of their own in the
// kernel's place.
package link
