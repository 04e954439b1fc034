package fronts

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/worker/front"
)

// account is the user of the front, if the host has it; else it is nobody.
const account = "director"

// nobody is the user and the group that own nothing, on every Linux.
const nobody = 65534

// inherited are the variables that the front gets: none of them is a secret.
var inherited = []string{"TZ", "LANG", "GORACE", "GOCOVERDIR", "GOTRACEBACK",
	"DBUS_SYSTEM_BUS_ADDRESS"}

// Start starts this program as a front that belongs to the run directory dir. It is a user without
// files and has no capabilities, for good. A supervisor that may not start it so starts none.
// It inherits a listener at the Unix socket, which it could not make itself.
func Start(dir worker.RunDir, socket Socket, peer, complaints *os.File) (*exec.Cmd, error) {
	args := append([]string{"worker", front.Name, "--run-dir", string(dir), "--"}, os.Args[1:]...) // ps tells whose it is
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = environment(os.Environ())
	cmd.Stderr = complaints // not ours, which is root's terminal or log
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{peer}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // it has no terminal
	if socket.Path != "" {
		listener, err := socket.listen()
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, listener) // front.WebListenerFD
	}
	if os.Geteuid() == 0 {
		uid, gid := identity(user.Lookup)
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
	if _, err := worker.Start(cmd, worker.Privilege{NoNewPrivileges: true}); err != nil {
		return nil, fmt.Errorf("starting the front as another user: %w", err)
	}
	return cmd, nil
}

// identity is the user and the group of the front. An account that is root by another name is not taken.
func identity(lookup func(string) (*user.User, error)) (uid, gid uint32) {
	u, err := lookup(account)
	if err != nil {
		return nobody, nobody
	}
	id, err := strconv.ParseUint(u.Uid, 10, 32)
	group, groupErr := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil || groupErr != nil || id == 0 || group == 0 {
		return nobody, nobody
	}
	return uint32(id), uint32(group)
}

func environment(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return !slices.Contains(inherited, name)
	})
}
