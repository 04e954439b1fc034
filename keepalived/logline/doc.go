// Package logline writes director's log as keepalived writes its own (--log-format keepalived): the
// lines that people grep for, "(VI_1) Entering MASTER STATE", from the process that says them in
// keepalived, Keepalived_vrrp[PID]. A line that keepalived does not have is director's, in one sentence
// with its attributes behind it.
//
// Handler writes them to a stream; whoever sends them elsewhere, to syslog for instance, makes the lines
// with Lines and puts identifier and severity where they belong there.
package logline
