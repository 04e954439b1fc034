// Package h2 makes one request over one connection that speaks HTTP/2 (RFC 9113).
//
// It runs in the goroutine of its caller and keeps nothing beside the frame at hand, so a check
// over HTTP/2 has the limits of every other: the caller's reader and writer have the limits of
// time, and what a server may send that is no page is counted here. Frames and headers are those
// of golang.org/x/net/http2; its transport, which has goroutines and a log of its own, is not used.
//
// The same answers make it write the same bytes, as a conversation that is judged again from the
// start needs it (see talk in the package probe).
package h2
