// Package tracking watches what VRRP instances track beside interfaces:
// scripts that are run at an interval, numbers in files, processes. It says
// what they are like; what that does to a priority is package track's.
//
// It lives in the supervisor, because a vrrp worker never starts a program. A
// goroutine for each tracker only looks; what it saw comes back to the owner
// of the Trackers, who applies the rules (rise, fall, init_fail) and passes
// the states on. So an answer of a tracker that a reload has removed is known
// as such and dropped.
package tracking
