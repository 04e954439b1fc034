// Package ipvsadm writes and reads an IPVS table in the text forms of ipvsadm(8),
// which people know: List is "ipvsadm -Ln", Save is "ipvsadm -Sn", Parse reads what
// Save and ipvsadm-save write, and Blocks makes virtual_server blocks of a
// configuration of it.
//
// It is plain code over plain data, written after ipvsadm's manual page and the
// names and numbers of linux/ip_vs.h.
package ipvsadm
