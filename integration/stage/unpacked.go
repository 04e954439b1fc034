//go:build linux

package stage

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lvs-director/director/integration/debian"
)

// Unpacked returns the folders of a Debian package and of the packages of those libraries of its
// programs (patterns such as "usr/sbin/nginx") that this machine lacks. Where they cannot be
// fetched the test is skipped; in continuous integration it fails.
func Unpacked(t testing.TB, name string, programs ...string) (roots []string) {
	t.Helper()
	Require(t)
	cache, err := debian.OpenCache(os.Stderr)
	if err != nil {
		lacking(t, "fetch Debian's %s: %v", name, err)
	}
	ctx := context.Background()
	root, err := cache.Package(ctx, name)
	if err != nil {
		lacking(t, "fetch Debian's %s: %v", name, err)
	}
	roots = []string{root}
	for _, pattern := range programs {
		found, _ := filepath.Glob(filepath.Join(root, pattern))
		if len(found) == 0 {
			t.Fatalf("Debian's %s has no %s", name, pattern)
		}
		for _, path := range found {
			program, err := cache.Program(ctx, name, strings.TrimPrefix(path, root+"/"))
			if err != nil {
				lacking(t, "fetch the libraries of Debian's %s: %v", name, err)
			}
			for _, dir := range program.LibDirs {
				below, _ := filepath.Rel(cache.Dir(), dir)
				pkg, _, _ := strings.Cut(below, "/")
				if root := filepath.Join(cache.Dir(), pkg); !slices.Contains(roots, root) {
					roots = append(roots, root)
				}
			}
		}
	}
	return roots
}

// Depends returns the first package that a Debian package depends on: of a package such as
// postgresql the one of the release's version.
func Depends(t testing.TB, name string) string {
	t.Helper()
	Require(t)
	cache, err := debian.OpenCache(os.Stderr)
	if err != nil {
		lacking(t, "fetch Debian's %s: %v", name, err)
	}
	names, err := cache.Depends(context.Background(), name)
	if err != nil {
		lacking(t, "fetch Debian's %s: %v", name, err)
	}
	if len(names) == 0 {
		t.Fatalf("Debian's %s depends on nothing", name)
	}
	return names[0]
}
