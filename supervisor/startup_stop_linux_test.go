package supervisor

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
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

// The service manager is asked for the time that scripts and mail may take: it would kill everything
// otherwise, and leave the addresses behind.
func TestTheServiceManagerIsAskedForTime(t *testing.T) {
	t.Parallel()
	r := prepared(t, "global_defs {\n startup_script /bin/true root\n startup_script_timeout 120\n"+
		" shutdown_script /bin/true root\n shutdown_script_timeout 20\n}\n"+instance("VI_1", " notify_release_timeout 60\n"))
	r.start()
	r.end()
	for state, least := range map[string]time.Duration{
		"":             120 * time.Second,
		"STOPPING=1\n": (60 + 30 + 5 + 5 + 5 + 20) * time.Second,
	} {
		asked := time.Duration(0)
		for _, said := range r.ready {
			if n, ok := strings.CutPrefix(said, state+"EXTEND_TIMEOUT_USEC="); ok {
				usec, _ := strconv.Atoi(n)
				asked = time.Duration(usec) * time.Microsecond
			}
		}
		if asked < least {
			t.Errorf("with %s it asks for %v, want %v or more", state, asked, least)
		}
	}
}
