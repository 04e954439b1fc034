// Package watch is the screen of director status --watch. What is on it is a function of what is known and of the
// size of the terminal (View.Lines); Run is the thin loop around that: it asks, reads keys and draws.
package watch
