// Package stage prepares the programs of the lab: it builds director, fetches the
// keepalived that it is compared with, and if this machine's kernel has no IPVS
// starts the calling program again inside the guest.
//
// The tests' TestMain, the demo and the benchmarks call it first, so "go test",
// "go run" and make need no further set-up.
package stage
