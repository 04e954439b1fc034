// Package pair builds the network of a load balancer pair, with NAT or direct
// routing, and runs the pair: director, Debian's keepalived, or one of each.
// Both read the same configuration, so every scenario can run with either.
package pair
