// Package probing is director probe: it makes checks of a configuration, or one that the command line
// describes, once and from this host, and prints what they say. It needs no director and changes nothing.
package probing
