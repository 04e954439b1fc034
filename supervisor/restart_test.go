package supervisor

import (
	"testing"

	"github.com/lvs-director/director/conf"
)

// TestARefusedReloadSaysWhatNeedsARestart: which word, from what, to what, and what to do.
func TestARefusedReloadSaysWhatNeedsARestart(t *testing.T) {
	before := &conf.Config{NetworkNamespace: "lb", IPVSNamespace: "lb"}
	if got := needsRestart(before, before); got != "" {
		t.Errorf("nothing changes: %q", got)
	}
	after := &conf.Config{NetworkNamespace: "other", InstanceName: "a"}
	const want = "net_namespace changes from lb to other, net_namespace_ipvs changes from lb to none, " +
		"instance changes from none to a: a reload cannot do that, restart director"
	if got := needsRestart(before, after); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
