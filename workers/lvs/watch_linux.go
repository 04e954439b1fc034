package lvs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// watchPause is the least time between two signals: many addresses come at once.
const watchPause = 50 * time.Millisecond

// watchAddresses has an entry in the channel when the addresses of this network namespace
// may have changed, until ctx ends.
func watchAddresses(ctx context.Context) (<-chan struct{}, error) {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{
		Groups: unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR,
	})
	if err != nil {
		return nil, fmt.Errorf("watching the addresses of this host: %w", err)
	}
	moved := make(chan struct{}, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			// Lost messages say as much as others.
			if _, err := conn.Receive(); err != nil && !errors.Is(err, unix.ENOBUFS) {
				return // closed; the interval finds what comes
			}
			select {
			case moved <- struct{}{}:
			default: // it is told already
			}
			time.Sleep(watchPause)
		}
	}()
	go func() {
		select {
		case <-ctx.Done():
		case <-ended:
		}
		_ = conn.Close() // nothing was written
	}()
	return moved, nil
}
