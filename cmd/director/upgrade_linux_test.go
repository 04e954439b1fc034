package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lvs-director/director/supervisor/control"
)

// pids are those of the supervisor and the workers, as status has them.
func (n *node) pids() (list []int, restarts int) {
	n.t.Helper()
	out, _ := n.do("status", "--json")
	var r control.Status
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		n.t.Fatalf("%v in\n%s", err, out)
	}
	list = append(list, r.Pid)
	for _, w := range r.Workers {
		list, restarts = append(list, w.Pid), restarts+w.Restarts
	}
	return list, restarts
}

// descriptors counts the open ones of the supervisor.
func (n *node) descriptors() int {
	n.t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.cmd.Process.Pid))
	if err != nil {
		n.t.Fatal(err)
	}
	return len(list)
}

// program makes a file that can be executed.
func (n *node) program(name string, text io.Reader) string {
	n.t.Helper()
	path := filepath.Join(n.dir, name)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o755)
	if err == nil {
		_, err = io.Copy(f, text)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		n.t.Fatal(err)
	}
	return path
}

// copyOfDirector is another file with the same program.
func (n *node) copyOfDirector(name string) string {
	n.t.Helper()
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		n.t.Fatal(err)
	}
	defer f.Close()
	return n.program(name, f)
}

// upgraded is a node under upgrades: a MASTER with a script, a tracked file and a tracking
// script.
type upgraded struct {
	*node
	told, weight string // what the script was told, and the tracked file
	before       []int  // the processes
	done         string // what an upgrade says that went well
}

// newUpgraded starts one and waits until all of it is known.
func newUpgraded(t *testing.T) *upgraded {
	n := newNode(t)
	u := &upgraded{node: n, told: filepath.Join(n.dir, "told"), weight: filepath.Join(n.dir, "weight")}
	u.serve(vip1)
	n.start()
	n.has(vip1)
	n.until("it is in service", func() bool { return strings.Contains(n.log.String(), "msg=\"in service\"") })
	n.until("the script was told", func() bool { return u.scripts() == "BACKUP\nMASTER\n" })
	u.weighs("7", "value 7")
	u.before, _ = n.pids()
	u.done = fmt.Sprintf("goes on as pid %d in the place of %s; the workers run on", u.before[0], version)
	return u
}

// serve writes the configuration.
func (u *upgraded) serve(address string) {
	u.t.Helper()
	tell := filepath.Join(u.dir, "tell")
	if _, err := os.Stat(tell); err != nil {
		u.program("tell", strings.NewReader("#!/bin/sh\necho \"$3\" >> "+u.told+"\n"))
	}
	u.writeText(fmt.Sprintf(`global_defs {
    script_user root
}
track_file w {
    file %s
    init_file 5 overwrite
    weight 1
}
vrrp_script s {
    script /bin/true
    interval 1
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    version 3
    advert_int 0.4
    track_script {
        s
    }
    track_file {
        w
    }
    notify %s
    virtual_ipaddress {
        %s
    }
}
`, u.weight, tell, address))
}

// scripts is what the script was told so far.
func (u *upgraded) scripts() string {
	text, _ := os.ReadFile(u.told)
	return string(text)
}

// weighs writes the tracked file and waits until the log has a text.
func (u *upgraded) weighs(value, logged string) {
	u.t.Helper()
	if err := os.WriteFile(u.weight, []byte(value+"\n"), 0o600); err != nil {
		u.t.Fatal(err)
	}
	u.until("the vrrp worker hears of the weight", func() bool { return strings.Contains(u.log.String(), logged) })
}

// same fails unless everything is as it was at the beginning.
func (u *upgraded) same(when string) {
	u.t.Helper()
	u.has(vip1)
	if now, restarts := u.pids(); fmt.Sprint(now) != fmt.Sprint(u.before) || restarts != 0 {
		u.t.Errorf("%s the processes are %v with %d restarts, before they were %v", when, now, restarts, u.before)
	}
	if got := u.scripts(); got != "BACKUP\nMASTER\n" {
		u.t.Errorf("%s the script was told %q", when, got)
	}
	if strings.Contains(u.log.String(), "gave up mastership") || strings.Contains(u.log.String(), "worker died") {
		u.t.Errorf("%s a worker has ended", when)
	}
}

// TestUpgradeRefused: a program that cannot take over changes nothing.
func TestUpgradeRefused(t *testing.T) {
	n := newUpgraded(t)
	n.says(1, "upgrade --binary /bin/true", "nothing has changed",
		"/bin/true does not answer as a director that can take over")
	n.says(1, "upgrade --binary "+n.program("text", strings.NewReader("hello")), "nothing has changed",
		"is not a director binary that can take over")
	n.says(1, "upgrade --binary /nonexistent", "nothing has changed", "no such file")
	n.same("after programs that were refused")

	// A program that can go on but cannot be executed any more: its interpreter
	// is gone. The workers are taken back.
	sh := filepath.Join(n.dir, "sh")
	if err := os.Symlink("/bin/sh", sh); err != nil {
		t.Fatal(err)
	}
	wrapper := n.program("wrapper", strings.NewReader("#!"+sh+"\nrm -f "+sh+"\nexec director \"$@\"\n"))
	n.says(1, "upgrade --binary "+wrapper, "nothing has changed", "executing "+wrapper)
	n.same("after an exec that failed")
	n.weighs("8", "from=107 to=108")
	n.weighs("7", "from=108 to=107")
}

