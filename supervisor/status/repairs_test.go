package status_test

import (
	"testing"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/status"
)

// TestRepairsOnlyGrow: what a worker counts ends with it, and with the object.
func TestRepairsOnlyGrow(t *testing.T) {
	k := status.New()
	step := func(what string, want uint64, tell func()) {
		t.Helper()
		tell()
		if got := k.Repairs.Told()[status.RepairedAddress]; got != want {
			t.Errorf("%s: %d repairs, want %d", what, got, want)
		}
	}
	told := func(id string, restored int) func() {
		return func() { k.Instance(event.InstanceState{Instance: id, ID: id, State: event.Master, Restored: restored}) }
	}
	step("at first", 3, told("a", 3))
	step("another one", 5, told("b", 2))
	step("one more", 6, told("a", 4))
	step("told again", 6, told("a", 4))
	step("the worker dies", 6, func() { k.Repairs.Anew(status.RepairedAddress) })
	step("another worker", 10, told("a", 4))
	step("it stops", 10, func() {
		k.Instance(event.InstanceState{Instance: "a", ID: "a", State: event.Stop, Restored: 4})
	})
	step("and is configured again", 11, told("a", 1))
	k.InTheTable(event.VirtualServerState{VirtualServer: "a", Repaired: 7})
	if got := k.Repairs.Told(); got[status.RepairedAddress] != 11 || got[status.RepairedService] != 7 {
		t.Errorf("told: %v", got)
	}
}
