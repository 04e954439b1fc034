package link_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/vrrp/link"
)

// inside is set in the process that runs the tests, which is alone in a
// network namespace: nothing here can touch the host's interfaces.
const inside = "DIRECTOR_LINK_TEST_NAMESPACE"

// powerless is set in a process without capabilities, which only says what
// NewKernel tells it.
const powerless = "DIRECTOR_LINK_TEST_POWERLESS"

func TestMain(m *testing.M) {
	if os.Getenv(powerless) != "" {
		_, err := link.NewKernel()
		fmt.Print(err)
		os.Exit(0)
	}
	if os.Getenv(inside) != "" {
		os.Exit(m.Run())
	}
	if os.Getuid() != 0 {
		fmt.Println("SKIP: the tests of the kernel's interfaces need root, to make a network namespace")
		os.Exit(0)
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	case errors.Is(err, syscall.EPERM):
		fmt.Println("SKIP: the kernel refuses a network namespace:", err)
	default:
		fmt.Println("starting the tests in a network namespace:", err)
		os.Exit(1)
	}
}

func TestMissingCapabilitiesAreSaidAtOnce(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), powerless+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"run as root", "NET_RAW", "NET_ADMIN"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("NewKernel without capabilities says %q, which lacks %q", out, want)
		}
	}
}

// readOnlyProc gives the test's thread a /proc/sys that cannot be written, as a
// container's.
func readOnlyProc(t *testing.T) {
	t.Helper()
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	check(t, unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS))
	check(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	check(t, unix.Mount("/proc/sys", "/proc/sys", "", unix.MS_BIND, ""))
	check(t, unix.Mount("", "/proc/sys", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
}
