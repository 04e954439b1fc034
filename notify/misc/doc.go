// Package misc runs the programs of MISC_CHECK for the worker that has the checks.
//
// The worker names a program by its identity; whoever owns Programs looks the command up
// in the configuration, so that a worker can have nothing run that is not configured. Each
// run has a goroutine. So many programs run at once at most; a run that has waited for its
// place as long as it may take is answered without having been run, so that a check always
// gets an answer in bounded time and programs that hang delay no other check.
//
// At an upgrade runs under way are ended, and run again by the next program: the worker
// goes on waiting for its answer and notices nothing.
package misc
