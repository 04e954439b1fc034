//go:build linux

package stage

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/lvs-director/director/integration/traffic"
)

// cannot is why the tests of this binary must be skipped; nil if they can run.
var cannot error

// TestMain runs a package's tests where they can run. In continuous
// integration (CI=true) a lab that cannot run is a failure; elsewhere every
// test that calls Require is skipped and says why.
func TestMain(m *testing.M, needs Needs) {
	os.Exit(testMain(m, needs))
}

func testMain(m *testing.M, needs Needs) int {
	traffic.Main()
	flag.Parse()
	if list := flag.Lookup("test.list"); list != nil && list.Value.String() != "" {
		return m.Run()
	}
	tidy, elsewhere, status, err := Set(context.Background(), needs)
	defer tidy()
	switch {
	case errors.Is(err, ErrCannot) && os.Getenv("CI") == "":
		cannot = err
	case err != nil:
		fmt.Fprintf(os.Stderr, "FAIL: %v\n", err)
		return 1
	case elsewhere:
		return status
	}
	return m.Run()
}

// Require skips a test on a machine where the lab cannot run.
func Require(t testing.TB) {
	t.Helper()
	if cannot != nil {
		t.Skipf("SKIP: %v", cannot)
	}
}
