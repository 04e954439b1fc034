//go:build linux

// Package integration_test plays the scenarios of a load balancer pair in the
// lab, with real IPVS: on this machine's kernel when it has it and the user is
// root, else in a guest that the test binary boots for itself.
package integration_test

import (
	"testing"

	"github.com/lvs-director/director/integration/stage"
)

func TestMain(m *testing.M) {
	stage.TestMain(m, stage.Needs{IPVS: true})
}
