package worker_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/worker"
)

// A started process has the capabilities it was left and the scheduler it was
// given; this one keeps its own.
func TestStartTakesPowerFromTheChildOnly(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP: only root can give up root's power")
	}
	before := bounding(t, "/proc/self/status")
	cmd := exec.Command("cat", "/proc/self/status", "/proc/self/sched")
	var out strings.Builder
	cmd.Stdout = &out
	refused, err := worker.Start(cmd, worker.Privilege{Capabilities: []uintptr{unix.CAP_NET_RAW}, RealTime: 7})
	if err != nil {
		t.Fatal(err)
	}
	if refused != nil {
		t.Skipf("SKIP: the kernel refuses: %v", refused)
	}
	_ = cmd.Wait() // cat fails where there is no /proc/self/sched
	if got := field(out.String(), "CapEff:"); got != "0000000000002000" {
		t.Errorf("the child's capabilities are %s, want only CAP_NET_RAW", got)
	}
	if after := bounding(t, "/proc/self/status"); after != before {
		t.Errorf("our own bounding set went from %s to %s", before, after)
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		if got := bounding(t, "/proc/self/task/"+task.Name()+"/status"); got != before && got != "" {
			t.Errorf("thread %s has bounding set %s, want %s", task.Name(), got, before)
		}
	}
}

func bounding(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		return "" // a thread that ends meanwhile
	}
	return field(string(text), "CapBnd:")
}

func field(text, name string) string {
	_, after, _ := strings.Cut(text, name)
	value, _, _ := strings.Cut(strings.TrimSpace(after), "\n")
	return value
}
