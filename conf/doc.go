// Package conf holds the types of a configuration: what a keepalived.conf
// means, with defaults filled in and inheritance applied, the identities of
// its objects, and what there is to say about it (findings).
//
// A Config is plain data. It is made by conf/load, compared with another one
// by conf/diff, printed by conf/effective, and handed to the worker processes,
// which link this package and none of those: nothing here reads files or knows
// a keyword.
//
// A finding is a note (keepalived says nothing), a warning (keepalived would
// complain and run) or an error (there is no sensible way to run it).
package conf
