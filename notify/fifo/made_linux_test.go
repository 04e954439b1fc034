package fifo_test

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/notify/fifo"
)

// disk keeps the note of which FIFOs were made.
type disk struct {
	mu     sync.Mutex
	text   []byte
	before []byte        // what it was before the last
	hangs  chan struct{} // a write waits for its end; nil is not
	writes int
	broken error
}

func (d *disk) Read() ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text, d.broken
}

func (d *disk) Write(text []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return d.broken
	}
	if hangs := d.hangs; hangs != nil {
		d.mu.Unlock()
		<-hangs
		d.mu.Lock()
	}
	d.before, d.text = d.text, text
	d.writes++
	return nil
}

func (d *disk) breaks(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = err
}

func (d *disk) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return string(d.text)
}

// on is a lab in a folder, whose note is on a disk.
func on(t *testing.T, d *disk, dir string) *lab {
	l := newLab(t)
	l.stop()
	l.dir = dir
	l.FIFOs = fifo.New(fifo.Options{Runner: l.runner, Log: slog.New(slog.NewTextHandler(&l.log, nil)), Made: d})
	return l
}

// kill ends what would run on, and leaves the FIFO at path and the note as a director leaves them
// that is killed.
func (l *lab) kill(d *disk, path string) {
	l.t.Helper()
	text := d.String()
	if err := os.Rename(path, path+".away"); err != nil {
		l.t.Fatal(err)
	}
	l.stop()
	if err := errors.Join(os.Rename(path+".away", path), d.Write([]byte(text))); err != nil {
		l.t.Fatal(err)
	}
}

func standing(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// TestTheFIFOOfAKilledDirector: the next director knows it by a note, and removes it at its end, also
// when its configuration has that FIFO no more. One that somebody else has made since at the same
// path stays.
func TestTheFIFOOfAKilledDirector(t *testing.T) {
	for _, test := range []struct {
		name    string
		between func(l *lab)         // what happens before the next start
		config  func(g *conf.Global) // of the next
		stands  bool                 // while it runs
		stays   bool                 // after its end
	}{
		{name: "as it was left", stands: true},
		{name: "of another configuration", config: func(g *conf.Global) { g.FIFO.Path += "2" }},
		{name: "for another user", stands: true, config: func(g *conf.Global) {
			g.FIFO.Script = conf.Script{Argv: []string{"/read"}, User: "nobody", Group: "nogroup"}
		}},
		{name: "made by somebody since", stands: true, stays: true, between: func(l *lab) {
			// The old one stays open: its number is not given away again.
			l.reader(l.path("f"))
			if err := errors.Join(os.Remove(l.path("f")), unix.Mkfifo(l.path("f"), 0o600)); err != nil {
				l.t.Fatal(err)
			}
		}},
		{name: "a file since", stands: true, stays: true, between: func(l *lab) {
			if err := errors.Join(os.Remove(l.path("f")), os.WriteFile(l.path("f"), nil, 0o600)); err != nil {
				l.t.Fatal(err)
			}
		}},
		{name: "a file since, of another configuration", stands: true, stays: true, between: func(l *lab) {
			if err := errors.Join(os.Remove(l.path("f")), os.WriteFile(l.path("f"), nil, 0o600)); err != nil {
				l.t.Fatal(err)
			}
		}, config: func(g *conf.Global) { g.FIFO.Path += "2" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &disk{}
				killed := on(t, d, t.TempDir())
				path := killed.path("f")
				killed.apply(func(g *conf.Global) { g.FIFO.Path = path })
				killed.kill(d, path)
				if test.between != nil {
					test.between(killed)
				}
				next := on(t, d, killed.dir)
				next.apply(func(g *conf.Global) {
					g.FIFO.Path = path
					if test.config != nil {
						test.config(g)
					}
				})
				time.Sleep(time.Minute)
				synctest.Wait()
				diff(t, "stands while it runs", test.stands, standing(path))
				next.stop()
				diff(t, "stays at its end", test.stays, standing(path))
				diff(t, "the note at its end", "", d.String())
			})
		})
	}
}

// TestTheNoteIsWrittenOnce, not at each transition, and again while the disk refuses, which status says.
func TestTheNoteIsWrittenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		l := on(t, d, t.TempDir())
		l.apply(func(g *conf.Global) { g.FIFO.Path = l.path("f") })
		for range 100 {
			l.tell(0, "MASTER")
		}
		diff(t, "writes", 2, d.writes) // that it will be made, and which it is
		d.breaks(errors.New("disk full"))
		l.apply(func(g *conf.Global) { g.FIFO.Path = l.path("g") })
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if s := l.Status()[0]; !strings.Contains(s.Problem, "disk full") || s.Waiting != 0 {
			t.Errorf("status %+v", s)
		}
		diff(t, "lines of the log", 1, strings.Count(l.log.String(), "disk full"))
		d.breaks(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		diff(t, "writes", 3, d.writes) // it was made while none could be noted
		diff(t, "problem", "", l.Status()[0].Problem)
		if !strings.Contains(d.String(), l.path("g")) || strings.Contains(d.String(), l.path("f")+`"`) {
			t.Errorf("the note is %s", d)
		}
		l.stop()
	})
}

