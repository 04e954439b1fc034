// Package stage prepares what the programs of the lab stand on and decides
// where they run: it builds director, fetches the keepalived that it is
// measured against, and starts the calling program again inside the guest
// when this machine's kernel has no IPVS.
//
// The tests' TestMain, the demo and the benchmarks all begin here, so that
// "go test", "go run" and make do the right thing by themselves.
package stage
