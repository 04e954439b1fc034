package presence_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/vrrp/presence"
)

// impostor is set in a process of an ordinary user that shows what a director
// shows, until its standard input ends; looker in one that looks for keepalived.
const (
	impostor = "DIRECTOR_PRESENCE_TEST_IMPOSTOR"
	looker   = "DIRECTOR_PRESENCE_TEST_LOOKER"
)

func TestMain(m *testing.M) {
	if os.Getenv(impostor) != "" {
		if _, err := presence.Acquire(4000); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println()
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	if os.Getenv(looker) != "" {
		list, err := presence.ProcessesHere("keepalived")
		if err != nil {
			fmt.Print(err)
		}
		fmt.Print(list)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func acquire(t *testing.T, owner int) *presence.Presence {
	t.Helper()
	p, err := presence.Acquire(owner)
	check(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func others(t *testing.T, p *presence.Presence) presence.Others {
	t.Helper()
	o, err := p.Others()
	check(t, err)
	o.Unknown = false // the tests may run in a container
	return o
}

// here is the name of a socket in this process namespace.
func here(t *testing.T, rest string) string {
	t.Helper()
	text, err := os.Readlink("/proc/self/ns/pid")
	check(t, err)
	return "@director/vrrp/" + strings.Trim(text, "pid:[]") + "/" + rest
}

// ownNamespace moves the test into a network namespace of its own.
func ownNamespace(t *testing.T) {
	t.Helper()
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("SKIP: cannot make a network namespace:", err)
	}
}

func TestADirectorSeesOthersInItsNamespaceOnly(t *testing.T) {
	ownNamespace(t)
	p := acquire(t, 1000)
	if o := others(t, p); !o.None() {
		t.Errorf("alone, it sees %+v", o)
	}
	// Another director, which is this process as well here: its worker has our pid.
	other, err := net.ListenUnix("unix", &net.UnixAddr{Name: here(t, "2000/2001"), Net: "unix"})
	check(t, err)
	if o := others(t, p); !slices.Equal(o.Directors, []int{2001}) {
		t.Errorf("it sees %+v, want the worker 2001", o)
	}
	check(t, other.Close())
	// Another worker of the same director is none.
	own, err := net.ListenUnix("unix", &net.UnixAddr{Name: here(t, "1000/1002"), Net: "unix"})
	check(t, err)
	if o := others(t, p); !o.None() {
		t.Errorf("with another worker of its own it sees %+v", o)
	}
	check(t, own.Close())
	// A container that shares the network has process ids of its own.
	container, err := net.ListenUnix("unix", &net.UnixAddr{Name: "@director/vrrp/4026539999/1000/7", Net: "unix"})
	check(t, err)
	if o := others(t, p); !slices.Equal(o.Directors, []int{7}) {
		t.Errorf("it sees %+v, want the worker of the container", o)
	}
	check(t, container.Close())
	for _, name := range []string{"@director/vrrp/", "@director/vrrp/x/y/z", "@director/vrrp/1/-1/2",
		"@director/vrrp/1/2"} {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
		check(t, err)
		if o := others(t, p); !o.None() {
			t.Errorf("%s is taken for %+v", name, o)
		}
		check(t, l.Close())
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		ownNamespace(t)
		elsewhere, err := presence.Acquire(3000)
		if err != nil {
			t.Error(err)
			return
		}
		defer elsewhere.Close()
		if o, err := elsewhere.Others(); err != nil || len(o.Directors) > 0 {
			t.Errorf("in another namespace it sees %+v, %v", o, err)
		}
	}()
	<-done
}

// An ordinary user binds such a name to keep leftovers on this host.
func TestAnOrdinaryUserIsNoDirector(t *testing.T) {
	ownNamespace(t)
	p := acquire(t, 1000)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), impostor+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	in, err := cmd.StdinPipe()
	check(t, err)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	_, err = fmt.Fscanln(out)
	if err != nil && err.Error() != "unexpected newline" {
		t.Fatal(err)
	}
	if o := others(t, p); !o.None() {
		t.Errorf("it sees %+v", o)
	}
	check(t, in.Close())
	check(t, cmd.Wait())
}

func TestKeepalivedIsSeenInItsNamespaceOnly(t *testing.T) {
	ownNamespace(t)
	p := acquire(t, 1000)
	sleep := func(newNamespace bool) *exec.Cmd {
		file := t.TempDir() + "/keepalived"
		check(t, os.Symlink("/bin/sleep", file))
		cmd := exec.Command(file, "60")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if newNamespace {
			cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET
		}
		check(t, cmd.Start())
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		return cmd
	}
	sleep(true)
	if o := others(t, p); !o.None() {
		t.Errorf("with one in another namespace it sees %+v", o)
	}
	here := sleep(false)
	if o := others(t, p); !slices.Equal(o.Keepaliveds, []int{here.Process.Pid}) {
		t.Errorf("it sees %+v, want %d", o, here.Process.Pid)
	}
	// A worker without most capabilities may not read another's /proc/PID/ns.
	if os.Getuid() == 0 {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), looker+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.Output()
		if want := fmt.Sprint([]int{here.Process.Pid}); err != nil || string(out) != want {
			t.Errorf("without privileges it sees %s, %v, want %s", out, err, want)
		}
	}
}
