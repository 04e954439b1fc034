//go:build linux

package guest

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
)

// insideVar is set in the environment of a program that runs in the guest.
const insideVar = "DIRECTOR_LAB_INSIDE"

// Inside reports whether this process runs in the guest.
func Inside() bool { return os.Getenv(insideVar) != "" }

// Needed is why this process cannot build the lab on the machine's own kernel;
// "" if it can. DIRECTOR_LAB=guest requests the guest even where it is not
// needed.
func Needed() (reason string) {
	switch {
	case Inside():
		return ""
	case os.Getenv("DIRECTOR_LAB") == "guest":
		return "DIRECTOR_LAB=guest asks for it"
	case os.Getuid() != 0:
		return "this user is not root"
	}
	// Requesting the family makes the kernel load the module.
	if _, err := netlink.GenlFamilyGet("IPVS"); err != nil {
		return "this machine's kernel has no IPVS"
	}
	return ""
}

// Reexec runs this program, with its arguments, inside the guest. The folder
// logs is shared for writing and receives the guest's console. The result is
// the program's exit status; an error says that it could not be run.
func Reexec(ctx context.Context, logs string, stdin io.Reader) (status int, err error) {
	return ReexecIn(ctx, "", logs, stdin)
}

// ReexecIn is Reexec in a guest that boots a whole system of its own: root is Command.Root.
func ReexecIn(ctx context.Context, root, logs string, stdin io.Reader) (status int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("find this program's file: %w", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	return Run(ctx, Command{
		Argv:   append([]string{self}, guestArgs(os.Args[1:])...),
		Env:    os.Environ(),
		Dir:    dir,
		Root:   root,
		Logs:   logs,
		Stdin:  stdin,
		Stdout: os.Stdout,
		Say:    os.Stderr,
	})
}

// guestArgs drops the flags of a test binary that name a file for "go test"
// itself, which is not in the guest to read it.
func guestArgs(args []string) []string {
	var kept []string
	for _, arg := range args {
		if !strings.HasPrefix(arg, "-test.testlogfile=") {
			kept = append(kept, arg)
		}
	}
	return kept
}

// ExtendPath adds the system administrator's folders, where Debian keeps half
// of the tools, to the PATH of a user who does not have them.
func ExtendPath() {
	path := os.Getenv("PATH")
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if !strings.Contains(":"+path+":", ":"+dir+":") {
			path += string(filepath.ListSeparator) + dir
		}
	}
	os.Setenv("PATH", path)
}