// TestANoteThatCannotBeRead stays until it can be, and is not overwritten; one that makes no sense is
// replaced.
func TestANoteThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		killed := on(t, d, t.TempDir())
		path := killed.path("f")
		killed.apply(func(g *conf.Global) { g.FIFO.Path = path })
		killed.kill(d, path)
		d.breaks(errors.New("input/output error"))
		next := on(t, d, killed.dir)
		next.apply(func(g *conf.Global) { g.FIFO.Path = path })
		next.tell(0, "MASTER")
		diff(t, "line", "INSTANCE \"VI_1\" MASTER 100\n", read(next.reader(path), 0))
		time.Sleep(time.Minute)
		d.breaks(nil)
		time.Sleep(time.Minute)
		next.stop()
		diff(t, "stays", false, standing(path))

		if err := d.Write([]byte(`{"made": 7`)); err != nil {
			t.Fatal(err)
		}
		last := on(t, d, killed.dir)
		last.apply(func(g *conf.Global) { g.FIFO.Path = path })
		if !strings.Contains(d.String(), path) || !strings.Contains(last.log.String(), "makes no sense") {
			t.Errorf("the note is %s, the log %s", d, last.log.String())
		}
		last.stop()
	})
}

// TestKilledBeforeWhichItIsIsNoted: a FIFO that was made when a director was killed, and of which it was
// noted only that it is about to be, is removed by the next one. One that somebody made later, or for
// somebody else to write to, stays.
func TestKilledBeforeWhichItIsIsNoted(t *testing.T) {
	for _, test := range []struct {
		name    string
		between func(path string) error
		config  func(g *conf.Global) // of the next
		stays   bool
	}{
		{name: "as it was left"},
		{name: "of another configuration", config: func(g *conf.Global) { g.FIFO.Path += "2" }},
		{name: "not made", between: os.Remove},
		{name: "opened to others", stays: true, between: func(path string) error { return os.Chmod(path, 0o622) }},
		{name: "of another user", stays: true, between: func(path string) error { return os.Chown(path, 1, 1) }},
		{name: "of another user and configuration", stays: true, between: func(path string) error {
			return os.Chown(path, 1, 1)
		}, config: func(g *conf.Global) { g.FIFO.Path += "2" }},
		{name: "a file", stays: true, between: func(path string) error {
			return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &disk{}
				killed := on(t, d, t.TempDir())
				path := killed.path("f")
				killed.apply(func(g *conf.Global) { g.FIFO.Path = path })
				if d.writes != 2 || !strings.Contains(string(d.before), path) {
					t.Fatalf("before it was made the note was %q", d.before)
				}
				d.text = d.before
				killed.kill(d, path)
				if test.between != nil {
					if err := test.between(path); err != nil {
						t.Fatal(err)
					}
				}
				next := on(t, d, killed.dir)
				next.apply(func(g *conf.Global) {
					g.FIFO.Path = path
					if test.config != nil {
						test.config(g)
					}
				})
				time.Sleep(time.Minute)
				synctest.Wait()
				next.stop()
				diff(t, "stays at its end", test.stays, standing(path))
				diff(t, "the note at its end", "", d.String())
			})
		})
	}
}

// TestADiskThatHangs keeps a FIFO from being made for a second, and no longer.
func TestADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{hangs: make(chan struct{})}
		l := on(t, d, t.TempDir())
		l.apply(func(g *conf.Global) { g.FIFO.Path = l.path("f") })
		diff(t, "stands at once", false, standing(l.path("f")))
		time.Sleep(time.Second)
		synctest.Wait()
		diff(t, "stands after a second", true, standing(l.path("f")))
		l.tell(0, "MASTER")
		diff(t, "line", "INSTANCE \"VI_1\" MASTER 100\n", read(l.reader(l.path("f")), 0))
		close(d.hangs)
		l.stop()
		diff(t, "stands at the end", false, standing(l.path("f")))
	})
}

// TestADirectoryThatIsMissing does not have the note written at each attempt to make a FIFO in it.
func TestADirectoryThatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		l := on(t, d, t.TempDir())
		path := l.path("later/f")
		l.apply(func(g *conf.Global) { g.FIFO.Path = path })
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		d.mu.Lock()
		if d.writes == 0 || d.writes > 21 {
			t.Errorf("%d writes in ten minutes", d.writes)
		}
		d.mu.Unlock()
		if err := os.Mkdir(l.path("later"), 0o755); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		diff(t, "stands", true, standing(path))
		l.stop()
		diff(t, "the note at its end", "", d.String())
	})
}
