// Package peers keeps what is known of the other directors of a pair: how the connection to each is, as
// the front tells, and what it has told last (package pair). It tells them of this half when that has
// changed, and has what is wrong with the pair. Its state belongs to a lock, and the supervisor's loop
// waits for nothing of it.
package peers
