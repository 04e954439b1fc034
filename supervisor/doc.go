// Package supervisor is the process that owns the configuration, the workers and
// the user's programs.
//
// One goroutine (supervisor.go) owns all state; the workers' messages, the
// control socket's questions, signals and timers come in through its channels.
// It decides nothing: what a reload does next is package reload, what the
// workers do next package rollout. They are told what happens, and what they
// decide is carried out (reload.go, workers.go, upgrade.go).
//
// What is known of every object is in package status, what was in force in
// history, what would change in plan, what was handed over in handover; the
// control socket is package control. start.go chooses what to begin with;
// handoff.go is what a program hands to the one that takes its place, and
// inherit.go that program's beginning.
package supervisor