// TestUpgrade: the supervisor is replaced under a MASTER, and nothing else happens.
func TestUpgrade(t *testing.T) {
	n := newUpgraded(t)
	n.says(0, "upgrade", n.done)
	n.same("after an upgrade")
	open := n.descriptors()
	n.says(0, "upgrade", n.done)
	n.same("after two upgrades")
	if now := n.descriptors(); now > open+2 { // a connection may be closing, a file being looked at
		t.Errorf("%d descriptors are open, %d were after the first upgrade", now, open)
	}
	if text, err := os.ReadFile(n.weight); err != nil || string(text) != "7\n" {
		t.Errorf("the tracked file holds %q (%v)", text, err)
	}
	n.says(0, "status", "MASTER", "generation 1, digest", "! "+differs)
	n.says(0, "history", "1 *")
	if err := n.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	n.until("a signal is obeyed", func() bool {
		return strings.Contains(n.log.String(), "msg=reloaded config="+n.file+" generation=2")
	})
	n.same("after a reload")
	n.stop(syscall.SIGTERM)
	n.has()
	if got := n.scripts(); got != "BACKUP\nMASTER\nSTOP\n" {
		t.Errorf("the script was told %q", got)
	}
	for _, name := range []string{"control.sock", "director.pid"} {
		if _, err := os.Stat(filepath.Join(n.dir, "run", name)); err == nil {
			t.Errorf("%s is left", name)
		}
	}
}

// TestUpgradeWithoutConfirmation: what is not confirmed comes back, whoever was told.
func TestUpgradeWithoutConfirmation(t *testing.T) {
	n := newUpgraded(t)
	n.serve(vip2)
	n.says(0, "reload --confirm 1h", "is in force as generation 2")
	n.has(vip2)
	n.says(0, "upgrade", n.done)
	n.says(0, "status", "not confirmed", "generation 2")
	n.says(0, "reload --confirm 1s", "nothing would change")
	n.has(vip1)
	n.says(1, "status", loud, "generation 4")
	n.says(0, "upgrade", n.done)
	n.says(1, "status", loud, "was not confirmed in time", "generation 4")
	n.serve(vip1)
	n.says(0, "reload", "generation 5")
	n.same("after reloads")
}

// TestUpgradeToAnotherFile: the workers are replaced too. One is back within two
// advertisement intervals; one that was built with the race detector takes 150 ms to
// start. That 100 ms are enough for a real one is seen in integration/native.
func TestUpgradeToAnotherFile(t *testing.T) {
	n := newUpgraded(t)
	other := n.copyOfDirector("other-director")
	n.says(0, "upgrade --binary "+other, "replaced: worker lvs, worker vrrp")
	n.has(vip1)
	now, restarts := n.pids()
	if now[0] != n.before[0] || now[1] == n.before[1] || now[2] == n.before[2] || restarts != 2 {
		t.Errorf("the processes are %v with %d restarts, before they were %v", now, restarts, n.before)
	}
	n.says(0, "status", "MASTER", "generation 1")
	// A package manager puts the new file in the place of the old one.
	if err := os.Rename(n.copyOfDirector("new-director"), other); err != nil {
		t.Fatal(err)
	}
	n.says(0, "upgrade", "replaced: worker lvs, worker vrrp")
	n.has(vip1)
	if now, restarts = n.pids(); now[0] != n.before[0] || restarts != 4 {
		t.Errorf("the processes are %v with %d restarts", now, restarts)
	}
	if err := syscall.Kill(now[1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	n.until("a worker that dies is started again", func() bool { _, restarts := n.pids(); return restarts == 5 })
	n.until("all is well", func() bool { _, code := n.do("status"); return code == 0 })
	n.has(vip1)
	if got := n.scripts(); got != "BACKUP\nMASTER\n" {
		t.Errorf("the script was told %q", got)
	}
	n.stop(syscall.SIGTERM)
	n.has()
}

// TestUpgradeWaitsForScripts: one that runs is not cut off.
func TestUpgradeWaitsForScripts(t *testing.T) {
	n := newNode(t)
	told := filepath.Join(n.dir, "told")
	tell := n.program("tell", strings.NewReader("#!/bin/sh\necho begin >> "+told+"\nsleep 2\necho end >> "+told+"\n"))
	n.writeText("global_defs {\n script_user root\n}\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n " +
		"version 3\n advert_int 0.1\n" +
		" notify_master " + tell + "\n virtual_ipaddress {\n  " + vip1 + "\n }\n}\n")
	n.start()
	n.until("the script runs", func() bool { _, err := os.Stat(told); return err == nil })
	n.until("it is in service", func() bool { return strings.Contains(n.log.String(), "msg=\"in service\"") })
	n.says(0, "upgrade", "the workers run on")
	if text, err := os.ReadFile(told); err != nil || string(text) != "begin\nend\n" {
		t.Errorf("the script has written %q (%v)", text, err)
	}
	n.says(0, "status", "MASTER")
}
