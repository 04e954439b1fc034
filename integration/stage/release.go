//go:build linux

package stage

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
)

// releaseFile names, in the repository, the commit of the last release.
const releaseFile = "integration/last-release"

// The program of the last release, or why there is none; the guest inherits them.
const (
	releaseVar        = "DIRECTOR_LAB_LAST_RELEASE"
	releaseFailureVar = "DIRECTOR_LAB_LAST_RELEASE_FAILURE"
)

// LastRelease is the director of the last release, built from the history of this
// repository. In a clone without history it fails the test.
func LastRelease(t testing.TB) pair.Director {
	t.Helper()
	Require(t)
	path := os.Getenv(releaseVar)
	if path == "" {
		t.Fatalf("no program of the last release: %s", os.Getenv(releaseFailureVar))
	}
	return pair.Director{Path: path}
}

// prepareRelease builds the last release into a folder.
func prepareRelease(ctx context.Context, dir string) {
	if os.Getenv(releaseVar) != "" {
		return
	}
	path, err := buildRelease(ctx, dir)
	if err != nil {
		os.Setenv(releaseFailureVar, err.Error())
		return
	}
	os.Setenv(releaseVar, path)
}

func buildRelease(ctx context.Context, dir string) (path string, err error) {
	commit, err := lastRelease()
	if err != nil {
		return "", err
	}
	tree := filepath.Join(dir, "last-release")
	if err := os.Mkdir(tree, 0o755); err != nil {
		return "", err
	}
	// Not every sh has pipefail, but tar fails if it reads nothing.
	cmd := exec.CommandContext(ctx, "sh", "-c", `git archive "$0" | tar -x -C "$1"`, commit, tree)
	cmd.Dir = lab.ModuleRoot()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("commit %s of %s cannot be read: this test needs a clone with its history (git fetch "+
			"--unshallow): %w: %s",
			commit, releaseFile, err, strings.TrimSpace(string(out)))
	}
	path = filepath.Join(dir, "director-last-release")
	cmd = exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-X main.version="+commit[:12], "-o", path,
		"./cmd/director")
	cmd.Dir, cmd.Env = tree, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the last release, %s: %w\n%s", commit, err, out)
	}
	return path, nil
}

// lastRelease reads the commit's full hash.
func lastRelease() (string, error) {
	text, err := os.ReadFile(filepath.Join(lab.ModuleRoot(), releaseFile))
	if err != nil {
		return "", fmt.Errorf("read the commit of the last release: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); len(line) == 40 {
			return line, nil
		}
	}
	return "", fmt.Errorf("%s names no commit by its full hash", releaseFile)
}
