// Package presence tells whether another director or keepalived has virtual
// routers in a network namespace. The mark that addresses, routes and rules
// carry (link.Mark) says "keepalived's kind" and not whose: what is marked and
// in no configuration of ours is removed only when nobody else is here.
package presence
