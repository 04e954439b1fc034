// Package probe makes one run of one check and says in one line what it saw.
//
// Each kind of check is a file with one function, entered in the table of
// kinds. TCP connections are made by one goroutine that owns non-blocking
// sockets and an epoll instance, because ten thousand checks every few seconds
// are then cheap; the checks that talk over a connection (HTTP_GET, SSL_GET)
// get theirs from it and run in a bounded number of goroutines. Echo requests
// leave through one socket of the same goroutine per source and family.
//
// Everything a server says is bounded in size and time. A failure of this host
// (no descriptor left, no such interface) is told apart from a failure of the
// server: see Result.Local.
package probe
