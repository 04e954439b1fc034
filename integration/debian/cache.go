package debian

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrNotDebian says that this machine has no apt-get to fetch packages with.
var ErrNotDebian = errors.New("no apt-get here: the lab fetches its kernel and its peers from Debian 12 or 13")

const (
	downloadTries = 3
	downloadLimit = 5 * time.Minute
)

// Cache is a folder of unpacked Debian packages. Several processes may use
// the same folder at once.
type Cache struct {
	dir string
	say io.Writer
}

// OpenCache uses the folder named by DIRECTOR_LAB_CACHE, else director-lab in the
// user's cache folder. It announces downloads on say.
func OpenCache(say io.Writer) (*Cache, error) {
	dir := os.Getenv("DIRECTOR_LAB_CACHE")
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("find a cache folder (set DIRECTOR_LAB_CACHE to choose one): %w", err)
		}
		dir = filepath.Join(base, "director-lab")
	}
	// One folder for each Debian release: the libraries of one do not fit the other.
	dir = filepath.Join(dir, codename())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache folder: %w", err)
	}
	return &Cache{dir: dir, say: say}, nil
}

// Dir is the folder itself.
func (c *Cache) Dir() string { return c.dir }

// Package returns the folder into which the named package is unpacked and
// downloads it first when it is not there.
func (c *Cache) Package(ctx context.Context, name string) (string, error) {
	unlock, err := c.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	return c.unpacked(ctx, name)
}

// unpacked implements Package; the caller holds the lock.
func (c *Cache) unpacked(ctx context.Context, name string) (string, error) {
	target := filepath.Join(c.dir, name)
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	work, err := os.MkdirTemp(c.dir, ".unpack-")
	if err != nil {
		return "", fmt.Errorf("unpack %s: %w", name, err)
	}
	defer os.RemoveAll(work)
	deb, err := c.download(ctx, name, work)
	if err != nil {
		return "", err
	}
	tree := filepath.Join(work, "tree")
	if out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", deb, tree).CombinedOutput(); err != nil {
		return "", fmt.Errorf("unpack %s: %w: %s", name, err, out)
	}
	depends, err := exec.CommandContext(ctx, "dpkg-deb", "-f", deb, "Depends").Output()
	if err != nil {
		return "", fmt.Errorf("read what %s depends on: %w", name, err)
	}
	if err := os.WriteFile(filepath.Join(tree, dependsFile), depends, 0o644); err != nil {
		return "", err
	}
	// The rename comes last, so a folder in the cache is always complete.
	if err := os.Rename(tree, target); err != nil {
		return "", fmt.Errorf("unpack %s: %w", name, err)
	}
	return target, nil
}

// dependsFile keeps a package's Depends field beside its files.
const dependsFile = ".depends"

// download fetches one .deb into dir. It retries a failed download, after
// updating the package lists if this user may.
func (c *Cache) download(ctx context.Context, name, dir string) (string, error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", ErrNotDebian
	}
	fmt.Fprintf(c.say, "lab: downloading Debian package %s into %s (unpacked there, not installed)\n", name, c.dir)
	var last error
	for try := range downloadTries {
		if try > 0 {
			fmt.Fprintf(c.say, "lab: %v; trying again (%d of %d)\n", last, try+1, downloadTries)
			if os.Getuid() == 0 {
				// If the update fails, so does the download.
				_ = run(ctx, dir, "apt-get", "-qq", "update")
			}
			select {
			case <-ctx.Done():
				return "", ctx.Err()
			case <-time.After(time.Duration(try) * 2 * time.Second):
			}
		}
		if last = run(ctx, dir, "apt-get", "-qq", "download", name); last != nil {
			continue
		}
		debs, _ := filepath.Glob(filepath.Join(dir, "*.deb"))
		if len(debs) == 1 {
			return debs[0], nil
		}
		last = fmt.Errorf("download %s: apt-get left %d packages in the folder", name, len(debs))
	}
	return "", fmt.Errorf("download Debian package %s, %d tries: %w", name, downloadTries, last)
}

// run runs one command of apt's family in dir.
func run(ctx context.Context, dir string, argv ...string) error {
	ctx, cancel := context.WithTimeout(ctx, downloadLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// lock locks the cache for this process until the returned function is called.
func (c *Cache) lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(c.dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the cache folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock the cache folder: %w", err)
	}
	return func() { f.Close() }, nil
}

// codename is the release's name in /etc/os-release ("bookworm", "trixie").
func codename() string {
	release, err := os.ReadFile("/etc/os-release")
	if err == nil {
		for line := range strings.Lines(string(release)) {
			if v, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok && v != "" {
				return filepath.Base(strings.Trim(v, `"`))
			}
		}
	}
	return "unknown"
}
