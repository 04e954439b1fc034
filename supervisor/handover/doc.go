// Package handover remembers which instances have been asked to leave their
// mastership to other routers, and until when.
//
// It is the supervisor's: a Set outlives the vrrp worker, a reload and, as a
// file in the state directory, director itself. What a handover means is a
// rule of vrrp/machine.
//
// An order belongs to a conf.InstanceID and stays in force when a reload gives the
// instance another name. The file has the name that the instance had when it was written,
// beside its identity; a file of an older director has the name alone.
package handover
