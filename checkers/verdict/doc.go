// Package verdict holds the rules of health checking: what the result of a
// run does to a checker, when the next run is due, and what the checkers of a
// real server say of it together.
//
// The rules are keepalived's: a checker that is up forgives Retries failures
// in a row and tries again after RetryDelay; one that is down is polled at
// Interval and comes up with one success (of each of its URLs, when it has
// several). A checker that starts up has its forgiveness used up already, so
// that a server which is dead at the start leaves with the first result. A
// real server is alive while none of its checkers is down.
//
// There is no clock, socket or log in here.
package verdict
