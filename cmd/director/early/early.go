// Package early has a daemon outlive a SIGHUP that comes while its packages are initialised, which
// takes some ten milliseconds on a busy machine. It imports next to nothing, so that it is initialised
// before nearly all others; the program imports it for that alone.
//
// Nothing is lost: a supervisor reads its configuration later than this, one that takes over from another
// has its signals held, and a worker ignores it anyway.
package early

import (
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func init() {
	if isDaemon(os.Args) {
		signal.Ignore(syscall.SIGHUP) // main asks for it, or not
	}
}

// isDaemon says whether a command line begins a process that goes on running, or a helper of one.
func isDaemon(argv []string) bool {
	if len(argv) > 0 && strings.HasSuffix(argv[0], ".test") {
		return false // the flags of a test
	}
	return len(argv) < 2 || strings.HasPrefix(argv[1], "-") ||
		slices.Contains([]string{"run", "worker", "hand-down", "hold-signals"}, argv[1])
}
