// Package notify decides who is told of what happens to VRRP instances, sync groups, virtual
// servers and real servers, and runs the scripts that the configuration names for it.
//
// Each object (an instance, a sync group, a virtual or real server) has a queue of its own.
// Of a queue one script runs at a time, the specific one (notify_master) before
// the generic one (notify). States are told in the order in which they came; one that is over
// and has waited for 5 seconds is left out, and the log says how many were. Scripts are told
// of changes only: not of a state that a worker took
// over from its predecessor. A script that has not ended after 30 seconds no longer
// holds up the next one: some scripts never end, and run with keepalived.
//
// Others than scripts are Listeners (told.go): FIFOs (package fifo) and whatever else has to
// know. They are told the same, in the same order, and never wait for a script.
//
// No method of a Notifier that reports something blocks. In an upgrade it hands
// over what it knows, and the scripts that run (handoff.go).
package notify
