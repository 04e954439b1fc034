//go:build linux

package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lvs-director/director/integration/debian"
	"github.com/lvs-director/director/integration/guest"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
)

// Needs is what a program requires of the machine.
type Needs struct {
	IPVS  bool      // in the kernel; the program runs in the guest if the machine has none
	Race  bool      // director is built with the race detector
	Stdin io.Reader // handed on to the guest
}

// These variables hold the paths of the prepared programs. The guest inherits
// them, and a user may set them to test other builds.
const (
	directorVar      = "DIRECTOR_LAB_DIRECTOR"
	plainVar         = "DIRECTOR_LAB_DIRECTOR_PLAIN"
	keepalivedVar    = "DIRECTOR_LAB_KEEPALIVED"
	keepalivedEnvVar = "DIRECTOR_LAB_KEEPALIVED_ENV"
)

// ErrCannot says that the lab cannot run on this machine, and what to do.
var ErrCannot = errors.New("the lab cannot run here")

// Set prepares the programs. The caller must have called traffic.Main before. If
// the caller should run here, Set returns with a function that tidies up. If it
// should run in the guest, Set runs it there and returns elsewhere=true with its
// exit status.
func Set(ctx context.Context, needs Needs) (tidy func(), elsewhere bool, status int, err error) {
	guest.ExtendPath()
	tidy = func() {}
	if guest.Inside() {
		return tidy, false, 0, nil
	}
	why := guest.Needed()
	if !needs.IPVS && os.Getuid() != 0 {
		return tidy, false, 0, fmt.Errorf("%w: network namespaces need root", ErrCannot)
	}
	if err := fetchKeepalived(ctx); err != nil {
		return tidy, false, 0, fmt.Errorf("%w: %w", ErrCannot, err)
	}
	if needs.IPVS {
		fetchIpvsadm(ctx)
	}
	tidy, err = buildDirector(ctx, needs.Race)
	if err != nil {
		return tidy, false, 0, err
	}
	if !needs.IPVS || why == "" {
		return tidy, false, 0, nil
	}
	defer tidy()
	logs := LogsDir()
	os.Setenv(lab.LogsVar, logs)
	os.Setenv(lab.StarvedVar, guest.StarvedFile)
	fmt.Fprintf(os.Stderr, "lab: starting a guest, because %s\n", why)
	status, err = guest.Reexec(ctx, logs, needs.Stdin)
	if errors.Is(err, guest.ErrUnavailable) {
		err = fmt.Errorf("%w: %s: %w", ErrCannot, why, err)
	}
	return func() {}, true, status, err
}

// LogsDir is the folder for the logs and captures of failed tests.
func LogsDir() string {
	if dir := os.Getenv(lab.LogsVar); dir != "" {
		return dir
	}
	return filepath.Join(lab.ModuleRoot(), "integration", "logs")
}

// Director is the built program.
func Director() pair.Director { return pair.Director{Path: os.Getenv(directorVar)} }

// PlainDirector is the program built without the race detector. Tests that assert
// times of 100 ms or less use it: the detector alone delays the start of a worker
// by 100 ms.
func PlainDirector() pair.Director {
	return pair.Director{Path: cmp.Or(os.Getenv(plainVar), os.Getenv(directorVar))}
}

// Keepalived is the fetched program.
func Keepalived() pair.Keepalived {
	return pair.Keepalived{Path: os.Getenv(keepalivedVar), Env: strings.Fields(os.Getenv(keepalivedEnvVar))}
}

// fetchKeepalived unpacks Debian's keepalived.
func fetchKeepalived(ctx context.Context) error {
	if os.Getenv(keepalivedVar) != "" {
		return nil
	}
	cache, err := debian.OpenCache(os.Stderr)
	if err != nil {
		return err
	}
	program, err := cache.Program(ctx, "keepalived", "usr/sbin/keepalived")
	if err != nil {
		return fmt.Errorf("fetch Debian's keepalived, the peer in the tests: %w", err)
	}
	os.Setenv(keepalivedVar, program.Path)
	os.Setenv(keepalivedEnvVar, strings.Join(program.Env(), " "))
	return nil
}

