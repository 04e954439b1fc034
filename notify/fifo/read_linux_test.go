package fifo_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/program"
)

// awaits is what AwaitReading says within three seconds.
func (l *lab) awaits(t *testing.T) (list []string) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	for _, r := range l.AwaitReading(ctx) {
		list = append(list, fmt.Sprintf("%s %v: %v", r.Keyword, r.Script, r.Err))
	}
	synctest.Wait()
	return list
}

// TestWhetherItIsRead: a line counts as read when the reader has taken all of it, whatever is told after it;
// status and waiting lines of other FIFOs count for nothing.
func TestWhetherItIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		diff(t, "without a FIFO", []string(nil), l.awaits(t))
		l.apply(func(g *conf.Global) {
			g.FIFO = conf.FIFO{Path: l.path("all"), Script: conf.Script{Argv: []string{"/read"}}}
			g.LVSFIFO.Path = l.path("lvs")
		})
		script := fmt.Sprintf("[/read %s]", l.path("all"))
		diff(t, "nothing was told", []string{"notify_fifo " + script + ": <nil>", "lvs_notify_fifo []: <nil>"}, l.awaits(t))
		l.tell(0, "MASTER")
		unread := []string{"notify_fifo " + script + ": nobody has read it", "lvs_notify_fifo []: <nil>"}
		diff(t, "unread", unread, l.awaits(t))
		f := l.reader(l.path("all"))
		read(f, 5)
		diff(t, "read half", unread, l.awaits(t))
		go func() {
			time.Sleep(time.Second)
			read(f, len("INSTANCE \"VI_1\" MASTER 100\n")-5)
			l.Told(notify.Happening{Name: "VI_2", ID: l.cfg.Instances[1].ID().String(), State: "MASTER"})
		}()
		began := time.Now()
		diff(t, "read", []string{"notify_fifo " + script + ": <nil>", "lvs_notify_fifo []: <nil>"}, l.awaits(t))
		if took := time.Since(began); took < time.Second || took > 2*time.Second {
			t.Errorf("after %v", took)
		}
		for n := range 5000 {
			l.tell(0, []string{"BACKUP", "MASTER"}[n%2])
		}
		if got := l.awaits(t)[0]; !strings.Contains(got, "it is full, and ") {
			t.Errorf("of a full one: %s", got)
		}
		l.ends[0] <- program.Exit{Code: 1}
		if err := errors.Join(os.Remove(l.path("lvs")), os.Mkdir(l.path("lvs"), 0o700)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := l.awaits(t)[1]; !strings.Contains(got, "is a directory and not a FIFO") {
			t.Errorf("of a directory: %s", got)
		}
		l.stop()
		diff(t, "at the end", []string(nil), l.awaits(t))
	})
}

// TestReadingIsAwaitedOverAReload that takes the FIFO away.
func TestReadingIsAwaitedOverAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.apply(func(g *conf.Global) { g.FIFO.Path = l.path("f") })
		l.tell(0, "MASTER")
		go func() {
			time.Sleep(time.Second)
			l.apply(func(g *conf.Global) { g.FIFO = conf.FIFO{} })
		}()
		got := l.awaits(t)
		if len(got) != 1 || !strings.Contains(got[0], "it is not open") {
			t.Errorf("%q", got)
		}
		l.stop()
	})
}

// TestAScriptThatDoesNotRun reads nothing, also when there is nothing to read.
func TestAScriptThatDoesNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.apply(func(g *conf.Global) {
			g.FIFO = conf.FIFO{Path: l.path("f"), Script: conf.Script{Argv: []string{"/read"}}}
		})
		for n := range 3 {
			l.ends[n] <- program.Exit{Code: 1}
			synctest.Wait()
			if n < 2 {
				time.Sleep(2 * time.Second) // it is started again
				synctest.Wait()
			}
		}
		diff(t, "said", []string{"notify_fifo [/read " + l.path("f") + "]: its script /read does not run"}, l.awaits(t))
		l.stop()
	})
}
