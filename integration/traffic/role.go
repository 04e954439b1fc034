//go:build linux

package traffic

import (
	"fmt"
	"os"

	"github.com/lvs-director/director/integration/lab"
)

// roleVar names, in a process's environment, what it is to be.
const roleVar = "DIRECTOR_LAB_ROLE"

// roles are the programs that this one can be; each gets its arguments.
var roles = map[string]func(args []string) error{
	"web":      serveWeb,
	"echo":     serveEcho,
	"client":   runClient,
	"download": runDownload,
	"names":    serveNames,
	"burst":    runBurst,
}

// Main becomes the server or client that the environment asks for, and then
// does not return. Otherwise it does nothing.
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

// frugal keeps the runtime of these small programs from waking other threads
// for every packet, and from collecting what will never be much: both are dear
// in an emulated guest.
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
