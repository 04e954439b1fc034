package notify_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
)

// everything is a configuration with each kind of script, and its states: VI_1 is MASTER, VI_2 and the
// group are BACKUP; one of two real servers is down, the quorum holds.
func everything(l *lab) {
	cfg := servers(2, "/up/1s", "/down/1s", false)
	cfg.VirtualServers[0].QuorumUp, cfg.VirtualServers[0].QuorumDown = script("/quorum/1s up"), script("/quorum/1s down")
	scripts := conf.NotifyScripts{
		Master: script("/master/1s x"), Backup: script("/backup/1s"), Fault: script("/fault/1s"), Stop: script("/stop/1s"),
		Deleted: script("/deleted/1s"), RxLowerPriority: script("/lower/1s"), Release: script("/release/1s"),
		Any: script("/any/1s y"),
	}
	cfg.Instances = []*conf.Instance{{Name: "VI_1", Notify: scripts}, {Name: "VI_2", VRID: 2, Notify: scripts}}
	cfg.SyncGroups = []*conf.SyncGroup{{Name: "G", Notify: conf.NotifyScripts{Any: script("/any/1s y")}}}
	cfg.Global.StartupScript, cfg.Global.ShutdownScript = script("/around/1s start"), script("/around/1s stop")
	l.Apply(cfg)
	for n, state := range []event.VRRPState{event.Master, event.Backup} {
		i := cfg.Instances[n]
		l.Instance(event.InstanceState{Instance: i.Name, ID: i.ID().String(), State: state, Priority: 100, Since: time.Now()})
	}
	l.Group(event.GroupState{Group: "G", State: event.Backup})
	l.quorum(true)
	l.RealServer(event.RealServerState{VirtualServer: "[10.0.0.1]:tcp:80", RealServer: "[10.0.1.2]:tcp:80"})
	pause(time.Minute)
	l.do(func() { l.seen = nil })
}

func texts(list []notify.Call) (out []string) {
	for _, c := range list {
		text := fmt.Sprintf("%s of %s+%d %s: %s", c.Script, c.Object, c.Others, c.State, strings.Join(c.Command.Argv, " "))
		switch {
		case c.Ran:
			text += " ran: " + c.Exit.String()
		case c.Present:
			text += " present"
		}
		out = append(out, text)
	}
	return out
}

// TestCalls: each program is listed once with the words that it gets, and those that tell what is so already
// are repeated, and no others.
func TestCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		diff(t, "without a configuration", []string{}, texts(l.Calls()))
		everything(l)
		want := []string{
			"notify_master of INSTANCE VI_1+1 MASTER: /master/1s x present",
			"notify_backup of INSTANCE VI_2+1 BACKUP: /backup/1s present",
			"notify_fault of INSTANCE VI_1+1 FAULT: /fault/1s",
			"notify_stop of INSTANCE VI_1+1 STOP: /stop/1s",
			"notify_deleted of INSTANCE VI_1+1 DELETED: /deleted/1s",
			"notify of INSTANCE VI_1+2 MASTER: /any/1s y INSTANCE VI_1 MASTER 100 present",
			"notify_master_rx_lower_pri of INSTANCE VI_1+1 MASTER_RX_LOWER_PRI: /lower/1s",
			"notify_release of INSTANCE VI_1+1 RELEASE: /release/1s",
			"quorum_up of VIRTUAL_SERVER [10.0.0.1]:tcp:80+0 UP: /quorum/1s up present",
			"quorum_down of VIRTUAL_SERVER [10.0.0.1]:tcp:80+0 DOWN: /quorum/1s down",
			"notify_up of REAL_SERVER [10.0.1.1]:tcp:80 of [10.0.0.1]:tcp:80+1 UP: /up/1s",
			"notify_down of REAL_SERVER [10.0.1.2]:tcp:80 of [10.0.0.1]:tcp:80+1 DOWN: /down/1s present",
			"startup_script of director+0 : /around/1s start",
			"shutdown_script of director+0 : /around/1s stop",
		}
		list := l.Calls()
		diff(t, "calls", want, texts(list))
		for i := range want {
			want[i] = strings.Replace(want[i], " present", " ran: exit status 0", 1)
		}
		diff(t, "repeated", want, texts(l.Repeat(t.Context(), list)))
		got := strings.Join(l.list(), "\n")
		for _, text := range []string{"/master/1s x", "/backup/1s", "/any/1s y INSTANCE VI_1 MASTER 100", "/quorum/1s up",
			"/down/1s"} {
			if strings.Count(got, " "+text) != 1 {
				t.Errorf("%s did not run once:\n%s", text, got)
			}
		}
		diff(t, "runs", 5, len(l.list()))
		stop(t, l)
		diff(t, "at the end", []string{}, texts(l.Calls()))
		if list := l.Repeat(t.Context(), list); list[0].Ran {
			t.Error("a script runs after the end")
		}
	})
}

