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

// A script that never ends does not hold up an upgrade: the next notifier follows
// it, and lets it hold up others no longer than the first one would have.
func TestAScriptThatNeverEndsIsHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := instances(conf.NotifyScripts{
			Master: script("/fail/25s"), Backup: script("/backup/9000h"), Fault: script("/fault/1s"), Any: script("/any/40s"),
		})
		l := newLab()
		l.Apply(cfg)
		l.tell(event.Backup)
		pause(5 * time.Second)
		l.tell(event.Fault)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if list := l.Hold(ctx); len(list) != 1 || list[0] != "INSTANCE VI_1 notify_backup (pid 7)" {
			t.Errorf("scripts that run: %v", list)
		}
		exported := l.Export()
		if list := exported.Descriptors(); len(list) != 1 || list[0] != 9 {
			t.Errorf("descriptors %v, want the output of the one script", list)
		}

		next := newLab()
		next.Apply(cfg)
		next.Import(overWire(t, exported))
		pause(15 * time.Second) // 25 s after the script was started
		diff(t, "scripts while the first one may hold up others", []string{}, next.list())
		pause(10 * time.Second)
		diff(t, "scripts", []string{"20s /any/40s INSTANCE VI_1 BACKUP 100"}, next.list())
		pause(2 * time.Minute)
		diff(t, "scripts", []string{
			"20s /any/40s INSTANCE VI_1 BACKUP 100", "50s /fault/1s", "51s /any/40s INSTANCE VI_1 FAULT 100",
		}, next.list())
		for _, last := range next.Last() {
			if running := last.Script == "notify_backup"; last.Running != running {
				t.Errorf("running is %t of %s", last.Running, last.Script)
			}
		}
		stop(t, next)
		stop(t, l)
		time.Sleep(10000 * time.Hour)
	})
}

// An upgrade that fails follows again what was handed over already.
func TestAHandoffThatFailsIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Master: script("/fail/10s"), Any: script("/any/1s")}))
		l.tell(event.Master)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		l.Hold(ctx)
		l.Export()
		l.Release()
		pause(20 * time.Second)
		diff(t, "scripts", []string{"0s /fail/10s", "10s /any/1s INSTANCE VI_1 MASTER 100"}, l.list())
		if !strings.Contains(l.log.String(), `script=notify_master state=MASTER program=/fail/10s reason="exit status 3"`) {
			t.Errorf("its end was not seen: %s", l.log.String())
		}
		stop(t, l)
	})
}

// TestAnotherNotifierGoesOn: what was told is not told again, what waits is
// told by the other, and no script is cut off.
func TestAnotherNotifierGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := instances(conf.NotifyScripts{Master: script("/master/5s"), Backup: script("/backup/5s"),
			Any: script("/any/1s")})
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
		if list := l.Hold(ctx); len(list) != 1 || list[0] != "INSTANCE VI_1 notify_backup (pid 7)" {
			t.Errorf("scripts that run: %v", list)
		}
		l.Release()
		if list := l.Hold(t.Context()); len(list) != 0 { // ends with notify_backup, before notify
			t.Error(list)
		}
		master := event.InstanceState{Instance: "VI_1", State: event.Master, Since: time.Now(), Priority: 100}
		l.Instance(master)
		pause(time.Hour)
		diff(t, "scripts", []string{"0s /down/1s", "0s /backup/5s"}, l.list())

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
		}, next.list())
		if last := next.Last(); len(last) != 5 {
			t.Errorf("the last scripts are %+v", last)
		}
		stop(t, next)
		stop(t, l) // one that is held tells all the same
		if last := l.list()[len(l.list())-1]; !strings.HasSuffix(last, "STOP 100") {
			t.Errorf("the held one told %v at its end", l.list())
		}
	})
}
