// Package dump writes what director knows in the forms in which keepalived tells it on a
// signal: the topology (keepalived.data), the counters (keepalived.stats), both as JSON
// (keepalived.json), the global settings (keepalived_parent.data) and the virtual servers
// (keepalived_check.data). Exporters, monitoring plugins and scripts read these files by
// their keys, indents and order, so both are as Debian's keepalived 2.2.7 has them.
//
// Of what keepalived tells of its own inside (sockets, timers of its scheduler) there is
// nothing here. A password is never written: its place has asterisks.
package dump
