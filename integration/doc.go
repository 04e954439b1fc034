// Package integration tests the complete program: two directors, real servers
// and a client that exchange real packets. Its folders are the lab for that.
package integration
