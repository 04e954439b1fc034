// Package tracking watches what VRRP instances track beside interfaces: scripts
// that run at an interval, numbers in files, processes. It reports their states;
// package vrrp/track decides what a state means for a priority.
//
// It runs in the supervisor, since a vrrp worker never starts a program. One
// goroutine for each tracker looks and sends what it saw to the owner of the
// Trackers, who applies the rules (rise, fall, init_fail). Results of a tracker
// that a reload has removed are recognised and dropped.
package tracking
