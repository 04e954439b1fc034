package virtualserver

import (
	"sync"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

// order is a configuration to apply.
type order struct {
	servers    []*conf.VirtualServer
	verdicts   []event.RealServerState
	generation uint64
}

// inbox holds what the loop was told and has not yet taken: the latest
// configuration, the latest verdict of each real server, the wish to stop.
// Whoever tells never waits, and what is told twice is kept once, so it is
// bounded by the configuration. It is the one thing that has a lock.
type inbox struct {
	mu       sync.Mutex
	order    *order
	verdicts table.Verdicts
	stop     *stopRequest
	wake     chan struct{} // one slot: there is something to take
}

// stopRequest is the wish to stop: keep leaves the table as it is.
type stopRequest struct{ keep bool }

func newInbox() *inbox {
	return &inbox{verdicts: make(table.Verdicts), wake: make(chan struct{}, 1)}
}

func (b *inbox) put(change func()) {
	b.mu.Lock()
	change()
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take empties the inbox.
func (b *inbox) take() (*order, table.Verdicts, *stopRequest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, v, s := b.order, b.verdicts, b.stop
	b.order, b.verdicts, b.stop = nil, make(table.Verdicts), nil
	return o, v, s
}
