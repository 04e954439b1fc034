package installed_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/installed"
)

// put replaces the file, as a package manager does.
func put(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path+".new", mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestProblem(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: only a program of root's is asked for its version")
	}
	for name, tc := range map[string]struct {
		program string
		mode    os.FileMode
		owner   int
		want    string
	}{
		"another version":    {"echo director 0.2, commit abc", 0o755, 0, "runs 0.1, 0.2, commit abc is installed:"},
		"the same version":   {"echo director 0.1", 0o755, 0, ""},
		"not a director":     {"echo hello", 0o755, 0, "does not say its version as director does"},
		"more lines":         {"echo director 1; echo 2", 0o755, 0, "does not say its version as director does"},
		"escape sequences":   {`printf 'director \033[2J\n'`, 0o755, 0, "does not say its version as director does"},
		"it fails":           {"exit 3", 0o755, 0, "exit status 3"},
		"it prints for ever": {"exec yes", 0o755, 0, "prints more than 4096 bytes"},
		"not executable":     {"echo director 0.2", 0o644, 0, "permission denied"},
		"of another user":    {"echo director 0.2", 0o755, 1, "does not belong to root"},
		"others may write":   {"echo director 0.2", 0o775, 0, "others than root may write to it"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, running := filepath.Join(dir, "director"), filepath.Join(dir, "running")
			put(t, running, "", 0o755)
			put(t, path, "#!/bin/sh\n"+tc.program+"\n", tc.mode)
			if err := os.Chown(path, tc.owner, tc.owner); err != nil {
				t.Fatal(err)
			}
			got := installed.Look(t.Context(), installed.File{}, path, running).Problem(path, "0.1")
			if !strings.Contains(got, tc.want) || tc.want == "" && got != "" {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// The file is asked once, however often status is asked, and not at all while it is the one that runs.
func TestAskedOnce(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: only a program of root's is asked for its version")
	}
	dir := t.TempDir()
	path, running := filepath.Join(dir, "director"), filepath.Join(dir, "running")
	program := func(version string) string {
		return fmt.Sprintf("#!/bin/sh\necho asked >>%s/asked\necho director %s\n", dir, version)
	}
	put(t, path, program("0.1"), 0o755)
	if err := os.Link(path, running); err != nil {
		t.Fatal(err)
	}
	var f installed.File
	for _, step := range []struct {
		version, want string
		asked         int
	}{
		{"", "", 0},
		{"0.2", "runs 0.1, 0.2 is installed", 1},
		{"0.3", "runs 0.1, 0.3 is installed", 2},
	} {
		if step.version != "" {
			put(t, path, program(step.version), 0o755)
		}
		for range 5 {
			f = installed.Look(t.Context(), f, path, running)
		}
		if got := f.Problem(path, "0.1"); !strings.HasPrefix(got, step.want) || step.want == "" && got != "" {
			t.Errorf("%q, want %q", got, step.want)
		}
		if text, _ := os.ReadFile(dir + "/asked"); strings.Count(string(text), "asked") != step.asked {
			t.Errorf("version %q: asked %q", step.version, text)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := installed.Look(t.Context(), f, path, running).Problem(path, "0.1"); got != "" {
		t.Errorf("no file: %q", got)
	}
}

func TestItDoesNotAnswer(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: only a program of root's is asked for its version")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "director")
	put(t, path, "#!/bin/sh\nexec sleep 60\n", 0o755)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	got := installed.Look(ctx, installed.File{}, path, "/proc/self/exe").Problem(path, "0.1")
	if !strings.Contains(got, "does not say its version within") || time.Since(began) > 3*time.Second {
		t.Errorf("%q after %v", got, time.Since(began))
	}
}
