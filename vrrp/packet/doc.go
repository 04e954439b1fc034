// Package packet is the wire format of VRRP version 2 (RFC 3768, with the
// authentication of RFC 2338) and version 3 (RFC 5798, RFC 9568): bytes to an
// Advertisement and back, with no socket, clock or log.
//
// Receiving is in two steps, because a socket is shared by the virtual
// routers of an interface: Parse does every check that needs no
// configuration and tells the virtual router the datagram is for, Check
// holds the result against the Rules of that one. Either names the reason
// for which a datagram is dropped. Neither allocates
// but for the digest of an Authentication Header.
//
// Sending is Append once, for the whole IPv4 datagram, and Update for every
// advertisement that leaves: it patches priority and identification. Whole IP
// headers are seen and made here, so that an Authentication Header has its
// place between them and the message. IPv6 headers are the kernel's: ParsePDU
// and AppendPDU are the message alone.
package packet
