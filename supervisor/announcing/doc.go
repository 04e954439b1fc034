// Package announcing joins package announce to the supervisor: it runs its loop in the
// supervisor's process, beside the supervisor's own, and tells it what is known there.
//
// An Announcing belongs to the supervisor's goroutine but for Report and Withdrawn. The
// loop behind it waits for nobody, and nobody for it but a stop, for a bounded time.
// Beat comes from the supervisor's loop, heartbeats from the lvs worker's: whoever of them
// hangs has the addresses expire (package announce/rules).
package announcing
