// Package packet is the wire of BFD: Control packets (RFC 5880 section 4.1) and
// their authentication by meticulous keyed SHA1 (section 4.4). It is bytes in,
// facts out: which session a packet is for, and what it does to it, is decided
// elsewhere. A packet that is refused is refused for a named reason.
package packet
