// Package marks puts into nftables what virtual servers need beside IPVS.
//
// Packets that a match block names get a firewall mark, by which IPVS finds the virtual
// server: in the hooks prerouting and output, at the priority of mangle, before IPVS sees
// them. A mark is set only where there is none. IPVS compares all 32 bits, and the bits
// of somebody else may be policy routing's; a packet that arrives marked is left alone and
// counted.
//
// Packets to real servers of full NAT get a source address of the director, in the hook
// postrouting. They are known by their connection: its first packet was for the virtual
// server and this one is for the real server. No mark is needed for it.
//
// Wanted says, as a plain function, which packets those are; Keeper keeps them in two
// tables of our own (package nft). Each is there only while it is needed: a chain of the
// type nat has the kernel track all connections of the host.
//
// Rules are there before the virtual servers that need them, and go after them. A connection
// that comes between is tracked as it came: without its new source it has no answer, however
// often its client sends again. So a change puts the rules of both configurations first (With),
// and those of the new one alone when the table has it.
package marks
