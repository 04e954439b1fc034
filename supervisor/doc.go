// Package supervisor is the process that owns the configuration, the workers and
// the user's programs.
//
// One goroutine (supervisor.go) owns all state; the workers' messages, the
// control socket's questions, signals and timers come in through its channels.
// What is known of every object is in package status, what was in force in
// history, what would change in plan, what was handed over in handover; the
// control socket is package control. start.go chooses what to begin with,
// reload.go and confirm.go replace it and put it back, upgrade.go puts another
// program in the place of this one and inherit.go is that program's beginning.
package supervisor
