// Package manual makes the manual pages and the completion of shells that the
// packages of distributions hold: director(8) and genhash(1) from the model of
// the command line, director.conf(5) from the keyword tables. None of them is
// written by hand, so none of them lacks a flag or a keyword.
//
// "make packages" calls it through the test TestManual of cmd/director, which
// has the model.
package manual
