//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// The main goroutine keeps the main thread, so that no goroutine of a namespace
// runs on it: /proc/self would then show that namespace.
func init() { runtime.LockOSThread() }

// namespace is a network namespace with a thread inside it. That thread does
// what depends on the calling thread's namespace (sockets, processes, sysctls).
// The kernel kills the processes that it starts when it ends.
type namespace struct {
	handle netns.NsHandle
	inode  uint64
	net    *netlink.Handle
	calls  chan func()
}

func newNamespace() (*namespace, error) {
	n := &namespace{calls: make(chan func())}
	ready := make(chan error)
	go n.live(ready)
	if err := <-ready; err != nil {
		return nil, err
	}
	return n, nil
}

// live makes the namespace and serves calls until close. The thread is never
// unlocked, so it ends with the goroutine and the runtime does not use it for
// other goroutines.
func (n *namespace) live(ready chan<- error) {
	runtime.LockOSThread()
	if err := n.enter(); err != nil {
		ready <- err
		return
	}
	ready <- nil
	for call := range n.calls {
		call()
	}
}

func (n *namespace) enter() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("make a network namespace (needs root): %w", err)
	}
	handle, err := netns.Get()
	if err != nil {
		return fmt.Errorf("open the new network namespace: %w", err)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(handle), &stat); err != nil {
		return err
	}
	n.handle, n.inode = handle, stat.Ino
	if n.net, err = netlink.NewHandle(); err != nil {
		return fmt.Errorf("open rtnetlink in the new namespace: %w", err)
	}
	// No host is an IPv6 router unless a test makes it one. Duplicate address
	// detection is off, so a host is ready as soon as it is up.
	for setting, value := range map[string]string{
		"router_solicitations": "0", "accept_ra": "0", "accept_dad": "0", "dad_transmits": "0",
	} {
		path := "/proc/sys/net/ipv6/conf/default/" + setting
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("set up the new namespace: %w", err)
		}
	}
	lo, err := n.net.LinkByName("lo")
	if err != nil {
		return err
	}
	return n.net.LinkSetUp(lo)
}

// do runs f on the namespace's thread.
func (n *namespace) do(f func() error) error {
	result := make(chan error)
	n.calls <- func() { result <- f() }
	return <-result
}

// processes lists the processes of this machine that live in the namespace.
func (n *namespace) processes() []int {
	wanted := fmt.Sprintf("net:[%d]", n.inode)
	self := os.Getpid()
	links, _ := filepath.Glob("/proc/[0-9]*/ns/net")
	var pids []int
	for _, link := range links {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(link))))
		if err != nil || pid == self {
			continue
		}
		if target, err := os.Readlink(link); err == nil && target == wanted {
			pids = append(pids, pid)
		}
	}
	return pids
}

// killAll ends every process of the namespace, and those that they start
// meanwhile.
func (n *namespace) killAll() {
	for range 100 {
		pids := n.processes()
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// freezeAll sends SIGSTOP to every process of the namespace.
func (n *namespace) freezeAll() {
	for _, pid := range n.processes() {
		unix.Kill(pid, unix.SIGSTOP)
	}
}

func (n *namespace) close() {
	n.killAll()
	n.net.Close()
	n.handle.Close()
	close(n.calls)
}
