// Package front is what the supervisor and its front say to each other.
//
// The front is the process that listens on a network (workers/front). It is nobody that others depend
// on: it has no part in a reload, a start or an upgrade, so its messages are not those of the other
// workers (worker.Message). It is told where to listen (Settings), says each second that it lives and
// what it cannot do (Report), and asks for a snapshot of the status when somebody reads it. The
// supervisor believes nothing of what it says: a frame of the front is small, and its texts are cut.
package front
