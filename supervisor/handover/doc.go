// Package handover remembers which instances have been asked to leave their
// mastership to other routers, and until when.
//
// It is the supervisor's: a Set outlives the vrrp worker, a reload and, as a
// file in the state directory, director itself. What a handover means is a
// rule of vrrp/machine.
package handover
