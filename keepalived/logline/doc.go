// Package logline writes director's log as keepalived writes its own (--log-format keepalived): the
// lines that people grep for, "(VI_1) Entering MASTER STATE", from the process that says them in
// keepalived, Keepalived_vrrp[PID]. A line that keepalived does not have is director's, in one sentence
// with its attributes behind it.
package logline
