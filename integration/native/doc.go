// Package native holds the tests that need no IPVS: VRRP between directors, and between director
// and keepalived, with real packets in network namespaces. They run on this machine's own kernel,
// because times measured in an emulated guest mean nothing, and with a director built with the race
// detector.
package native
