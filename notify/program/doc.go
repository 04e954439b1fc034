// Package program runs the programs that a configuration names: notify
// scripts, tracking scripts, misc checks.
//
// A program gets its arguments as they are, without a shell (a script without
// "#!" is given to /bin/sh, as execvp does), in a process group of its own,
// as the user that the configuration wants, with its standard input at
// /dev/null and an environment without the variables that would change what
// it loads. Of what it prints the last few kilobytes are kept. When its time
// is over the whole group gets SIGTERM and a moment later SIGKILL.
package program
