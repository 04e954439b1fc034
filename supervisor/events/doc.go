// Package events keeps what has happened, and says why.
//
// Every transition, verdict, quorum change, reload, handover, drain, script, death of a worker and
// command of an operator is an event.Record. What the workers tell of an object is compared with
// what was known of it (of.go), which gives records. Each has a number, and names the numbers of
// the events that made it happen: whoever tells another process something sends the number along,
// so that a cause is carried and never guessed from the order of time.
//
// A Log (log.go) takes records in the supervisor's goroutine and never waits: its own goroutine
// writes them, one line of JSON each, to segments in the state directory (segments.go), which are
// bounded in size and age. Of an object that flaps some records of a minute are kept, and the
// others are counted (fold.go). Readers (read.go) open the segments themselves, beside the writer.
//
// Why (why.go) follows the numbers backwards and makes sentences of them.
package events
