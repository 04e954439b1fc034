package peers_test

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/peers"
	"github.com/lvs-director/director/worker/front"
)

// TestAViewTooLarge: a view that cannot be told is one line of the log, not one a second.
func TestAViewTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		cfg := &conf.Config{Peers: []*conf.Peer{{Address: netip.MustParseAddr("192.0.2.2")}}}
		p := peers.New(peers.Options{
			Log: slog.New(slog.NewTextHandler(&log, nil)), Send: func(front.PeerMessage) {},
			Own: func(context.Context) (peers.Own, error) {
				return peers.Own{Status: control.Status{Version: strings.Repeat("x", front.MaxPeerMessage)}, Config: cfg,
					Servers: func() []control.VirtualServer { return nil }}, nil
			},
		})
		p.Apply(cfg)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p.Run(ctx)
		}()
		time.Sleep(time.Minute)
		stop()
		<-ended
		if n := strings.Count(log.String(), "failed to tell the peers"); n != 1 {
			t.Errorf("%d lines in a minute", n)
		}
	})
}
