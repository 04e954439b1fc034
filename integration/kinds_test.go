//go:build linux

package integration_test

import (
	"testing"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// forKinds runs a scenario with a pair of director and, in the long form, with a pair of
// keepalived. A scenario that both pass tests the right thing.
func forKinds(t *testing.T, scenario func(t *testing.T, kind pair.Kind)) {
	stage.Require(t)
	t.Run("director", func(t *testing.T) { scenario(t, stage.Director()) })
	t.Run("keepalived", func(t *testing.T) {
		if testing.Short() {
			t.Skip("SKIP: the same with keepalived is part of the long form")
		}
		scenario(t, stage.Keepalived())
	})
}

// both is a pair of one kind.
func both(kind pair.Kind) [2]pair.Kind { return [2]pair.Kind{kind, kind} }

// inFlight is how many requests may be on their way to a real server at the
// moment when it is taken out of the table: IPVS drops their packets.
const inFlight = 3

// expectAnswered fails when more requests failed than allowed.
func expectAnswered(t *testing.T, r *pair.Running, what string, seen traffic.Summary, mayFail int) {
	t.Helper()
	failed := r.Failures(seen)
	if failed > mayFail {
		t.Errorf("%s: %v", what, seen)
	} else if failed < seen.Failed {
		t.Logf("%s: %v; of the failures %d are of a starved lab", what, seen, seen.Failed-failed)
	}
}
