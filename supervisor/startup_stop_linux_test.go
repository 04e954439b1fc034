package supervisor

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A stop while startup_script runs ends it, also when it ignores SIGTERM: nothing runs on behind.
func TestAStopEndsTheStartupScript(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pid := filepath.Join(dir, "pid")
	script := filepath.Join(dir, "start.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ntrap '' TERM\necho $$ >"+pid+".new\nmv "+pid+".new "+pid+
		"\nwhile :; do sleep 0.1; done\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := prepared(t, "global_defs {\n startup_script \""+script+"\" root\n}\n"+instance("VI_1", ""))
	r.start()
	r.until("startup_script runs", func() bool { _, err := os.Stat(pid); return err == nil })
	r.end()
	text, _ := os.ReadFile(pid)
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if syscall.Kill(n, 0) == nil {
		_ = syscall.Kill(-n, syscall.SIGKILL)
		t.Error("startup_script still runs when director has stopped")
	}
}