// TestRepeatTellsNothingOld: a state that is over when its turn comes, or that waits behind a later one, is not
// what is told last; who waits for a script that does not end waits no longer than he wants.
func TestRepeatTellsNothingOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Master: script("/master/10s"), Backup: script("/backup/1s")}))
		l.tell(event.Master)
		pause(time.Minute)
		list := l.Calls()
		go func() { pauseAndTell(l, time.Second, event.Backup) }()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		diff(t, "repeated", []string{
			"notify_master of INSTANCE VI_1+0 MASTER: /master/10s present",
			"notify_backup of INSTANCE VI_1+0 BACKUP: /backup/1s",
		}, texts(l.Repeat(ctx, list)))
		pause(time.Minute)
		diff(t, "scripts", []string{"0s /master/10s", "1m0s /master/10s", "1m10s /backup/1s"}, l.list())
		diff(t, "what is over", []string{
			"notify_master of INSTANCE VI_1+0 MASTER: /master/10s",
			"notify_backup of INSTANCE VI_1+0 BACKUP: /backup/1s",
		}, texts(l.Repeat(t.Context(), list)))
		diff(t, "scripts", 3, len(l.list()))
		stop(t, l)
	})
}

// TestRepeatTakesNoPlace: a test that is asked for again and again takes the place of no state that waits.
func TestRepeatTakesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{
			Master: script("/master/1s"), Backup: script("/backup/20s"), Any: script("/any"),
		}))
		l.tell(event.Backup)
		pause(time.Second)
		l.tell(event.Master)
		synctest.Wait()
		list := l.Calls()
		for range 40 {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			l.Repeat(ctx, list)
			cancel()
		}
		pause(time.Minute)
		if got := l.list(); len(got) < 4 || got[2] != "20s /master/1s" ||
			!strings.HasSuffix(got[3], "/any INSTANCE VI_1 MASTER 100") {
			t.Errorf("the state was not told: %q", got)
		}
		stop(t, l)
	})
}

func pauseAndTell(l *lab, d time.Duration, s event.VRRPState) {
	time.Sleep(d)
	l.tell(s)
}

// TestTellAgain tells one object of VRRP and one of IPVS, and nothing of which nothing is known.
func TestTellAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		l := newLabWith(notify.Options{Listeners: []notify.Listener{r}})
		l.Apply(instances(conf.NotifyScripts{}))
		diff(t, "at the start", 0, len(l.TellAgain()))
		everything(l)
		r.told = nil
		for _, h := range l.TellAgain() {
			if !h.Again {
				t.Errorf("%+v would be news", h)
			}
		}
		diff(t, "told", []string{"0 VI_1 MASTER 100", "2 [10.0.0.1]:tcp:80 UP 0"}, r.told)
		l.quorum(false)
		r.told = nil
		l.TellAgain()
		diff(t, "told", []string{"0 VI_1 MASTER 100", "3 [10.0.1.2]:tcp:80 DOWN 0 of [10.0.0.1]:tcp:80"}, r.told)
		stop(t, l)
		diff(t, "at the end", 0, len(l.TellAgain()))
	})
}
