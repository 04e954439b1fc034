package notify_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
)

// timed is a script with a time limit.
func timed(path string, limit time.Duration) conf.Script {
	s := script(path)
	s.Timeout = limit
	return s
}

// beforeRelease waits for the scripts, and returns how long they took.
func beforeRelease(l *lab, ids []conf.InstanceID) time.Duration {
	began, done := time.Now(), make(chan struct{})
	l.BeforeRelease(ids, func() { close(done) })
	<-done
	return time.Since(began)
}

// Before addresses are given up on purpose the scripts of MASTERs run, beside what still runs,
// and nobody waits for them longer than is configured.
func TestBeforeRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		cfg := &conf.Config{
			Instances: []*conf.Instance{
				{Name: "VI_1", VRID: 1, Notify: conf.NotifyScripts{
					Release: timed("/release1/2s", 5*time.Second), Master: script("/master/20s"),
				}},
				{Name: "VI_2", VRID: 2, Notify: conf.NotifyScripts{Release: timed("/release2/2s", time.Second)}},
				{Name: "VI_3", VRID: 3, Notify: conf.NotifyScripts{Release: timed("/release3/100s", 3*time.Second)}},
			},
			SyncGroups: []*conf.SyncGroup{{Name: "G", Members: []string{"VI_1"},
				Notify: conf.NotifyScripts{Release: timed("/group/3s", 5*time.Second)}}},
		}
		l.Apply(cfg)
		if took := beforeRelease(l, nil); took != 0 {
			t.Errorf("nothing is MASTER, and it took %v", took)
		}
		state := func(n int, s event.VRRPState) {
			i := cfg.Instances[n]
			l.Instance(event.InstanceState{Instance: i.Name, ID: i.ID().String(), State: s, Since: time.Now()})
		}
		state(0, event.Master)
		state(1, event.Backup)
		state(2, event.Master)
		l.Group(event.GroupState{Group: "G", State: event.Master})
		pause(time.Second)
		if took := beforeRelease(l, []conf.InstanceID{cfg.Instances[0].ID()}); took != 3*time.Second {
			t.Errorf("took %v, want the 3 s of the group's script", took)
		}
		pause(time.Minute)
		if took := beforeRelease(l, []conf.InstanceID{cfg.Instances[1].ID()}); took != 0 {
			t.Errorf("took %v for a BACKUP", took)
		}
		took := beforeRelease(l, []conf.InstanceID{cfg.Instances[2].ID()})
		if took < 3*time.Second || took > 3*time.Second+2*time.Second {
			t.Errorf("took %v, want the 3 s of notify_release_timeout", took)
		}
		pause(time.Second)
		var order []string
		for _, s := range l.list() {
			order = append(order, strings.Split(s, "/")[1])
		}
		diff(t, "scripts", 4, len(order))
		recent := l.Recent()
		if len(recent) != 4 || recent[0].Object != "INSTANCE VI_1" || recent[0].Script != "notify_release" {
			t.Errorf("remembered: %+v", recent)
		}
		stop(t, l)
		time.Sleep(time.Hour)
	})
}

// notify_master_again: who keeps the mastership after a conflict tells it once more when the
// other has given up, and nobody who has lost it meanwhile.
func TestMasterAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := &conf.Config{
			Instances: []*conf.Instance{
				{Name: "VI_1", VRID: 1, Notify: conf.NotifyScripts{Master: script("/one/1s"), MasterAgain: true}},
				{Name: "VI_2", VRID: 2, Notify: conf.NotifyScripts{Master: script("/two/1s")}},
			},
			SyncGroups: []*conf.SyncGroup{{Name: "G", Members: []string{"VI_1"},
				Notify: conf.NotifyScripts{Master: script("/group/1s"), MasterAgain: true}}},
		}
		r := &recorder{}
		l := newLabWith(notify.Options{Listeners: []notify.Listener{r}})
		l.Apply(cfg)
		at := func(n int, s event.VRRPState) {
			i := cfg.Instances[n]
			l.Instance(event.InstanceState{Instance: i.Name, ID: i.ID().String(), State: s, Since: time.Now()})
		}
		heard := func() {
			for _, i := range cfg.Instances {
				l.LowerHeard(event.LowerHeard{Instance: i.Name, ID: i.ID().String()})
			}
		}
		at(0, event.Master)
		at(1, event.Master)
		l.Group(event.GroupState{Group: "G", State: event.Master})
		pause(10 * time.Second)
		for range 5 { // until 14 s
			heard()
			pause(time.Second)
		}
		pause(time.Minute)
		heard()
		pause(time.Second)
		at(0, event.Backup)
		at(1, event.Backup)
		l.Group(event.GroupState{Group: "G", State: event.Backup})
		pause(time.Minute)
		var seen []string
		for _, s := range l.list() {
			if !strings.HasPrefix(s, "0s") {
				seen = append(seen, s)
			}
		}
		if len(seen) != 2 || !strings.HasPrefix(seen[0], "17s ") || !strings.HasPrefix(seen[1], "17s ") {
			t.Errorf("told again: %v, want one and group 3 s after the last one was heard", seen)
		}
		stop(t, l)
	})
}

// Ten thousand transitions in a minute: what is kept of them stays bounded, and the last one is
// told.
func TestTenThousandTransitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Any: script("/any/50ms")}))
		for n := range 10000 {
			l.tell([]event.VRRPState{event.Backup, event.Master}[n%2])
			time.Sleep(6 * time.Millisecond)
		}
		pause(10 * time.Second)
		list := l.list()
		if last := list[len(list)-1]; !strings.Contains(last, " MASTER ") {
			t.Errorf("the last one that was told: %s", last)
		}
		if n := len(l.Recent()); n > notify.MaxRecent {
			t.Errorf("%d are remembered", n)
		}
		if n := strings.Count(l.log.String(), "\n"); n > 10 {
			t.Errorf("%d lines in the log, want one in ten seconds", n)
		}
		stop(t, l)
	})
}
