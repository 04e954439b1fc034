package nft

import (
	"context"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// watchPause is the pause after an error of a subscription, which mostly is
// that the kernel had to drop notifications.
const watchPause = 100 * time.Millisecond

// Watch tells, until ctx ends, that something may have been removed from a
// table of one of the names: the channel has room for one value, which stands
// for any number of changes. A host may load a million rules that are not ours.
// ctx's end closes the channel.
func Watch(ctx context.Context, ours func(table string) bool) (<-chan struct{}, error) {
	socket, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("opening nftables to watch it: %w", withReason(err))
	}
	if err := socket.JoinGroup(unix.NFNLGRP_NFTABLES); err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("subscribing to changes of nftables: %w", withReason(err))
	}
	_ = socket.SetReadBuffer(1 << 20)
	changed := make(chan struct{}, 1)
	stop := context.AfterFunc(ctx, func() { _ = socket.Close() })
	go func() {
		defer close(changed)
		defer stop()
		for {
			list, err := socket.Receive()
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				select {
				case <-ctx.Done():
					return
				case <-time.After(watchPause):
				}
			}
			if err != nil || anyOf(list, ours) {
				select {
				case changed <- struct{}{}:
				default:
				}
			}
		}
	}()
	return changed, nil
}

// anyOf says whether a notification is about one of our tables.
func anyOf(list []netlink.Message, ours func(string) bool) bool {
	for _, m := range list {
		switch uint16(m.Header.Type) & 0xff {
		case unix.NFT_MSG_NEWGEN, unix.NFT_MSG_GETGEN:
			continue
		}
		// The table's name is attribute 1 of tables, chains, rules, sets and elements.
		for d := attributes(m); d.Next(); {
			if d.Type() == unix.NFTA_TABLE_NAME && ours(d.String()) {
				return true
			}
		}
	}
	return false
}
