package signals

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
)

// The signals of keepalived (keepalived --signum) that have no name here. The numbers are those of
// glibc, whose first real-time signal is 34.
const (
	JSON       = syscall.Signal(36) // SIGRTMIN+2
	ClearStats = syscall.Signal(63) // SIGRTMAX-1
	Threads    = syscall.Signal(64) // SIGRTMAX
)

// Dumps are those that ask for a dump.
var Dumps = []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, JSON, ClearStats, Threads}

// Ignore has a process that only does what it is told from elsewhere, a worker or a helper, lose
// all of them, and SIGINT, which a terminal sends to the whole group.
func Ignore() {
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT)
	// Taken in rather than ignored: only that unblocks them, and a real-time signal that is
	// blocked takes memory in the kernel.
	sink := make(chan os.Signal, 1)
	for _, s := range Dumps {
		signal.Notify(sink, s)
	}
}

// Attempts is how often a process is started that one of the signals has ended early. Who sends
// without end has them all.
const Attempts = 20

// EndedEarly says of how a process has ended (exec.Cmd.Wait) that one of the signals has ended it,
// which happens only before it has called Ignore.
func EndedEarly(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() &&
		(status.Signal() == syscall.SIGHUP || slices.Contains(Dumps, status.Signal()))
}

// Run does what starts a process and waits for it, again when one of the signals has ended it early.
func Run(do func() error) (err error) {
	for range Attempts {
		if err = do(); !EndedEarly(err) {
			break
		}
	}
	return err
}
