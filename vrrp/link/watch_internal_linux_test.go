package link

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/vishvananda/netlink"
)

// TestAFailedSubscriptionIsTold: when rtnetlink cannot be subscribed to again,
// whoever watches hears why, until a snapshot says that it works.
func TestAFailedSubscriptionIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		refused := errors.New("too many open files")
		tries := 0
		w := &watcher{handle: &netlink.Handle{}, events: make(chan Event)}
		lost := func() *subscription { // one that the kernel has ended already
			s := &subscription{
				links: make(chan netlink.LinkUpdate), addrs: make(chan netlink.AddrUpdate),
				done: make(chan struct{}), first: Event{Kind: Snapshot},
			}
			close(s.links)
			close(s.addrs)
			return s
		}
		w.subscribe = func() (*subscription, error) {
			if tries++; tries <= 2 {
				return nil, refused
			}
			return lost(), nil
		}
		go w.run(ctx, lost())
		for n, want := range []EventKind{Snapshot, WatchFailed, WatchFailed, Snapshot} {
			e := <-w.events
			if e.Kind != want || want == WatchFailed && e.Err != refused {
				t.Errorf("event %d is %d with error %v, want %d", n, e.Kind, e.Err, want)
			}
		}
		cancel()
		for range w.events {
		}
	})
}
