// Package packet encodes and decodes VRRP version 2 (RFC 3768, with the
// authentication of RFC 2338) and version 3 (RFC 5798, RFC 9568). It has no
// socket, clock or log.
//
// The virtual routers of an interface share one socket, so receiving takes two
// steps: Parse makes every check that needs no configuration and yields the
// VRID; Verify checks the result against the Rules of that virtual router.
// Each returns the reason for a drop. Neither allocates, except for the digest
// of an Authentication Header.
//
// To send, Append encodes an IP datagram once; Update patches priority and
// identification for each advertisement. The package encodes IP headers itself
// because the Authentication Header and the trailer of auth_hmac depend on
// them. ParsePDU and AppendPDU handle the VRRP message without an IP header.
package packet
