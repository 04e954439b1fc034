package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const (
	vip1 = "10.77.0.101/24"
	vip2 = "10.77.0.102/24"
	vip3 = "10.77.0.103/24"
)

const (
	loud    = "ATTENTION: NOT"
	differs = "lb.conf differs from what runs"
)

// TestLifeOfAConfiguration: planned, run, changed, refused, rolled back.
func TestLifeOfAConfiguration(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.says(0, "plan -f lb.conf", "against the kernel; director is not running", "nothing would change")
	n.start()
	n.has(vip1)
	n.says(0, "status", "MASTER", "generation 1, digest", "! "+differs)
	n.says(0, "plan", "nothing would change", "VI_1 (MASTER)")

	n.write(vip1, vip2)
	n.says(0, "status", differs)
	n.says(0, "plan", "has changed since", vip2+" on eth0 comes up on this host (VI_1, MASTER)")
	n.has(vip1) // a plan changes nothing
	n.says(0, "reload", vip2+" on eth0 comes up", "is in force as generation 2, number 2 of the history")
	n.has(vip1, vip2)
	n.says(0, "reload", "nothing would change", "generation 3")

	// An error changes nothing, and everything says what is wrong.
	n.writeText("vrrp_instance VI_1 {\n    interface eth0\n}\n")
	n.says(1, "plan", "lb.conf:1:1: error:", "a reload would refuse it")
	n.says(1, "reload", "lb.conf:1:1: error:", "generation 3 keeps running unchanged")
	n.says(0, "status", differs, "has 1 error")
	n.has(vip1, vip2)

	// What became of the reload before is no answer to a plan.
	n.write(vip1, vip2)
	n.says(0, "plan", "nothing would change", "! was refused")

	n.says(0, "rollback", "number 1 of the history", vip2+" on eth0 leaves this host", "is in force as generation 4")
	n.has(vip1)
	n.says(1, "rollback", "there is no configuration before")
	n.says(1, "rollback 77", "there is no configuration 77")
	n.says(0, "rollback 2", "comes up on this host")
	n.has(vip1, vip2)
	n.says(0, "history", "rollback to 1", "rollback to 2", "4 *")
	n.says(0, "history 1", "        "+vip1+"\n    }", "! "+vip2)
	n.says(0, "history --json", `"in_force": true`)

	// A plan for another file changes nothing.
	n.write(vip3)
	n.says(0, "plan -f lb.conf", vip3)
	n.has(vip1, vip2)
	n.stop(syscall.SIGTERM)
	n.has()
	n.says(0, "history -f lb.conf", "rollback to 2", "! *")
}

// TestWithoutConfirmation the configuration before comes back by itself.
func TestWithoutConfirmation(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.start()
	n.has(vip1)
	n.write(vip2)
	n.says(1, "confirm", "nothing waits for a confirmation")
	n.says(1, "reload --confirm 25h", "at most 24h")
	n.says(0, "reload --confirm 1h", "comes back at", "director confirm")
	n.has(vip2)
	n.says(0, "status", "not confirmed", "director confirm")
	n.says(0, "history", "not confirmed yet")
	n.says(0, "reload --confirm 500ms", "nothing would change") // the time begins anew
	n.has(vip1)
	n.says(1, "status", loud, "was not confirmed in time", differs)
	n.says(0, "history", "never confirmed", "back to number 1")

	n.says(0, "reload --confirm 1h", vip2)
	n.says(0, "confirm", "stays in force")
	n.says(0, "status", "! not confirmed", "! "+loud)
	n.has(vip2)
	n.says(1, "confirm", "nothing waits")

	// One that was not confirmed is not what a start begins with, whatever
	// ended the director.
	n.write(vip3)
	n.says(0, "reload --confirm 1h", vip3)
	n.has(vip3)
	n.stop(syscall.SIGKILL)
	n.has()
	n.start()
	n.has(vip2)
	n.says(1, "status", loud, "never confirmed")
	n.says(0, "reload", loud)
	n.has(vip3)
	n.says(0, "status", "! "+loud)
}

