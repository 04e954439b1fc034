// Package vmac gives virtual routers interfaces with their virtual MAC address
// (use_vmac, use_vmac_addr; RFC 9568 section 7.3).
//
// Place decides names and which address goes on which interface; it is a
// function of the configuration. A Set is what the engine knows of the wanted
// interfaces, and when each may be looked after again. The Worker's goroutine
// makes and removes them, through link.VMACs, and keeps the settings of their
// parents in the journal. The engine never waits for it.
package vmac
