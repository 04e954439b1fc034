package presence

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// prefix is how the abstract socket begins by which a director shows
// that it has virtual routers in a network namespace: abstract sockets are the
// namespace's own and go with the process. Behind it are the process namespace,
// since containers may share a network, the id of the process that it belongs
// to, and its own, such as "director/vrrp/4026531836/1234/1240".
const prefix = "@director/vrrp/"

const (
	// limit is how many such names are looked at: anybody may bind one.
	limit = 64
	// timeout is how long one may take to answer.
	timeout = 200 * time.Millisecond
)

// firstProcessNamespace is the number of the one where every process is seen
// (PROC_PID_INIT_INO in linux/proc_ns.h).
const firstProcessNamespace = 4026531836

// processNamespace is the number of this process's own.
func processNamespace() (n uint64, err error) {
	text, err := os.Readlink("/proc/self/ns/pid")
	if err == nil {
		_, err = fmt.Sscanf(text, "pid:[%d]", &n)
	}
	if err != nil {
		return 0, fmt.Errorf("finding out which process namespace this is: %w", err)
	}
	return n, nil
}

// Presence is the sign that this process has virtual routers in the namespace.
type Presence struct {
	listener *net.UnixListener
	owner    int
	ended    chan struct{}
}

// Acquire shows that this process has virtual routers in the network
// namespace of the calling thread, until Close or its end. owner is the process
// id of the director that it belongs to, whose other workers are no others.
func Acquire(owner int) (*Presence, error) {
	space, err := processNamespace()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s%d/%d/%d", prefix, space, owner, os.Getpid())
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("showing other directors that this one runs here: %w", err)
	}
	p := &Presence{listener: l, owner: owner, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		for {
			c, err := l.Accept()
			switch {
			case err == nil:
				_ = c.Close() // the kernel has told who we are
			case errors.Is(err, net.ErrClosed):
				return
			default:
				time.Sleep(timeout) // out of descriptors, mostly
			}
		}
	}()
	return p, nil
}

// Close ends it.
func (p *Presence) Close() error {
	err := p.listener.Close()
	<-p.ended
	return err
}

// Others looks for other directors and for keepalived in the network namespace.
func (p *Presence) Others() (Others, error) { return Look(p.owner) }

// Look does the same for a process that has no virtual routers itself; owners
// are the process ids of directors that are no others.
func Look(owners ...int) (Others, error) {
	names, err := sockets()
	if err != nil {
		return Others{}, fmt.Errorf("looking for other directors: %w", err)
	}
	space, err := processNamespace()
	if err != nil {
		return Others{}, err
	}
	// The sockets are the namespace's own; processes of other process namespaces
	// are not seen, and a container shares its network with some.
	o := Others{Unknown: space != firstProcessNamespace}
	for _, name := range names {
		n, ok := parseName(name)
		ours := n.space == space && slices.Contains(owners, n.owner)
		if ok && !ours && answersAsRoot(name) {
			o.Directors = append(o.Directors, n.pid)
		}
	}
	o.Keepaliveds, err = ProcessesHere("keepalived")
	return o, err
}

// sockets are the names of directors' sockets in this namespace.
func sockets() ([]string, error) {
	file, err := os.Open("/proc/thread-self/net/unix")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var names []string
	for lines := bufio.NewScanner(file); len(names) < limit; {
		if !lines.Scan() {
			return names, lines.Err()
		}
		words := strings.Fields(lines.Text())
		name := words[max(len(words)-1, 0):]
		if len(name) == 1 && strings.HasPrefix(name[0], prefix) && !slices.Contains(names, name[0]) {
			names = append(names, name[0])
		}
	}
	return names, nil
}

// socketName is what a socket's name says.
type socketName struct {
	space      uint64
	owner, pid int
}

func parseName(name string) (n socketName, ok bool) {
	f := strings.Split(strings.TrimPrefix(name, prefix), "/")
	if len(f) != 3 {
		return n, false
	}
	space, err := strconv.ParseUint(f[0], 10, 64)
	owner, err2 := strconv.Atoi(f[1])
	pid, err3 := strconv.Atoi(f[2])
	n = socketName{space, owner, pid}
	return n, errors.Join(err, err2, err3) == nil && owner > 0 && pid > 0
}

// answersAsRoot says whether the socket is of a process that could have put
// things into the kernel: any user may bind such a name. One that does not
// answer in time is taken for one.
func answersAsRoot(name string) bool {
	conn, err := net.DialTimeout("unix", name, timeout)
	if err != nil {
		return !errors.Is(err, syscall.ECONNREFUSED) // it has ended meanwhile
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return true
	}
	var peer *unix.Ucred
	if err := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil || peer == nil {
		return true
	}
	return peer.Uid == 0 || int(peer.Uid) == os.Geteuid()
}

// ProcessesHere lists the processes of a name (as in /proc/PID/comm, of which
// keepalived's children have the same) in the network namespace of the calling
// thread.
func ProcessesHere(name string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("looking for processes named %s: %w", name, err)
	}
	here, err := namespaceOf("/proc/thread-self")
	if err != nil {
		return nil, fmt.Errorf("reading which network namespace this is: %w", err)
	}
	var list []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// A process that ends while we look is none.
		comm, err := os.ReadFile(filepath.Join("/proc", e.Name(), "comm"))
		if err != nil || strings.TrimSpace(string(comm)) != name {
			continue
		}
		if there, err := namespaceOf(filepath.Join("/proc", e.Name())); err == nil && there == here {
			list = append(list, pid)
		}
	}
	return list, nil
}

// namespaceOf names the network namespace of a process. What /proc/PID/ns/net
// leads to may not be read by a process with fewer capabilities, so it is the
// inode number of one of the namespace's own files.
func namespaceOf(proc string) (uint64, error) {
	var s unix.Stat_t
	if err := unix.Stat(proc+"/net/dev", &s); err != nil {
		return 0, err
	}
	return s.Ino, nil
}
