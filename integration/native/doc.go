// Package native holds the tests that need no IPVS: VRRP between directors, and between director
// and keepalived, with real packets in network namespaces. They run on this machine's own kernel,
// because times measured in an emulated guest mean nothing, and with a director built with the race
// detector. The tests TestServers* are of health checks, with servers from Debian's packages.
package native
