// Package checkers finds out which real servers can serve clients.
//
// A Schedule owns every checker of the configuration. It starts each run when
// its time has come (one heap of deadlines, one timer), hands it to package
// probe, which knows how each kind of check is made, and gives the result to
// package verdict, which knows what a result does to a checker and a real
// server. What follows leaves as events: the result of every run and, when it
// changed, the state of the real server.
//
// One goroutine owns all of it. A run never overlaps itself; a checker that a
// reload removes is cancelled; a checker that a reload leaves alone (same
// real server, same options) keeps its state and its place in the schedule.
package checkers
