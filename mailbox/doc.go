// Package mailbox carries work to the goroutine that owns a piece of state
// without making the sender wait.
//
// A Mailbox holds content of any type behind a lock: senders change it, the
// owner takes all of it at once. What the content is decides how it grows: a
// slice keeps everything, a map or a Queue keeps only the latest of each key
// and is bounded by the number of keys.
//
// A Queue is that second kind in order of arrival, and a Record one that keeps a bounded
// number of earlier values as well. They are plain data without a
// lock, for the owner's own use as well as for the content of a Mailbox.
package mailbox
