// Package notify tells the rest of the world what happened: it runs the
// scripts that the configuration names for transitions of VRRP instances, sync
// groups and real servers.
//
// Each object (an instance, a sync group, a real server) has its own queue, and of a queue
// one script runs at a time, the specific one (notify_master) before the
// generic one (notify). While a script runs, newer states replace the one
// that waits. A script that has not ended after 30 seconds no longer holds up
// the next: some never end, and worked so with keepalived.
//
// Nobody waits for a Notifier: telling it something never blocks.
package notify
