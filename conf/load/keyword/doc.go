// Package keyword holds the keyword tables: every word that a configuration
// may contain, with its block, type, range and default, how it is read into
// the conf types, and how its effective value is shown.
//
// A table is the words of one kind of block (service.go: virtual_server and
// real_server; instance.go: vrrp_instance; and so on), made of rows; rows.go
// has a function for each kind of value. docs/keywords.md is written from the
// tables. later.go lists the words that no part of director acts on yet.
package keyword
