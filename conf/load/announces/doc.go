// Package announces judges announce blocks when all files are read: what their addresses, names and
// interfaces must not have in common with other blocks, and whether virtual servers on announced
// addresses work with several active directors.
//
// A router that spreads flows over N directors may move a flow to another of them. What follows from
// that is what most findings are about: answers must not need the director that has the connection, and
// each director must choose the same real server, or know the connections of the others.
package announces
