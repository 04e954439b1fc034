//go:build linux

package booted_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/debian"
	"github.com/lvs-director/director/integration/guest"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/stage"
)

// The folders of the two editions of the packages; the guest inherits them.
const (
	olderVar = "DIRECTOR_LAB_PACKAGES_OLDER"
	newerVar = "DIRECTOR_LAB_PACKAGES_NEWER"
)

// The versions of the two editions.
const (
	olderVersion = "0.1"
	newerVersion = "0.2"
)

// errHere is why the tests are skipped here; nil in the guest.
var errHere = errors.New("the guest was not started")

// errPackages is that the packages cannot be made, which is no want of this machine.
var errPackages = errors.New("make packages")

// systemPackages are what the system has beside what every Debian has. keepalived is in /debs.
var systemPackages = []string{"systemd-sysv", "sudo", "iproute2", "procps", "kmod", "apt", "init-system-helpers",
	"libnl-3-200",
	"libnl-genl-3-200", "libsnmp40", "libnftnl11", "libglib2.0-0", "libpcre2-8-0", "libssl3", "libsystemd0", "man-db"}

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	flag.Parse()
	list := flag.Lookup("test.list")
	switch {
	case guest.Inside():
		errHere = nil
		return m.Run()
	case list != nil && list.Value.String() != "":
		return m.Run()
	}
	status, err := inGuest(context.Background())
	if err == nil {
		return status
	}
	if os.Getenv("CI") != "" || errors.Is(err, errPackages) {
		fmt.Fprintf(os.Stderr, "FAIL: %v\n", err)
		return 1
	}
	errHere = err
	return m.Run()
}

// inGuest makes the system and the packages, and runs this program in the guest.
func inGuest(ctx context.Context) (status int, err error) {
	cache, err := debian.OpenCache(os.Stderr)
	if err != nil {
		return 0, err
	}
	root, err := cache.Root(ctx, systemPackages, []string{"keepalived"})
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "director-packages-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	for variable, version := range map[string]string{olderVar: olderVersion, newerVar: newerVersion} {
		if os.Getenv(variable) != "" {
			continue // made by the user
		}
		out := filepath.Join(dir, version)
		cmd := exec.CommandContext(ctx, "scripts/packages", out)
		cmd.Dir, cmd.Env = lab.ModuleRoot(), append(os.Environ(), "PACKAGE_VERSION="+version, "PACKAGE_KINDS=deb")
		if out, err := cmd.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("%w: %w\n%s", errPackages, err, out)
		}
		os.Setenv(variable, out)
	}
	// The lab finds what it needs through PATH, which is not the one of the guest's system.
	os.Setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:"+os.Getenv("PATH"))
	fmt.Fprintln(os.Stderr, "lab: starting a guest that systemd boots")
	return guest.ReexecIn(ctx, root, stage.LogsDir(), nil)
}

// require skips a test where there is no guest.
func require(t *testing.T) {
	t.Helper()
	if errHere != nil {
		t.Skipf("SKIP: %v", errHere)
	}
}

// limit is how long a command of the guest may take.
const limit = 5 * time.Minute

// try runs a line of shell and returns what it prints.
func try(line string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// do is try for what has to succeed.
func do(t *testing.T, line string) string {
	t.Helper()
	began := time.Now()
	out, err := try(line)
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", line, err, out, journal())
	}
	t.Logf("%.1f s: %s", time.Since(began).Seconds(), line)
	return out
}

// journal is what the units said last.
func journal() string {
	out, _ := try("journalctl -n 60 --no-pager -o cat -u director -u keepalived")
	return out
}

// until waits for a line of shell to succeed.
func until(t *testing.T, what, line string) {
	t.Helper()
	began := time.Now()
	for end := began.Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		out, err := try(line)
		if err == nil {
			t.Logf("%.1f s until %s", time.Since(began).Seconds(), what)
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s: %s: %v\n%s\n%s", what, line, err, out, journal())
		}
	}
}

// is fails the test unless the line prints the text.
func is(t *testing.T, line, want string) {
	t.Helper()
	out, _ := try(line)
	if out != want {
		t.Errorf("%s: %q, want %q\n%s", line, out, want, journal())
	}
}

// deb is the file of a package of an edition.
func deb(variable, name string) string {
	found, _ := filepath.Glob(filepath.Join(guest.HostFiles+os.Getenv(variable), name+"_*.deb"))
	if len(found) != 1 {
		return "/none/" + name
	}
	return found[0]
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
