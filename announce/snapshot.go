package announce

import (
	"net/netip"
	"time"

	"github.com/lvs-director/director/announce/rules"
	"github.com/lvs-director/director/event"
)

// Snapshot is how it is with everything that is to be announced.
type Snapshot struct {
	Blocks []State // in the order of the configuration
	// Problems are what director cannot get right in the kernel.
	Problems []event.Problem
	// Repaired counts what something else had removed or changed and was put back.
	Repaired uint64
}

// State is how it is with a block.
type State struct {
	Block rules.Block
	rules.Life
	Event event.Number // of the last change
	// Missing are addresses that are to be there and are not, and Error is why.
	Missing []netip.Addr
	Error   string
	// Expires is when the kernel removes the addresses unless they are refreshed; zero is never, or that there
	// are none.
	Expires time.Time
}
