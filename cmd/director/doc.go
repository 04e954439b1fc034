// Command director makes a Linux host one half of a load-balancer pair.
//
// This package is wiring: it reads the command line, starts the processes and
// joins the parts. The supervisor (supervisor.go) owns the configuration, the
// user's programs and what is known of every object (knowledge.go); the
// workers (worker_vrrp.go, worker_lvs.go) are loops between the connection to
// the supervisor and the packages that do the work. Package history keeps what
// was in force and package plan says what would change; start.go chooses what to
// begin with, supervisor_reload.go and supervisor_confirm.go replace it and put
// it back. The other commands talk to
// a running director over its control socket (control.go) or judge a file.
package main
