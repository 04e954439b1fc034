package conf

import "net/netip"

// Metrics is the metrics block, director's own: where Prometheus reads and what it is told.
type Metrics struct {
	// Listen is where the front answers; the zero value is nowhere.
	Listen netip.AddrPort
	// AllowWildcard lets Listen be 0.0.0.0 or ::, which is every network of the host.
	AllowWildcard bool
	// RealServers says whether single real servers have series of their own (default yes).
	RealServers Choice
	// Network is the label of that name; empty is the network of each instance.
	Network string
}
