package main

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lvs-director/director/signals"
)

// unpackReport gives the files of a report by their names.
func unpackReport(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(plain); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(h.Name)] = string(text)
	}
}

// TestARunningDirectorShowsNoSecret: neither its log nor any command has a canary of the
// configuration, before and after a reload that changes each of them, nor has a report, with or
// without a director that runs.
func TestARunningDirectorShowsNoSecret(t *testing.T) {
	n := newNode(t)
	t.Setenv("TMPDIR", n.dir) // for dumps
	before, after := plantCanaries(t, 0), plantCanaries(t, 1)
	n.writeText(before.text)
	n.start("--log-level", "debug")
	n.until("it answers", func() bool { out, _ := n.do("status"); return strings.Contains(out, "VI_1") })
	n.until("a script has failed, and a check", func() bool {
		return strings.Contains(n.log.String(), "script failed") && strings.Contains(n.log.String(), "real server is down")
	})
	ask := func(command string) {
		t.Helper()
		words := strings.Fields(command)
		out, code := n.do(words[0], words[1:]...)
		if out == "" || strings.Contains(out, "--help") {
			t.Errorf("director %s: exit status %d, it says %q", command, code, out)
		}
		before.shows(t, "director "+command, out)
	}
	dump := func() {
		t.Helper()
		for name, sig := range map[string]syscall.Signal{
			"keepalived.data": syscall.SIGUSR1, "keepalived.stats": syscall.SIGUSR2, "keepalived_check.data": syscall.SIGUSR1,
			"keepalived.json": signals.JSON,
		} {
			path := filepath.Join(n.dir, name)
			_ = os.Remove(path)
			if err := n.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			n.until(name+" is there", func() bool { _, err := os.Stat(path); return err == nil })
			text, err := os.ReadFile(path)
			if err != nil {
				t.Error(err)
			}
			before.shows(t, name, string(text))
		}
	}
	everything := func() {
		t.Helper()
		for _, command := range []string{
			"status", "status --json", "status VI_1", "status --json VI_1", "status 10.77.0.101:80", "events", "events --json",
			"why VI_1", "history", "history --json", "notify test", "doctor", "doctor --json", "plan -f " + n.file,
			"plan --json -f " + n.file,
		} {
			ask(command)
		}
		for _, args := range [][]string{{"probe", "-f", n.file}, {"list"}} {
			out, _ := exec.Command("director", args...).CombinedOutput() // some checks fail
			before.shows(t, "director "+args[0], string(out))
			if !strings.Contains(string(out), n.file) && !strings.Contains(string(out), "QUERY_CHECK") {
				t.Errorf("director %s says %s", args[0], out)
			}
		}
		dump()
	}
	everything()
	n.writeText(after.text)
	ask("plan -f " + n.file)
	ask("plan --json --all -f " + n.file)
	ask("reload --accept-loss")
	n.until("the events tell of it", func() bool {
		out, _ := n.do("events")
		return strings.Contains(out, "has another value")
	})
	everything()

	report := func(name string, want, absent []string) {
		t.Helper()
		path := filepath.Join(n.dir, name)
		out, code := n.do("report", "-o", path, "-f", n.file)
		if code != 0 || !strings.Contains(out, "Look at it before you send it") {
			t.Fatalf("director report: exit status %d\n%s", code, out)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the report: %v, %v", info, err)
		}
		files := unpackReport(t, path)
		for file, text := range files {
			before.shows(t, file+" of a report", text)
		}
		for _, file := range want {
			if files[file] == "" {
				t.Errorf("there is no %s in the report\n%s", file, out)
			}
		}
		for _, file := range absent {
			if _, ok := files[file]; ok {
				t.Errorf("there is %s in the report: %s", file, files[file])
			}
		}
	}
	report("running.tar.gz", []string{
		"status.txt", "status.json", "check.txt", "configuration.txt", "events.json", "goroutines.txt", "processes.txt",
		"links.txt", "addresses.txt", "routes.txt", "rules.txt", "nftables.txt", "settings.txt", "counters.txt",
		"versions.txt", "history.json", "directors.json", "doctor.json", "contents.txt",
	}, []string{
		"status.failed.txt", "events.failed.txt", "goroutines.failed.txt", "processes.failed.txt", "network.failed.txt",
		"nftables.failed.txt", "history.failed.txt", "doctor.failed.txt",
	})
	n.stop(syscall.SIGTERM)
	report("stopped.tar.gz", []string{
		"status.failed.txt", "configuration.txt", "events.json", "goroutines.failed.txt", "links.txt", "history.json",
		"doctor.json",
	}, []string{"events.failed.txt", "history.failed.txt"})
	before.shows(t, "the debug log", n.log.String())
}
