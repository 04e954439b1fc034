// Package pair says what directors of a pair tell each other, and what is wrong with the pair. It is
// rules over what is known: it has no clock and no socket, and what a peer has said is looked at like
// what a stranger has said.
package pair
