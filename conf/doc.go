// Package conf turns a keepalived.conf into a typed Config.
//
// Text becomes lines, lines become a tree with positions (package
// conf/syntax), and the keyword tables of this package turn the tree into a
// Config: every keyword with its block, type, range and default. What is
// wrong is collected as findings, all of them at once, each with its place in
// the file; conf never stops at the first and never writes anything.
//
// A finding is a note (keepalived says nothing), a warning (keepalived would
// complain and run) or an error (there is no sensible way to run it).
//
// A Config is plain data: it is handed to the workers, compared with another
// Config at a reload, and printed; nothing in it knows about sockets.
package conf
