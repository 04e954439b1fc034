// Package fronts keeps the front, the process that listens on a network (workers/front).
//
// The front serves readers and nobody waits for it, so it is no worker of package rollout: whatever
// becomes of it, no instance, table, reload or upgrade hears of it. Keeper is a goroutine of its own
// beside the supervisor's loop: it starts the process while the settings ask for one, as a user that
// may do nothing, answers its questions for a snapshot, at most one in a second, kills it when it says
// nothing, and starts it again after a pause that grows. What is wrong with it is a problem in status.
//
// What a front asks for beside the status (request.go) is done only if the configuration permits it, in the
// name of who asked the front, few at a time.
package fronts
