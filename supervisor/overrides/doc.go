// Package overrides remembers what an operator has asked for at run time: real
// servers that are drained, and weights that replace those of the configuration.
//
// It is the supervisor's: a Set outlives the lvs worker, a reload, an upgrade
// and, as a file in the state directory, director itself and the host. Select
// finds the real servers that people mean by a name, and Notices says what they
// have to know before they drain one. What an override does to the weight that
// the kernel has is a rule of virtualserver/table.
//
// The halves of a pair have the same overrides, as far as they were asked for on all: a Set is
// records with stamps, which Merge takes in from another half in any order, and Hear is the
// conversation by which two halves come to have the same. What carries its messages is not here.
//
// All but the file is plain code over plain data: the time is an argument.
package overrides
