// Package netns runs code and processes in a network namespace that has a name
// (net_namespace, net_namespace_ipvs; ip-netns(8)).
//
// A namespace is entered by a thread, and what the thread executes or forks is in
// it. With it goes a mount namespace of its own in which /sys shows the devices of
// that network namespace; without it /sys/class/net shows those of the host.
package netns
