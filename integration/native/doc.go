// Package native holds the tests of the whole that need no IPVS: VRRP between
// directors, and between director and keepalived, on packets in network
// namespaces. They run on this machine's own kernel, because their figures of
// time would be worth nothing in an emulated guest, and with a director built
// with the race detector.
package native
