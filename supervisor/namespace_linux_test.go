package supervisor

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/netns"
)

// TestANamespaceThatIsAnotherOne: it has the name of the one that a process is in.
func TestANamespaceThatIsAnotherOne(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: only root can make a network namespace")
	}
	name := fmt.Sprintf("director-again-%d", os.Getpid())
	ip := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		t.Skipf("SKIP: no network namespace with a name can be made: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("ip", "netns", "del", name).Run() })
	inside := exec.Command("ip", "netns", "exec", name, "sleep", "600")
	if err := inside.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inside.Process.Kill(); inside.Wait() })
	pid := fmt.Sprint(inside.Process.Pid)
	problems := func() string {
		return strings.Join(namespaceProblem(nil, "net_namespace", name, pid), "\n")
	}
	for end := time.Now().Add(patience); problems() != "" && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond) // it is not inside yet
	}
	if got := problems(); got != "" {
		t.Fatalf("it is the one that it was, and %s", got)
	}
	ip("netns", "del", name)
	if got := problems(); !strings.Contains(got, "was deleted; director still runs in it") {
		t.Errorf("deleted: %q", got)
	}
	ip("netns", "add", name)
	if got := problems(); !strings.Contains(got, "deleted and made again") || !strings.Contains(got, "restart director") {
		t.Errorf("made again: %q", got)
	}
	if id, err := netns.Identity(name); err != nil || id == 0 {
		t.Errorf("identity %d, %v", id, err)
	}
	if got := namespaceProblem(nil, "net_namespace", "", pid); got != nil {
		t.Errorf("without a name: %q", got)
	}
}
