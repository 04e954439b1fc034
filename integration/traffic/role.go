//go:build linux

package traffic

import (
	"fmt"
	"os"

	"github.com/lvs-director/director/integration/lab"
)

// roleVar is the environment variable with the role of a process.
const roleVar = "DIRECTOR_LAB_ROLE"

// roles are the functions that run a role with its arguments.
var roles = map[string]func(args []string) error{
	"web":      serveWeb,
	"echo":     serveEcho,
	"client":   runClient,
	"download": runDownload,
	"names":    serveNames,
	"burst":    runBurst,
	"sessions": runSessions,
}

// Main runs the server or client that the environment requests, and then does
// not return. Without such a request it does nothing.
func Main() {
	name := os.Getenv(roleVar)
	if name == "" {
		return
	}
	role, ok := roles[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "unknown role %q\n", name)
		os.Exit(2)
	}
	if err := role(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// frugal keeps the runtime of these small programs from waking other threads for
// every packet and from collecting garbage: both are slow in an emulated guest,
// and the programs allocate little.
var frugal = []string{"GOMAXPROCS=1", "GOGC=1000"}

// start runs this program on a host in one of its roles.
func start(h *lab.Host, role, name string, lines func(string), args ...string) *lab.Process {
	return h.StartCommand(lab.Command{
		Name:  name,
		Argv:  append([]string{"/proc/self/exe"}, args...),
		Env:   append([]string{roleVar + "=" + role}, frugal...),
		Lines: lines,
	})
}