// TestStartWithErrors: the last good configuration runs, and everything says so.
func TestStartWithErrors(t *testing.T) {
	n := newNode(t)
	if err := os.Mkdir(filepath.Join(n.dir, "more"), 0o755); err != nil {
		t.Fatal(err)
	}
	include := filepath.Join(n.dir, "more", "address.conf")
	n.write("include more/*.conf")
	if err := os.WriteFile(include, []byte(vip1), 0o600); err != nil {
		t.Fatal(err)
	}
	n.start()
	n.has(vip1)
	n.stop(syscall.SIGTERM)

	n.writeText("vrrp_instance VI_1 {\n    interface eth0\n}\n")
	if err := os.Remove(include); err != nil {
		t.Fatal(err)
	}
	n.says(1, "run -f lb.conf --no-fallback", "nothing was started", "lb.conf:1:1: error:")
	n.start()
	n.has(vip1)
	const why = "lb.conf has 1 error"
	n.says(1, "status", loud, "NUMBER 1", why)
	n.says(1, "plan", loud, why, "lb.conf:1:1: error:")
	n.says(1, "reload", loud, why)
	n.says(0, "history", loud, why)
	if !strings.Contains(n.log.String(), "ATTENTION") {
		t.Error("the log does not say it")
	}
	n.write(vip2)
	n.says(0, "reload", vip2)
	n.has(vip2)
	n.says(0, "status", "! "+loud, "! "+differs)
	n.says(0, "history", "2 *", "! "+loud)

	// What was rolled back is not what a start begins with.
	n.says(0, "rollback", vip1)
	n.has(vip1)
	n.stop(syscall.SIGTERM)
	n.start()
	n.has(vip1)
	n.says(1, "status", loud, "taken out of force by a rollback")
}

// TestWithoutStateDirectory: one warning, and no history.
func TestWithoutStateDirectory(t *testing.T) {
	n := newNode(t)
	if err := os.WriteFile(filepath.Join(n.dir, "state"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n.write(vip1)
	n.start()
	n.has(vip1)
	n.write(vip2)
	n.says(0, "reload", "is in force as generation 2\n")
	n.has(vip2)
	n.says(1, "status", "no history is kept")
	n.says(1, "rollback", "there is no history")

	// Going back by itself needs no history.
	n.write(vip3)
	n.says(0, "reload --confirm 1s", vip3)
	n.has(vip2)
	if got := strings.Count(n.log.String(), "failed to write the history of configurations"); got != 1 {
		t.Errorf("the log says %d times that there is no history", got)
	}
}

// TestAPlanSeesWhatTheHostLacks: what a reload would do to an instance on this
// host is said before.
func TestAPlanSeesWhatTheHostLacks(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.start()
	n.has(vip1)
	n.write(vip1, vip2+" dev eth9")
	n.says(0, "plan", "VI_1 goes from MASTER to FAULT: interface eth9 of address "+vip2+" does not exist", "! comes up")
	n.has(vip1)
	n.says(1, "reload", "vrrp_instance VI_1 would go from MASTER to FAULT", "no interface eth9", "--accept-loss")
	n.has(vip1)
	n.says(0, "reload --accept-loss", "VI_1 goes from MASTER to FAULT")
	n.has()
	n.says(2, "status", "FAULT", "eth9")
	n.write(vip1)
	n.says(0, "plan", "VI_1 leaves FAULT")
	n.says(0, "reload", "is in force")
	n.has(vip1)

	file := filepath.Join(n.dir, "weight")
	if err := os.WriteFile(file, []byte("-300\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(n.file)
	if err != nil {
		t.Fatal(err)
	}
	n.writeText("track_file f {\n    file " + file + "\n}\n" +
		strings.Replace(string(text), "interface eth0", "interface eth0\n    track_file {\n        f weight 1\n    }", 1))
	n.says(0, "plan", "VI_1 goes from MASTER to FAULT: tracked file f has the value -300, times 1")
	if err := os.WriteFile(file, []byte("-20\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.says(0, "plan", "VI_1: priority falls from 100 to 80")
}
