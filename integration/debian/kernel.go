package debian

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// kernelPackage is the package that always depends on Debian's newest stock
// kernel of the release.
const kernelPackage = "linux-image-amd64"

// Kernel is an unpacked stock kernel.
type Kernel struct {
	Release string // as uname -r prints it
	Image   string // the bootable file
	Modules string // the folder that belongs at /lib/modules/<Release>
}

// Kernel returns the release's stock kernel with its modules indexed. It prefers
// a kernel in the cache to a newer one in the archive.
func (c *Cache) Kernel(ctx context.Context) (Kernel, error) {
	unlock, err := c.lock()
	if err != nil {
		return Kernel{}, err
	}
	defer unlock()
	name, err := c.kernelName(ctx)
	if err != nil {
		return Kernel{}, err
	}
	root, err := c.unpacked(ctx, name)
	if err != nil {
		return Kernel{}, err
	}
	release := strings.TrimPrefix(name, "linux-image-")
	k := Kernel{
		Release: release,
		Image:   filepath.Join(root, "boot", "vmlinuz-"+release),
		Modules: filepath.Join(root, "lib", "modules", release),
	}
	if _, err := os.Stat(k.Modules); err != nil {
		k.Modules = filepath.Join(root, "usr", "lib", "modules", release)
	}
	if err := indexModules(ctx, k); err != nil {
		return Kernel{}, err
	}
	return k, nil
}

// kernelName finds the package of the newest cached kernel, else of the one
// that the archive's lists name.
func (c *Cache) kernelName(ctx context.Context) (string, error) {
	cached, _ := filepath.Glob(filepath.Join(c.dir, "linux-image-*-amd64"))
	if len(cached) > 0 {
		return filepath.Base(cached[len(cached)-1]), nil
	}
	if _, err := exec.LookPath("apt-cache"); err != nil {
		return "", ErrNotDebian
	}
	name, err := kernelInLists(ctx)
	if err != nil && os.Getuid() == 0 {
		fmt.Fprintln(c.say, "lab: reading Debian's package lists (apt-get update)")
		if err := run(ctx, c.dir, "apt-get", "-qq", "update"); err != nil {
			return "", fmt.Errorf("find Debian's stock kernel: %w", err)
		}
		name, err = kernelInLists(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("find Debian's stock kernel (as root, run: apt-get update): %w", err)
	}
	return name, nil
}

// kernelInLists asks apt what linux-image-amd64 depends on.
func kernelInLists(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-cache", "depends", kernelPackage).Output()
	if err != nil {
		return "", fmt.Errorf("apt-cache depends %s: %w", kernelPackage, err)
	}
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: "); ok &&
			strings.HasPrefix(name, "linux-image-") {
			return name, nil
		}
	}
	return "", errors.New("the package lists of this machine do not name one")
}

// indexModules runs depmod, which Debian's package does only when installed.
func indexModules(ctx context.Context, k Kernel) error {
	if _, err := os.Stat(filepath.Join(k.Modules, "modules.dep")); err == nil {
		return nil
	}
	// depmod wants the folder that holds lib/modules.
	base := strings.TrimSuffix(k.Modules, filepath.Join("lib", "modules", k.Release))
	if out, err := exec.CommandContext(ctx, "depmod", "-b", base, k.Release).CombinedOutput(); err != nil {
		return fmt.Errorf("index the guest kernel's modules (package kmod): %w: %s", err, out)
	}
	return nil
}
