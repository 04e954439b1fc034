// Package realserver knows what a real server needs so that IPVS on a director can
// forward to it: the virtual addresses on a device that does not announce them,
// ARP settings, reverse path filtering, or a gateway.
//
// For is the rule; the other functions of Plan write it as commands or as files of a
// distribution. Apply and Undo do it on a Linux host by netlink and /proc, with a
// file of what was there before.
package realserver
