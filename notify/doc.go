// Package notify runs the scripts that the configuration names for transitions of
// VRRP instances, sync groups, virtual servers and real servers.
//
// Each object (an instance, a sync group, a virtual or real server) has a queue of its own.
// Of a queue one script runs at a time, the specific one (notify_master) before
// the generic one (notify). While a script runs, a newer state replaces the one
// that waits. Scripts are told of changes only: not of a state that a worker took
// over from its predecessor. A script that has not ended after 30 seconds no longer
// holds up the next one: some scripts never end, and run with keepalived.
//
// No method of a Notifier that reports something blocks. In an upgrade it hands
// over what it knows, and the scripts that run (handoff.go).
package notify
