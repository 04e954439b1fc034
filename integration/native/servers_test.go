//go:build linux

package native_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/integration/lab"
)

// serverLimit is how long a server may take until it listens, on a busy machine.
const serverLimit = 30 * time.Second

// server is a program from a Debian package, unpacked and not installed. Its mounts are its own:
// /usr has the packages over this machine's files, /etc is dir, /run and /var are empty.
type server struct {
	t     *testing.T
	roots []string // the unpacked packages
	addr  netip.Addr
	dir   string
	log   bytes.Buffer // what it printed; to be read when it is stopped
	cmd   *exec.Cmd
	ended chan struct{}
	ports []uint16 // on which it listens
	// global stands before the virtual server in the configurations of checks.
	global string
	host   *lab.Host // in whose network it is; nil is this machine's
}

// there runs f where the server's network is.
func (s *server) there(f func() error) error {
	if s.host == nil {
		return f()
	}
	return s.host.Do(f)
}

var serversMade atomic.Uint32

// newServer prepares a server on a loopback address of its own: no other server takes its ports.
func newServer(t *testing.T, roots []string) *server {
	t.Helper()
	addr := netip.AddrFrom4([4]byte{127, 77, 0, byte(serversMade.Add(1))})
	s := &server{t: t, roots: roots, dir: t.TempDir(), addr: addr}
	if err := os.Chmod(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.file("passwd", "root:x:0:0::/root:/bin/sh\nmail:x:8:8::/run:/bin/false\nDebian-exim:x:8:8::/run:/bin/false\n"+
		"nobody:x:65534:65534::/run:/bin/false\n")
	s.file("group", "root:x:0:\nmail:x:8:\nDebian-exim:x:8:\nnogroup:x:65534:\n")
	s.file("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
	s.file("hosts", "127.0.0.1 localhost\n")
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("what the server printed:\n%s", s.log.String())
		}
	})
	return s
}

// file writes a file of the server's /etc.
func (s *server) file(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// port chooses a free port, on which the server is going to listen.
func (s *server) port() uint16 {
	s.t.Helper()
	var l net.Listener
	err := s.there(func() (err error) {
		l, err = net.Listen("tcp", netip.AddrPortFrom(s.addr, 0).String())
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	defer l.Close()
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	s.ports = append(s.ports, port)
	return port
}

// start runs a shell script, of which the last line becomes the server, and waits until all ports
// accept connections.
func (s *server) start(script string) {
	s.t.Helper()
	const mounts = `set -e; mount -t overlay overlay -o lowerdir="$0":/usr /usr; mount --bind "$1" /etc
mount -t tmpfs -o mode=755 tmpfs /run; mount -t tmpfs -o mode=755 tmpfs /var
ln -s /run /var/run; sh -e -c "$2"; exit $?`
	var layers []string
	for _, root := range s.roots {
		layers = append(layers, filepath.Join(root, "usr"))
	}
	// When unshare is killed the kernel kills the first process of the namespace, and so all of them.
	// That is the shell: a process that changes its user would not be told.
	s.cmd = exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
		"sh", "-c", mounts, strings.Join(layers, ":"), s.dir, script)
	s.cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/run"}
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.there(s.cmd.Start); err != nil {
		s.t.Fatal(err)
	}
	s.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		cmd.Wait()
		close(ended)
	}(s.cmd, s.ended)
	for _, port := range s.ports {
		until(s.t, fmt.Sprintf("the server listens on port %d", port), func() bool {
			select {
			case <-s.ended:
				s.t.Fatal("the server has ended")
			default:
			}
			return s.listens(port)
		})
	}
}

// stop kills the server and waits until nothing of it is left.
func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill()
	<-s.ended
	s.cmd = nil
	for _, port := range s.ports {
		until(s.t, fmt.Sprintf("the port %d of the killed server is closed", port), func() bool { return !s.listens(port) })
	}
}

func (s *server) listens(port uint16) bool {
	return nil == s.there(func() error {
		conn, err := net.Dial("tcp", netip.AddrPortFrom(s.addr, port).String())
		if err == nil {
			conn.Close()
		}
		return err
	})
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(serverLimit); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", serverLimit, what)
		}
	}
}

// probe reads a configuration that has a check of the server in it and makes the check once.
func (s *server) probe(port uint16, check string) probe.Result {
	s.t.Helper()
	text := fmt.Sprintf(`%s
virtual_server 192.0.2.1 %d {
	lvs_sched rr
	lvs_method DR
	protocol TCP
	real_server %v %d {
		%s
	}
}
`, s.global, port, s.addr, port, check)
	config, findings := load.LoadText("servers.conf", text, load.Options{})
	for _, f := range findings {
		s.t.Errorf("%v\n%s", f, text)
	}
	if len(config.VirtualServers) != 1 || len(config.VirtualServers[0].RealServers) != 1 ||
		len(config.VirtualServers[0].RealServers[0].Checkers) != 1 {
		s.t.Fatalf("not one check:\n%s", text)
	}
	p, err := probe.New(probe.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	defer p.Close()
	checker := &config.VirtualServers[0].RealServers[0].Checkers[0]
	return p.Probe(s.t.Context(), probe.Target{Checker: checker})
}

// alive and dead want a verdict on the server and a reason with this text.
func (s *server) alive(port uint16, check, reason string) {
	s.t.Helper()
	if r := s.probe(port, check); !r.OK || r.Local || !strings.Contains(r.Reason, reason) {
		s.t.Errorf("%s\n%+v, want alive and a reason with %q", check, r, reason)
	}
}

func (s *server) dead(port uint16, check, reason string) {
	s.t.Helper()
	if r := s.probe(port, check); r.OK || r.Local || !strings.Contains(r.Reason, reason) {
		s.t.Errorf("%s\n%+v, want dead and a reason with %q", check, r, reason)
	}
}

// ready waits until the server is alive: some listen before they serve.
func (s *server) ready(port uint16, check string) {
	s.t.Helper()
	until(s.t, "the server is ready", func() bool { return s.probe(port, check).OK })
}

// refused stops the server, and wants that the check finds nobody on its port.
func (s *server) refused(port uint16, check string) {
	s.t.Helper()
	s.stop()
	s.dead(port, check, "connection refused")
}
