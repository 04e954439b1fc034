// Package peer talks to the other directors of a pair: over TCP with TLS 1.3, in which each side has a
// certificate that it throws away, and proves that it has the shared key (package agree). Both dial; one
// connection to each peer stays.
//
// It carries messages between supervisors and does not look into them. All that comes is bounded in size,
// rate and time, and so are those who have not proved anything yet. Who is not a peer by his address is
// not listened to. A peer that says nothing for five seconds is gone; what comes of that is for the
// supervisor to say.
package peer
