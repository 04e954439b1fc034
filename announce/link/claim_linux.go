package link

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// claim is the sign that this process has an interface: an abstract socket, which belongs to the network namespace
// and goes with the process. Two directors of one namespace would else refresh and withdraw each other's addresses.
type claim struct{ listener *net.UnixListener }

// claimDevice takes the interface. Anybody may bind such a name, so only root's keeps us from it.
func claimDevice(device string) (*claim, error) {
	name := &net.UnixAddr{Name: "@director/announce/" + device, Net: "unix"}
	l, err := net.ListenUnix("unix", name)
	if !errors.Is(err, syscall.EADDRINUSE) {
		if err != nil {
			return nil, fmt.Errorf("claiming it: %w", err)
		}
		return &claim{l}, nil
	}
	pid, root := holder(name)
	if !root {
		return &claim{}, nil
	}
	return nil, fmt.Errorf("%w: the director with process %d has it", ErrForeign, pid)
}

// holder is who has bound a name.
func holder(name *net.UnixAddr) (pid int, root bool) {
	c, err := net.DialUnix("unix", nil, name)
	if err != nil {
		return 0, false // it has just gone, or is no listener
	}
	defer c.Close()
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	_ = raw.Control(func(fd uintptr) {
		if u, failed := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); failed == nil {
			pid, root = int(u.Pid), u.Uid == 0
		}
	})
	return pid, root
}

func (c *claim) close() {
	if c != nil && c.listener != nil {
		_ = c.listener.Close()
	}
}
