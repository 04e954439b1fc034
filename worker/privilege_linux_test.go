package worker_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

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
	// The thread that has started the child ends with the privileges that it took on, when it comes to run.
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		odd := threadsWithout(t, before)
		if len(odd) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("threads have another bounding set than %s: %s", before, strings.Join(odd, ", "))
		}
	}
}

// threadsWithout are the threads of this process that have another bounding set.
func threadsWithout(t *testing.T, set string) (odd []string) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		if got := bounding(t, "/proc/self/task/"+task.Name()+"/status"); got != set && got != "" {
			odd = append(odd, "thread "+task.Name()+" has "+got)
		}
	}
	return odd
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
