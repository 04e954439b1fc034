package notify_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
)

// TestAnotherNotifierGoesOn: what was told is not told again, what waits is
// told by the other, and no script is cut off.
func TestAnotherNotifierGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := instances(conf.NotifyScripts{Master: script("/master/5s"), Backup: script("/backup/5s"), Any: script("/any/1s")})
		rs := &conf.RealServer{
			Key: conf.ServerKey{Address: netip.MustParseAddr("10.0.1.1"), Port: 80}, Protocol: conf.TCP,
			NotifyUp: script("/up/1s"), NotifyDown: script("/down/1s"),
		}
		vs := &conf.VirtualServer{
			Key:         conf.ServiceKey{Protocol: conf.TCP, Address: netip.MustParseAddr("10.0.0.1"), Port: 80},
			RealServers: []*conf.RealServer{rs},
		}
		cfg.VirtualServers = []*conf.VirtualServer{vs}
		server := func(up bool) event.RealServerState {
			return event.RealServerState{VirtualServer: vs.String(), RealServer: rs.String(), Up: up}
		}
		l := newLab()
		l.Apply(cfg)
		l.RealServer(server(false))
		pause(0)
		backup := event.InstanceState{Instance: "VI_1", State: event.Backup, Since: time.Now(), Priority: 100}
		l.Instance(backup)
		pause(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := l.Hold(ctx); err == nil || !strings.Contains(err.Error(), "INSTANCE VI_1 notify_backup (pid 7)") {
			t.Errorf("held while a script runs: %v", err)
		}
		l.Release()
		if err := l.Hold(t.Context()); err != nil { // ends with notify_backup, before notify
			t.Error(err)
		}
		master := event.InstanceState{Instance: "VI_1", State: event.Master, Since: time.Now(), Priority: 100}
		l.Instance(master)
		pause(time.Hour)
		diff(t, "scripts", []string{"0s /down/1s", "0s /backup/5s"}, l.seen)

		var text bytes.Buffer
		if err := gob.NewEncoder(&text).Encode(l.Export()); err != nil {
			t.Fatal(err)
		}
		var state notify.State
		if err := gob.NewDecoder(&text).Decode(&state); err != nil {
			t.Fatal(err)
		}
		next := newLab()
		next.Apply(cfg)
		next.Import(state)
		next.Instance(master) // a worker that is restarted says it again
		next.RealServer(server(false))
		pause(time.Hour)
		next.RealServer(server(true))
		pause(time.Hour)
		diff(t, "scripts of the next", []string{
			"0s /any/1s INSTANCE VI_1 BACKUP 100", "1s /master/5s", "6s /any/1s INSTANCE VI_1 MASTER 100", "1h0m0s /up/1s",
		}, next.seen)
		if last := next.Last(); len(last) != 5 {
			t.Errorf("the last scripts are %+v", last)
		}
		stop(t, next)
		stop(t, l) // one that is held tells all the same
		if last := l.seen[len(l.seen)-1]; !strings.HasSuffix(last, "STOP 100") {
			t.Errorf("the held one told %v at its end", l.seen)
		}
	})
}
