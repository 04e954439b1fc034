// Package commandline reads the command line of keepalived: flags in bundles, with their
// value behind a blank, behind "=" or glued to them. It also has the names that follow
// from it: of pid files, of the run directory, of processes and of the log.
//
// What keepalived 2.2.7 does was measured; nothing of this package opens a file.
package commandline
