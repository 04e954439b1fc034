package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFirstProcessOfAContainer: what a script has left in the background does
// not stay as a zombie, and the ends of the scripts themselves are known.
func TestFirstProcessOfAContainer(t *testing.T) {
	n := newNode(t)
	told := filepath.Join(n.dir, "told")
	tell := n.program(
		"tell",
		strings.NewReader("#!/bin/sh\nsleep 0.2 >/dev/null 2>&1 &\necho \"$3\" >> "+told+"\nexit 7\n"),
	)
	check := n.program("check", strings.NewReader("#!/bin/sh\nsleep 0.1 >/dev/null 2>&1 &\nexit 0\n"))
	n.writeText("global_defs {\n script_user root\n}\nvrrp_script c {\n script " + check + "\n interval 1\n}\n" +
		"vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n version 3\n advert_int 0.1\n" +
		" track_script {\n  c\n }\n notify " + tell + "\n virtual_ipaddress {\n  " + vip1 + "\n }\n}\n")
	director, err := exec.LookPath("director")
	if err != nil {
		t.Fatal(err)
	}
	n.cmd = exec.Command("sh",
		append([]string{"-c", `mount -t proc proc /proc && exec "$0" "$@"`, director, "run", "-f", n.file}, n.dirs()...)...)
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		Unshareflags: syscall.CLONE_NEWNS}
	n.cmd.Stderr = n.log
	if err := n.cmd.Start(); err != nil {
		t.Skip("SKIP: no namespace of processes:", err)
	}
	n.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait() }(n.cmd, n.ended)
	n.has(vip1)
	parent := fmt.Sprintf("PPid:\t%d\n", n.cmd.Process.Pid)
	zombies := func() (list []string) {
		procs, _ := os.ReadDir("/proc")
		for _, p := range procs {
			text, _ := os.ReadFile("/proc/" + p.Name() + "/status")
			status := string(text)
			if strings.Contains(status, "State:\tZ") && strings.Contains(status, "Name:\tsleep") &&
				strings.Contains(status, parent) {
				list = append(list, p.Name())
			}
		}
		return list
	}
	n.until("scripts have left something behind", func() bool { return len(zombies()) > 0 })
	first := zombies()
	n.until("the first of it is gone", func() bool { return !strings.Contains(strings.Join(zombies(), " "), first[0]) })
	n.until("the scripts' ends are known", func() bool {
		out, _ := n.do("status", "--json")
		return strings.Contains(out, "exit status 7")
	})
	if strings.Contains(n.log.String(), "no child processes") {
		t.Errorf("the end of a script was lost:\n%s", n.log)
	}
	n.stop(syscall.SIGTERM)
	n.has()
}
