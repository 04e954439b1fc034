package notify_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/program"
)

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Master: script("/old/5s"), Fault: script("/fault/1s")}))
		l.tell(event.Master)
		pause(time.Second)
		l.Apply(instances(conf.NotifyScripts{Master: script("/new/1s"), Fault: script("/newfault/1s")}))
		pause(10 * time.Second)
		diff(t, "a reload runs nothing", []string{"0s /old/5s"}, l.seen)
		l.tell(event.Backup) // has no script
		l.tell(event.Master)
		pause(5 * time.Second)
		l.Apply(&conf.Config{})
		pause(5 * time.Second)
		l.tell(event.Stop) // of an instance that is gone
		pause(5 * time.Second)
		if list := l.Last(); len(list) != 0 {
			t.Errorf("of what is gone is still known: %+v", list)
		}
		stop(t, l)
		diff(t, "scripts", []string{"0s /old/5s", "11s /new/1s", "16s /newfault/1s"}, l.seen)
	})
}

func TestDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Fault: script("/fault/0s"), Deleted: script("/deleted/1s"),
			Any: script("/any/0s")}))
		l.Apply(&conf.Config{}) // it never was anything: nobody is told
		l.Apply(instances(conf.NotifyScripts{Fault: script("/fault/0s"), Deleted: script("/deleted/1s"),
			Any: script("/any/0s")}))
		l.tell(event.Backup)
		pause(5 * time.Second)
		l.Apply(&conf.Config{})
		pause(5 * time.Second)
		stop(t, l)
		diff(t, "scripts", []string{
			"0s /any/0s INSTANCE VI_1 BACKUP 100", "5s /deleted/1s", "6s /any/0s INSTANCE VI_1 DELETED 100",
		}, l.seen)
	})
}

func TestLastAndFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab()
		l.Apply(instances(conf.NotifyScripts{Master: script("/fail/1s a"), Any: script("/any/10s")}))
		l.tell(event.Master)
		pause(5 * time.Second)
		diff(t, "last", []notify.Last{
			{Object: "INSTANCE VI_1", Script: "notify", State: "MASTER", Running: true, Exit: program.Exit{
				Argv: []string{"/any/10s", "INSTANCE", "VI_1", "MASTER", "100"}, PID: 7, Started: l.began.Add(time.Second)}},
			{Object: "INSTANCE VI_1", Script: "notify_master", State: "MASTER", Exit: program.Exit{
				Argv: []string{"/fail/1s", "a"}, PID: 7, Started: l.began, Ended: l.began.Add(time.Second), Code: 3,
				Output: "no such thing"}, Ended: 1, Failed: 1},
		}, l.Last())
		pause(time.Minute)
		l.tell(event.Backup)
		pause(time.Minute)
		l.tell(event.Master)
		pause(time.Minute)
		for _, last := range l.Last() {
			if want := map[string]uint64{"notify": 3, "notify_master": 2}[last.Script]; last.Ended != want {
				t.Errorf("%d runs of %s have ended, want %d", last.Ended, last.Script, want)
			}
		}
		if n := l.Last()[1].Failed; n != 2 {
			t.Errorf("%d have failed", n)
		}
		const line = `level=WARN msg="script failed" object="INSTANCE VI_1" script=notify_master state=MASTER program=/fail/1s reason="exit status 3" output="no such thing"
`
		diff(t, "log", line+line, l.log.String())
		stop(t, l)
	})
}
