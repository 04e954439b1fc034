// Package traffic is what a load balancer pair exists for: real servers that
// answer and say who they are, and clients that ask all the time and write
// down what became of each request.
//
// Servers and clients are processes on hosts of the lab, so that they die
// with their host. They are this very program, started again with a role: a
// test binary, or any other that uses the package, calls [Main] first thing.
package traffic
