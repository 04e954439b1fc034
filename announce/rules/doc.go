// Package rules says which announce blocks are announced, and for how long. It is
// rules only: the time is told, and whoever watches things tells what they are like.
//
// A Block is what the configuration asks for. Judge says of one whether this host is
// ready for its addresses: ready, not ready, or not known yet, which changes nothing
// that stands. A Life is what becomes of one: withdrawn, announced, expired.
//
// Announced addresses expire by themselves (min_lifetime) unless they are refreshed.
// Evidence is who was seen alive, and when; without enough of it nothing is refreshed,
// so that a director which hangs, in whatever process, withdraws by doing nothing.
// Grace bounds for how long the lvs worker may be missing while it is restarted.
package rules
