// Package integration holds the tests of the whole: two directors, real
// servers and a client on real packets. Its folders are the lab they run in.
package integration
