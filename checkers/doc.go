// Package checkers checks which real servers can serve clients.
//
// A Schedule owns every checker of the configuration. It starts each run when it
// is due (one heap of deadlines, one timer). Package probe carries the run out;
// package verdict decides what its result means for the checker and the real
// server. The Schedule reports the result of every run, and the state of a real
// server whenever it has changed.
//
// One goroutine owns all state. Equal checkers of a real server that is in many
// virtual servers have one task: its runs never overlap, and each checker gets their
// results. A checker that a reload removes leaves its task, and the last one ends it;
// one that a reload leaves alone (same real server, same options) keeps its state and
// its place in the schedule.
package checkers
