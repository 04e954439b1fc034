package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRelativeFile: a director that was started with a name that means something in its directory alone is found
// by its file, and examined with it, from everywhere.
func TestRelativeFile(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.cmd = exec.Command("director", append([]string{"run", "-f", filepath.Base(n.file)}, n.dirs()...)...)
	n.cmd.Dir, n.cmd.Stderr = filepath.Dir(n.file), n.log
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait() }(n.cmd, n.ended)
	n.runs()

	ask := func(words ...string) string {
		cmd := exec.Command("director", words...)
		cmd.Dir = "/"
		out, _ := cmd.CombinedOutput() // some have findings
		return string(out)
	}
	if out := ask("list"); !strings.Contains(out, n.file) {
		t.Errorf("director list:\n%s", out)
	}
	if out := ask("status", "-f", n.file); !strings.Contains(out, "VI_1") {
		t.Errorf("director status -f:\n%s", out)
	}
	if out := ask("doctor", "--run-dir", n.dirs()[1], "--json"); !strings.Contains(out, `"file": "`+n.file+`"`) {
		t.Errorf("director doctor --run-dir:\n%s", out)
	}
}
