//go:build linux

package stage

import (
	"os"
	"testing"

	"github.com/lvs-director/director/integration/debian"
	"github.com/lvs-director/director/integration/pair"
)

// Speakers fetches Debian's FRR and BIRD, to speak BGP and BFD. If it cannot, the test is skipped, or fails in
// continuous integration.
func Speakers(t testing.TB) (s pair.Speakers) {
	t.Helper()
	Require(t)
	cache, err := debian.OpenCache(os.Stderr)
	for _, p := range []struct {
		pkg, path string
		to        *string
		env       *[]string
	}{
		{"frr", "usr/lib/frr/zebra", &s.Zebra, &s.FRREnv}, {"frr", "usr/lib/frr/bgpd", &s.BGPd, &s.FRREnv},
		{"frr", "usr/lib/frr/bfdd", &s.BFDd, &s.FRREnv},
		{"bird2", "usr/sbin/bird", &s.BIRD, &s.BIRDEnv}, {"bird2", "usr/sbin/birdc", &s.BIRDC, &s.BIRDEnv},
	} {
		var program debian.Program
		if err == nil {
			program, err = cache.Program(t.Context(), p.pkg, p.path)
		}
		*p.to = program.Path
		if len(program.Env()) > len(*p.env) {
			*p.env = program.Env()
		}
	}
	if err != nil {
		lacking(t, "fetch Debian's FRR and BIRD, the routing daemons in the tests: %v", err)
	}
	return s
}
