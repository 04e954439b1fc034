//go:build linux

package stage

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/lvs-director/director/integration/debian"
	"github.com/lvs-director/director/integration/lab"
)

// The unpacked ipvsadm is found by these variables, as the other programs are.
const (
	ipvsadmVar    = "DIRECTOR_LAB_IPVSADM"
	ipvsadmEnvVar = "DIRECTOR_LAB_IPVSADM_ENV"
)

// fetchIpvsadm unpacks Debian's ipvsadm. The tests that need it say when it is not there.
func fetchIpvsadm(ctx context.Context) {
	if os.Getenv(ipvsadmVar) != "" {
		return
	}
	cache, err := debian.OpenCache(os.Stderr)
	if err != nil {
		return
	}
	if program, err := cache.Program(ctx, "ipvsadm", "sbin/ipvsadm"); err == nil {
		os.Setenv(ipvsadmVar, program.Path)
		os.Setenv(ipvsadmEnvVar, strings.Join(program.Env(), " "))
	}
}

// RequireIpvsadm skips a test where ipvsadm could not be fetched; in continuous
// integration the test fails.
func RequireIpvsadm(t testing.TB) {
	t.Helper()
	Require(t)
	if os.Getenv(ipvsadmVar) == "" {
		lacking(t, "Debian's ipvsadm could not be fetched")
	}
}

// Ipvsadm is the command line of Debian's ipvsadm, for Host.Run.
func Ipvsadm(words ...string) []string {
	argv := []string{"env"}
	argv = append(argv, strings.Fields(os.Getenv(ipvsadmEnvVar))...)
	return append(append(argv, os.Getenv(ipvsadmVar)), words...)
}

// RunIpvsadm runs ipvsadm on a host and returns what it prints; it must succeed.
func RunIpvsadm(h *lab.Host, words ...string) string { return h.Run(Ipvsadm(words...)...) }
