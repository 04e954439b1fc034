//go:build linux

package native_test

import (
	"os/exec"
	"testing"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

func TestMain(m *testing.M) {
	_, err := exec.LookPath("gcc")
	stage.TestMain(m, stage.Needs{Race: err == nil})
}

// vrrpOnly makes a site without services: a client's place and two directors.
func vrrpOnly(t *testing.T) *pair.Site {
	t.Helper()
	stage.Require(t)
	return pair.New(t, pair.NAT, 0)
}