// FRR fetches Debian's FRR. If it cannot, the test is skipped, or fails in
// continuous integration.
func FRR(t testing.TB) pair.FRR {
	t.Helper()
	Require(t)
	cache, err := debian.OpenCache(os.Stderr)
	var zebra, vrrpd debian.Program
	if err == nil {
		zebra, err = cache.Program(t.Context(), "frr", "usr/lib/frr/zebra")
	}
	if err == nil {
		vrrpd, err = cache.Program(t.Context(), "frr", "usr/lib/frr/vrrpd")
	}
	if err != nil {
		lacking(t, "fetch Debian's FRR, a peer in the tests: %v", err)
	}
	return pair.FRR{Zebra: zebra.Path, VRRPd: vrrpd.Path, Env: vrrpd.Env()}
}

// BFDDaemons fetches Debian's FRR with bfdd, and BIRD. If it cannot, the test is skipped, or fails in continuous
// integration.
func BFDDaemons(t testing.TB) pair.BFDDaemons {
	t.Helper()
	Require(t)
	d, err := FetchBFDDaemons()
	if err != nil {
		lacking(t, "fetch Debian's bfdd and BIRD, peers in the tests: %v", err)
	}
	return d
}

// FetchBFDDaemons does so outside of a test.
func FetchBFDDaemons() (d pair.BFDDaemons, err error) {
	cache, err := debian.OpenCache(os.Stderr)
	for _, p := range []struct {
		pkg, path string
		to        *string
		env       *[]string
	}{
		{"frr", "usr/lib/frr/zebra", &d.FRR.Zebra, &d.FRR.Env}, {"frr", "usr/lib/frr/bfdd", &d.BFDd, &d.FRR.Env},
		{"bird2", "usr/sbin/birdc", &d.BIRDC, &d.BIRDEnv}, {"bird2", "usr/sbin/bird", &d.BIRD, &d.BIRDEnv},
	} {
		var program debian.Program
		if err == nil {
			program, err = cache.Program(context.Background(), p.pkg, p.path)
			*p.to, *p.env = program.Path, program.Env()
		}
	}
	return d, err
}

// RequireTool skips the test if a program is not installed on this machine; in
// continuous integration the test fails.
func RequireTool(t testing.TB, tool, pkg string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		lacking(t, "%s is not here: as root, run: apt-get install --no-install-recommends %s", tool, pkg)
	}
}

func lacking(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf("SKIP: "+format, args...)
}

// buildDirector builds the working tree's director into a folder of its own.
func buildDirector(ctx context.Context, race bool) (tidy func(), err error) {
	if os.Getenv(directorVar) != "" {
		return func() {}, nil
	}
	dir, err := os.MkdirTemp("", "director-build-")
	if err != nil {
		return func() {}, err
	}
	tidy = func() { os.RemoveAll(dir) }
	path := filepath.Join(dir, "director")
	err = build(ctx, path, race)
	if err == nil && race {
		plain := filepath.Join(dir, "director-plain")
		err = build(ctx, plain, false)
		os.Setenv(plainVar, plain)
	}
	if err != nil {
		tidy()
		return func() {}, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return tidy, err
	}
	os.Setenv(directorVar, path)
	prepareRelease(ctx, dir)
	return tidy, nil
}

// build builds the working tree's director.
func build(ctx context.Context, path string, race bool) error {
	args, cgo := []string{"build", "-trimpath", "-o", path}, "CGO_ENABLED=0"
	if race {
		args, cgo = append(args, "-race"), "CGO_ENABLED=1"
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/director")...)
	cmd.Dir = lab.ModuleRoot()
	cmd.Env = append(os.Environ(), cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build director: %w\n%s", err, out)
	}
	return nil
}
