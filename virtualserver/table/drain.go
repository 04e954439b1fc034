package table

import "time"

// UDPGrace is the longest that a drain waits for UDP, which has no close: the kernel
// keeps an entry for minutes after the last datagram, and each datagram renews it.
const UDPGrace = 5 * time.Second

// drainLook is the pause between two looks at the connections of a drained server.
const drainLook = time.Second

// Drain is a real server that finishes its connections.
type Drain struct {
	Since   time.Time     // when its weight became 0
	Timeout time.Duration // how long it may take; 0 is as long as there are connections
	UDP     bool
	// Stays says that it stays in the table when its connections are gone, with
	// weight 0: it is to come back, and its place maps clients.
	Stays bool
}

// Until is when the drain is over at the latest; zero is never.
func (d Drain) Until() time.Time {
	wait := d.Timeout
	if d.UDP && (wait == 0 || wait > UDPGrace) {
		wait = UDPGrace
	}
	if d.Stays || wait == 0 {
		return time.Time{}
	}
	return d.Since.Add(wait)
}

// Step says whether a drained server goes now, and if not when to look again; zero
// is never. connections are those counted at a time after Since; templates of
// persistence are none.
func (d Drain) Step(now time.Time, connections uint64, counted time.Time) (over bool, next time.Time) {
	if d.Stays {
		return false, time.Time{}
	}
	until := d.Until()
	if !until.IsZero() && !now.Before(until) {
		return true, time.Time{}
	}
	if connections == 0 && counted.After(d.Since) {
		return true, time.Time{}
	}
	next = now.Add(drainLook)
	if !until.IsZero() && until.Before(next) {
		next = until
	}
	return false, next
}
