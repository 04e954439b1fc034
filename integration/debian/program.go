package debian

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Program is a program of an unpacked package, with the folders of the shared
// libraries that are not installed on this machine.
type Program struct {
	Path    string
	LibDirs []string
}

// Env is what the program needs in addition to the caller's environment.
func (p Program) Env() []string {
	if len(p.LibDirs) == 0 {
		return nil
	}
	return []string{"LD_LIBRARY_PATH=" + strings.Join(p.LibDirs, ":")}
}

// maxLibraryPackages bounds how many packages one program may draw in.
const maxLibraryPackages = 60

// Program returns the program at path (such as "usr/sbin/keepalived") of the
// named package, ready to run. It also fetches the packages of missing libraries
// until the dynamic linker finds all of them.
func (c *Cache) Program(ctx context.Context, name, path string) (Program, error) {
	unlock, err := c.lock()
	if err != nil {
		return Program{}, err
	}
	defer unlock()
	root, err := c.unpacked(ctx, name)
	if err != nil {
		return Program{}, err
	}
	p := Program{Path: filepath.Join(root, path)}
	if _, err := os.Stat(p.Path); err != nil {
		return Program{}, fmt.Errorf("program of package %s: %w", name, err)
	}

	missing := missingLibraries(ctx, p)
	if len(missing) > 0 {
		// A package may have libraries of its own, in a folder that the program
		// expects in the place where they would be installed.
		p.LibDirs = libraryDirs(root)
		missing = missingLibraries(ctx, p)
	}
	queue, seen := dependencies(root), map[string]bool{name: true}
	for len(missing) > 0 && len(queue) > 0 {
		dep := queue[0]
		queue = queue[1:]
		if seen[dep] || !strings.HasPrefix(dep, "lib") || installed(ctx, dep) {
			continue
		}
		if seen[dep] = true; len(seen) > maxLibraryPackages {
			break
		}
		depRoot, err := c.unpacked(ctx, dep)
		if err != nil {
			return Program{}, fmt.Errorf("library for %s: %w", name, err)
		}
		for _, dir := range libraryDirs(depRoot) {
			if !slices.Contains(p.LibDirs, dir) {
				p.LibDirs = append(p.LibDirs, dir)
			}
		}
		queue = append(queue, dependencies(depRoot)...)
		missing = missingLibraries(ctx, p)
	}
	if len(missing) > 0 {
		return Program{}, fmt.Errorf("program %s: no package found for its libraries %s", name, strings.Join(missing, ", "))
	}
	return p, nil
}

// missingLibraries lists the shared libraries that the dynamic linker does
// not find for p.
func missingLibraries(ctx context.Context, p Program) []string {
	cmd := exec.CommandContext(ctx, "ldd", p.Path)
	cmd.Env = append(os.Environ(), p.Env()...)
	out, _ := cmd.Output()
	var missing []string
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		if name, ok := strings.CutSuffix(strings.TrimSpace(lines.Text()), " => not found"); ok {
			missing = append(missing, name)
		}
	}
	return missing
}

// dependencies reads the names, without versions, from the Depends field kept
// with an unpacked package. Of alternatives the first counts.
func dependencies(root string) []string {
	field, err := os.ReadFile(filepath.Join(root, dependsFile))
	if err != nil {
		return nil
	}
	var names []string
	for dep := range strings.SplitSeq(string(field), ",") {
		dep, _, _ = strings.Cut(dep, "|")
		if words := strings.Fields(dep); len(words) > 0 {
			name, _, _ := strings.Cut(words[0], ":")
			names = append(names, name)
		}
	}
	return names
}

// Depends lists the packages that the named one depends on, and downloads that one first when it
// is not there.
func (c *Cache) Depends(ctx context.Context, name string) ([]string, error) {
	root, err := c.Package(ctx, name)
	if err != nil {
		return nil, err
	}
	return dependencies(root), nil
}

// installed reports whether the machine itself has the package.
func installed(ctx context.Context, name string) bool {
	out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${Status}", name).Output()
	return err == nil && strings.HasSuffix(string(out), " installed")
}

// libraryDirs lists the folders of an unpacked package that hold libraries.
func libraryDirs(root string) []string {
	var dirs []string
	for _, pattern := range []string{"lib/*/*.so.*", "usr/lib/*/*.so.*", "lib/*.so.*", "usr/lib/*.so.*",
		"usr/lib/*/*/*.so.*", "usr/lib/*/*/*.so", "usr/lib/*/modules/*/*.so"} {
		found, _ := filepath.Glob(filepath.Join(root, pattern))
		for _, lib := range found {
			if dir := filepath.Dir(lib); !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}
