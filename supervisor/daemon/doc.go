// Package daemon puts a program into the background. The command that a user types starts
// the program again, in a session of its own, with nothing of the caller's: descriptors 0
// to 2 are /dev/null and the working directory is /. It waits until that process says that
// it is ready, and passes on what it says until then.
//
// The two talk through two pipes, so that no descriptor of the caller is in a process that
// stays: whoever waits for the end of our output sees it when the command ends.
package daemon
