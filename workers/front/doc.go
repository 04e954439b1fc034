// Package front is the process that listens on a network. It owns nothing: it asks the supervisor for
// the status when somebody reads it, at most once in a second, and serves what it was told.
//
// It runs as a user without files and without capabilities (run.go looks at that), in bounded memory.
// All that comes from the network is bounded in size, time, number and rate (listener.go, serve.go).
// What it cannot do, such as listening on a port that another program has, it tries again and tells the
// supervisor, which has it as a problem in status. When the supervisor is gone, it ends.
package front
