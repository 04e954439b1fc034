// Package announce tells the neighbours on a link where virtual addresses are:
// by gratuitous ARP and unsolicited neighbour advertisements (RFC 9568 sections
// 6.4.1 and 8.2.2).
//
// The engine decides which addresses are announced and how often, and hands a
// Job over without waiting. Pacing turns an address on an interface into
// Targets, with the distance that garp_interval, gna_interval and garp_group
// ask for. The Announcer's goroutine sends them through link.Announcer, where
// the frame is built and leaves. An announcement that could not be sent is
// still owed and is tried again.
package announce
