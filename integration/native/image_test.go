//go:build linux

package native_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/stage"
)

// TestImage: what the Dockerfile makes runs as process 1, in an empty file system, with the capabilities that
// docs/containers.md names; it becomes MASTER, answers director status, and ends in order on TERM.
func TestImage(t *testing.T) {
	stage.Require(t)
	stage.RequireTool(t, "setpriv", "util-linux")
	text, err := os.ReadFile(filepath.Join(lab.ModuleRoot(), "docs", "containers.md"))
	if err != nil {
		t.Fatal(err)
	}
	bounds := "-all,+sys_chroot" // what chroot itself needs
	for _, word := range strings.Split(string(text), "--cap-add ")[1:] {
		bounds += ",+" + strings.ToLower(strings.Fields(word)[0])
	}
	root := t.TempDir()
	cmd := exec.Command("scripts/image", root)
	cmd.Dir = lab.ModuleRoot()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("scripts/image: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(root, "etc/director/director.conf"), []byte(`vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    advert_int 0.1
    version 3
    virtual_ipaddress {
        192.0.2.100/24
    }
}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"proc", "dev"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}

	l := lab.New(t)
	h := l.Host("dir1")
	h.Attach(l.Network("front"), "eth0", "192.0.2.2/24")
	// What an engine does: namespaces, /proc, /dev/null, the bounds, and no process in between.
	director := h.Start("unshare", "--mount", "--pid", "--fork", "--kill-child=TERM", "sh", "-euc",
		"mount -t proc proc "+root+"/proc; touch "+root+"/dev/null; mount --bind /dev/null "+root+"/dev/null; "+
			"exec setpriv --bounding-set="+bounds+" --no-new-privs chroot "+root+" /usr/sbin/director run")
	l.Until(15*time.Second, "MASTER", func() bool { return h.HasAddress("eth0", "192.0.2.100") })
	inside, err := exec.Command("pgrep", "-P", strconv.Itoa(director.Pid)).Output()
	if err != nil {
		t.Fatalf("process 1 of the container: %v", err)
	}
	pid := strings.TrimSpace(string(inside))
	status := exec.Command("nsenter", "-t", pid, "-m", "-p", "-n", "chroot", root, "/usr/sbin/director", "status")
	if out, err := status.CombinedOutput(); err != nil || !strings.Contains(string(out), "MASTER") {
		t.Errorf("director status: %v\n%s", err, out)
	}
	if out, err := exec.Command("kill", "-TERM", pid).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	l.Until(10*time.Second, "the address is gone", func() bool { return !h.HasAddress("eth0", "192.0.2.100") })
	l.Until(10*time.Second, "process 1 has ended", func() bool {
		_, err := os.Stat("/proc/" + pid)
		return err != nil
	})
}
