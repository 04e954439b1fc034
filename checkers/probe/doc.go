// Package probe carries out one run of one check and reports in one line what it
// saw.
//
// Each kind of check is a function in a file of its own and an entry in the table
// kinds. One goroutine with non-blocking sockets and an epoll instance makes all
// TCP connections: ten thousand checks every few seconds are cheap this way. The
// checks that exchange data (HTTP_GET, SSL_GET) get their connections from it
// and run in a bounded number of goroutines. Echo requests leave through one
// socket of that goroutine for each source and family.
//
// Everything that a server sends is bounded in size and time. A failure of this
// host (no free descriptor, no such interface) is not a failure of the server:
// see Result.Local.
package probe
