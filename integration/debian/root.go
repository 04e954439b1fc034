package debian

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNotRoot says that a system of files cannot be made by this user.
var ErrNotRoot = errors.New("only root can make the files of a whole Debian system")

// Root returns a folder with the files of a whole Debian system of this machine's release: what
// every Debian has, and the named packages with what they depend on, all of them configured.
// Nothing in it was started, and this machine is not changed. It is made once for a list of
// packages, in a minute.
//
// extra are packages that are in the folder debs of the system, and not installed.
func (c *Cache) Root(ctx context.Context, packages, extra []string) (string, error) {
	if os.Getuid() != 0 {
		return "", ErrNotRoot
	}
	unlock, err := c.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	sum := sha256.Sum256([]byte(strings.Join(packages, " ") + "|" + strings.Join(extra, " ") + rootScript))
	target := filepath.Join(c.dir, fmt.Sprintf("root-%x", sum[:6]))
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	work, err := os.MkdirTemp(c.dir, ".root-")
	if err != nil {
		return "", fmt.Errorf("make a Debian system: %w", err)
	}
	defer os.RemoveAll(work)
	fmt.Fprintf(c.say, "lab: making a Debian system in %s, with %s\n", c.dir, strings.Join(packages, ", "))
	if err := c.fetchAll(ctx, work, append(packages, extra...)); err != nil {
		return "", fmt.Errorf("fetch a Debian system: %w", err)
	}
	// A mount namespace: what is mounted there is gone with the script.
	script := filepath.Join(work, "make.sh")
	if err := os.WriteFile(script, []byte(rootScript), 0o755); err != nil {
		return "", err
	}
	if err := run(ctx, work, "unshare", "-m", "sh", script, strings.Join(extra, " ")); err != nil {
		return "", fmt.Errorf("make a Debian system: %w", err)
	}
	if err := os.Rename(filepath.Join(work, "root"), target); err != nil {
		return "", fmt.Errorf("make a Debian system: %w", err)
	}
	return target, nil
}

// fetchAll downloads the packages, with all that a system without any package needs for them.
func (c *Cache) fetchAll(ctx context.Context, dir string, packages []string) error {
	if err := os.MkdirAll(filepath.Join(dir, "archives", "partial"), 0o755); err != nil {
		return err
	}
	status := filepath.Join(dir, "status")
	if err := os.WriteFile(status, nil, 0o644); err != nil {
		return err
	}
	argv := []string{
		"apt-get", "-qq", "-y", "-d", "-o", "Dir::State::status=" + status,
		"-o", "Dir::Cache::archives=" + filepath.Join(dir, "archives"), "-o", "Debug::NoLocking=1",
		"-o", "APT::Install-Recommends=0", "-o", "APT::Sandbox::User=root", "install", "?essential",
	}
	argv = append(argv, packages...)
	if _, err := exec.LookPath("apt-get"); err != nil {
		return ErrNotDebian
	}
	err := run(ctx, dir, argv...)
	if err != nil {
		// The lists may be old.
		_ = run(ctx, dir, "apt-get", "-qq", "update")
		err = run(ctx, dir, argv...)
	}
	return err
}

// rootScript unpacks archives/*.deb into root and configures them there.
const rootScript = `set -e
root=$PWD/root
extra=$1
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
for dir in bin sbin lib lib64; do
	mkdir -p $root/usr/$dir
	ln -s usr/$dir $root/$dir
done
mkdir -p $root/var/lib/dpkg/info $root/var/lib/dpkg/updates $root/debs $root/proc
: >$root/var/lib/dpkg/status
: >$root/var/lib/dpkg/available
for name in $extra; do
	mv archives/${name}_*.deb $root/debs/
done
# dpkg of the new system installs it; it and what it needs must be there before.
for deb in archives/*.deb; do
	dpkg-deb --fsys-tarfile $deb | tar -x -C $root --keep-directory-symlink
done
cp archives/*.deb $root/tmp/
printf '#!/bin/sh\nexit 101\n' >$root/usr/sbin/policy-rc.d
chmod 755 $root/usr/sbin/policy-rc.d
mount -t proc proc $root/proc
dpkg="chroot $root dpkg --force-depends --force-confold --force-unsafe-io"
$dpkg --install /tmp/$(cd archives && echo base-passwd_*.deb) >log 2>&1
$dpkg --unpack $(cd archives && printf '/tmp/%s ' *.deb) >>log 2>&1 || { tail -5 log; exit 1; }
$dpkg --configure -a >>log 2>&1 || { tail -5 log; exit 1; }
umount $root/proc
rm -f $root/tmp/*.deb $root/usr/sbin/policy-rc.d
`
