// Package scale measures how a director grows: what it forwards beside plain routing through the same host, what a
// connection takes, and what its processes use at rest with more of everything. The bench runs it in the lab, and
// docs/scale.md has its figures.
//
// What a packet costs a host is the time that it takes by way of that host less the time that it takes without:
// sender, wire and receiver are the same. The receiver's kernel drops each packet as soon as it has it, since it is
// for another hardware address, so the way that a packet is wrapped costs no receiver anything.
package scale
