package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/sys/unix"
)

// servers are a virtual server whose checks fail, on an address of this host.
const servers = "virtual_server 10.77.0.101 80 {\n delay_loop 1\n lb_algo rr\n lb_kind NAT\n protocol TCP\n" +
	" real_server 10.77.0.1 81 {\n" +
	" TCP_CHECK {\n connect_timeout 1\n retry 0\n delay_before_retry 1\n }\n }\n}\n"

const readBlock = "status_socket {\n group daemon\n}\n"

// What a real director says is valid by the schema in docs, of the whole and of one object.
func TestTheJSONOfARealDirector(t *testing.T) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile("../../docs/status.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	n := newNode(t)
	n.write(vip1)
	text, err := os.ReadFile(n.file)
	if err != nil {
		t.Fatal(err)
	}
	n.writeText(string(text) + servers + readBlock)
	n.start()
	n.has(vip1)
	n.says(0, "reload", "in force as generation 2")
	for _, command := range []string{"--json", "VI_1 --json", "10.77.0.101:80 --json"} {
		out, _ := n.do("status", strings.Fields(command)...)
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
		if err == nil {
			err = schema.Validate(doc)
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
	s := n.status()
	if s.LastReload == nil || !s.LastReload.OK || len(s.VirtualServers) != 1 || s.VirtualServers[0].Port != 80 {
		t.Errorf("last reload %+v, %+v", s.LastReload, s.VirtualServers)
	}
	n.until("the checks are counted", func() bool {
		s := n.status()
		return len(s.VirtualServers[0].RealServers) == 1 && s.VirtualServers[0].RealServers[0].ChecksFailed > 0
	})
	failed := n.status().VirtualServers[0].RealServers[0].ChecksFailed

	// Both go through an upgrade: who may read, and what checks have counted.
	n.says(0, "upgrade --binary "+n.copyOfDirector("director.new"), "goes on as pid")
	i, err := os.Lstat(n.dir + "/run/status.sock")
	if err != nil || i.Sys().(*syscall.Stat_t).Gid != 1 {
		t.Errorf("the socket of status_socket after an upgrade: %v %v", i, err)
	}
	n.until("the checks are counted from where they were", func() bool {
		s := n.status()
		return s.VirtualServers[0].RealServers[0].ChecksFailed > failed
	})
	n.stop(syscall.SIGTERM)
	if _, err := os.Lstat(n.dir + "/run/status.sock"); err == nil {
		t.Error("the socket of status_socket stays")
	}
}

// director status --watch draws a real director on a terminal, says that it has gone and that it is back.
func TestWatchingARealDirector(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.start()
	n.has(vip1)
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 80, Row: 24})
	}
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	before, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var drawn bytes.Buffer
	go func() {
		b := make([]byte, 4096)
		for {
			count, err := master.Read(b)
			if err != nil {
				return
			}
			mu.Lock()
			drawn.Write(b[:count])
			mu.Unlock()
		}
	}()
	shows := func(what string) {
		t.Helper()
		n.until("the terminal shows "+what, func() bool {
			mu.Lock()
			defer mu.Unlock()
			if !strings.Contains(drawn.String(), what) {
				return false
			}
			drawn.Reset()
			return true
		})
	}
	c := exec.Command("director", append([]string{"status", "--watch"}, n.dirs()...)...)
	c.Stdin, c.Stdout, c.Stderr = terminal, terminal, terminal
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	shows("MASTER")
	n.stop(syscall.SIGTERM)
	shows("NO ANSWER")
	n.start()
	shows("heard: ")
	if _, err := io.WriteString(master, "q"); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	after, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("the terminal is not as it was: %v", err)
	}
}
