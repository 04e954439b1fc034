// Package verdict holds the rules of health checking: what the result of a run
// means for a checker and when the next run is due.
//
// The rules are keepalived's. A checker that is up tolerates Retries failures in
// a row and runs again after RetryDelay. One that is down runs at Interval and
// comes up after one success (of each of its URLs, when it has several). A
// checker that starts up has no retries left, so that a real server that is dead
// at the start goes down with the first result. A real server is alive while
// none of its checkers is down.
//
// The package has no clock, socket or log.
package verdict
