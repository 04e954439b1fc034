package notify_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

func TestOrderAndArguments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{
			Master: script("/master/2s with args"), Backup: script("/backup/1s"), Fault: script("/fault/1s"),
			Stop: script("/stop/1s"), Any: script("/any/1s x"),
		}))
		l.tell(event.Init)
		l.tell(event.Backup)
		pause(10 * time.Second)
		l.tell(event.Master)
		pause(10 * time.Second)
		l.tell(event.Fault)
		pause(10 * time.Second)
		stop(t, l)
		diff(t, "scripts", []string{
			"0s /backup/1s", "1s /any/1s x INSTANCE VI_1 BACKUP 100",
			"10s /master/2s with args", "12s /any/1s x INSTANCE VI_1 MASTER 100",
			"20s /fault/1s", "21s /any/1s x INSTANCE VI_1 FAULT 100",
			"30s /stop/1s", "31s /any/1s x INSTANCE VI_1 STOP 100",
		}, l.seen)
		if now := time.Since(l.began); now != 32*time.Second {
			t.Errorf("stopped after %v, want as soon as the scripts have ended", now)
		}
		diff(t, "log", "", l.log.String())
	})
}

// TestCoalescing: one at a time; what waits is the latest state and nothing else.
func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		cfg := &conf.Config{SyncGroups: []*conf.SyncGroup{{Name: "G", Notify: conf.NotifyScripts{
			Master: script("/master/1s"), Any: script("/any/1s"),
		}}}}
		l.Apply(cfg)
		tell := func(s event.VRRPState, quiet bool) {
			l.Group(event.GroupState{Group: "G", State: s, Since: time.Now(), Quiet: quiet})
			pause(5 * time.Second)
		}
		tell(event.Backup, false)
		tell(event.Master, true) // it was MASTER in the worker before
		tell(event.Fault, false)
		tell(event.Master, false)
		stop(t, l)
		diff(t, "scripts", []string{
			"0s /any/1s GROUP G BACKUP 0", "10s /any/1s GROUP G FAULT 0",
			"15s /master/1s", "16s /any/1s GROUP G MASTER 0", "20s /any/1s GROUP G STOP 0",
		}, l.seen)
	})
}

func TestCoalescing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Master: script("/master/5s"), Backup: script("/backup/5s"),
			Any: script("/any/1s")}))
		l.tell(event.Backup)
		pause(time.Second)
		for range 10 {
			l.tell(event.Master)
			l.tell(event.Backup)
			l.tell(event.Master)
			pause(100 * time.Millisecond)
		}
		pause(20 * time.Second)
		stop(t, l)
		diff(t, "scripts", []string{
			"0s /backup/5s", "5s /any/1s INSTANCE VI_1 BACKUP 100",
			"6s /master/5s", "11s /any/1s INSTANCE VI_1 MASTER 100",
			"22s /any/1s INSTANCE VI_1 STOP 100",
		}, l.seen)
		if l.most != 1 {
			t.Errorf("%d scripts of one object at once", l.most)
		}
	})
}

// TestPatience: a script that does not end holds up the next for 30 seconds.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Master: script("/master/100s"), Backup: script("/backup/1s"),
			Any: script("/any/1s")}))
		l.tell(event.Master)
		pause(10 * time.Second)
		l.tell(event.Backup)
		pause(90 * time.Second)
		diff(t, "scripts", []string{
			"0s /master/100s", "30s /any/1s INSTANCE VI_1 MASTER 100",
			"31s /backup/1s", "32s /any/1s INSTANCE VI_1 BACKUP 100",
		}, l.seen)
		diff(t, "log", `level=WARN msg="script is still running, starting the next one beside it" object="INSTANCE VI_1" script=notify_master pid=7 next=notify state=MASTER
`, l.log.String())
		for _, last := range l.Last() {
			if last.Running {
				t.Errorf("after its end still running: %+v", last)
			}
		}
		stop(t, l)
	})
}

// TestNeverEnding: scripts that never end worked with keepalived; each is
// passed as soon as it has had its time, at once if that is long ago.
func TestNeverEnding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Master: script("/master/9000h"), Backup: script("/backup/1s"),
			Stop: script("/stop/1s")}))
		l.tell(event.Master)
		pause(time.Hour)
		diff(t, "log while nothing waits", "", l.log.String())
		l.tell(event.Backup)
		pause(time.Minute)
		diff(t, "scripts", []string{"0s /master/9000h", "1h0m0s /backup/1s"}, l.seen)
		for range 50 {
			l.tell(event.Master)
			pause(time.Minute)
		}
		l.do(func() {
			if l.now > 33 {
				t.Errorf("%d scripts were left running", l.now)
			}
		})
		began := time.Now()
		stop(t, l)
		if took := time.Since(began); took != time.Second {
			t.Errorf("stopped after %v, want the second that notify_stop takes", took)
		}
		if last := l.seen[len(l.seen)-1]; !strings.HasSuffix(last, " /stop/1s") {
			t.Errorf("the last script was %s", last)
		}
		time.Sleep(10000 * time.Hour)
	})
}

func TestStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Stop: script("/stop/9s")}))
		l.tell(event.Master)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		err := l.Stop(ctx)
		if err == nil || !strings.Contains(err.Error(), "left running: INSTANCE VI_1 notify_stop (pid 7)") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(l.began); took != 2*time.Second {
			t.Errorf("stopped after %v", took)
		}
		if err := l.Stop(ctx); err != nil || l.Last() != nil {
			t.Errorf("a second Stop: %v", err)
		}
		l.tell(event.Backup) // heard by nobody
		time.Sleep(time.Minute)
	})
}

// TestNotTold: states that were taken over or heard before are no news.
func TestNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Any: script("/any/0s")}))
		master := event.InstanceState{Instance: "VI_1", State: event.Master, Since: time.Now(), Priority: 100, Quiet: true}
		l.Instance(master)
		again := master
		again.Quiet, again.Priority = false, 90 // only the priority has changed
		l.Instance(again)
		l.Instance(event.InstanceState{Instance: "unknown", State: event.Master, Since: time.Now()})
		pause(time.Second)
		diff(t, "scripts", []string{}, l.seen)
		l.Instance(event.InstanceState{Instance: "VI_1", State: event.Stop, Since: time.Now(), Priority: 90})
		pause(time.Second)
		stop(t, l) // was told already
		diff(t, "scripts", []string{"1s /any/0s INSTANCE VI_1 STOP 90"}, l.seen)
	})
}
