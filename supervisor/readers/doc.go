// Package readers keeps the second control socket: the members of a group may read there what director knows, and
// change nothing (status_socket). What it cannot make it tries to make again.
package readers
