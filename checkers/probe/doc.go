// Package probe carries out one run of one check and reports in one line what it
// saw.
//
// Each kind of check is a function in a file of its own and an entry in the table
// kinds. One goroutine with non-blocking sockets and an epoll instance makes all
// TCP connections: ten thousand checks every few seconds are cheap this way. It also
// exchanges data with servers that answer in short: what has arrived is judged from the
// start whenever there is more of it (see talk). An answer that is long, comes in many
// pieces or is encrypted goes on in a goroutine of its own. Echo requests leave through one
// socket of that goroutine for each source and family.
//
// No server delays the check of another one, and what has arrived is read before a time is
// over. A time that this process notices much too late is no verdict: see Result.Late.
//
// Everything that a server sends is bounded in size and time. A failure of this
// host (no free descriptor, no such interface) is not a failure of the server:
// see Result.Local.
package probe
