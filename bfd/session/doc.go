// Package session has the rules of one BFD session (RFC 5880 section 6): the
// states, when a packet leaves, how long the neighbor may be silent, and how
// changed parameters are agreed on. A Session is told what arrived and when, and
// says when it wants to be called again (TransmitAt, DetectAt). It has no clock
// and no socket. Asynchronous mode only: no echo, and demand mode is never asked
// for, but one that the neighbor asks for is respected.
//
// What a neighbor says can make it cost this much and no more: a packet leaves no
// more often than our own interval asks, except for answers and changed states,
// which an allowance bounds (extras); and the neighbor is silent after no less than our own
// required interval, whatever it promises.
package session
