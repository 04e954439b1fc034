// Package traffic provides real servers that answer with their name, and clients
// that send requests continuously and record the outcome of each.
//
// Servers and clients are processes on hosts of the lab, so they die with their
// host. They are the calling program, started again with a role: a program that
// uses the package, such as a test binary, must call [Main] first.
package traffic
