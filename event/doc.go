// Package event holds the few typed facts that director's parts exchange.
//
// A fact is what happened and why: an instance changed state, a check of a
// real server ended, a virtual server gained or lost its quorum. The parts
// that produce facts (vrrp, checkers, virtualserver) and those that consume
// them (notify, virtualserver, the status of the command line) do not import
// each other; they meet in supervisor and workers through the types here.
//
// Everything here is plain data that encoding/gob and encoding/json carry
// unchanged, because facts cross the channel between the supervisor and its
// workers. Fields are only ever added.
package event
