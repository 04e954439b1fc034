package probe_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
)

// TestMain runs the tests in a network namespace of their own: they send real packets.
func TestMain(m *testing.M) {
	if os.Getenv(serverVar) != "" {
		beServer()
		return
	}
	const inside = "PROBE_TEST_NAMESPACE"
	if os.Getenv(inside) != "" {
		if err := network(); err != nil {
			fmt.Fprintln(os.Stderr, "SKIP: network of the test:", err)
			os.Exit(0)
		}
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	cmd.SysProcAttr = attr
	switch err := cmd.Run().(type) {
	case nil:
	case *exec.ExitError:
		os.Exit(err.ExitCode())
	default:
		fmt.Fprintln(os.Stderr, "SKIP: a network namespace is needed (root, or unprivileged user namespaces):", err)
	}
}

// silent is an address to which packets go and from which none come: its
// neighbour entry is permanent, its host does not exist. unreachable has not even that.
const silent, unreachable = "10.77.0.2", "10.77.0.3"

func network() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if lo.Attrs().Flags&net.FlagUp != 0 {
		return nil // a worker of the fuzzer, in the namespace that its parent made
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "probe0"
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "probe1"}); err != nil {
		return fmt.Errorf("add veth: %w", err)
	}
	for _, name := range []string{"probe1", "probe0"} {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return err
		}
	}
	link, err := netlink.LinkByName("probe0")
	if err != nil {
		return err
	}
	addr, err := netlink.ParseAddr("10.77.0.1/24")
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(link, addr); err != nil {
		return fmt.Errorf("add address: %w", err)
	}
	return netlink.NeighAdd(&netlink.Neigh{
		LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT,
		IP: parseIP(silent), HardwareAddr: []byte{2, 0, 0, 0, 0, 9},
	})
}
