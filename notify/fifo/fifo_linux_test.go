package fifo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/fifo"
	"github.com/lvs-director/director/notify/program"
)

// runner runs programs that only note that they run, and end when they are told.
type runner struct {
	began   time.Time
	started []string
	ends    []chan program.Exit // of each that was started
}

func (r *runner) Run(ctx context.Context, cmd program.Command, started func(int)) program.Exit {
	r.started = append(r.started, fmt.Sprint(time.Since(r.began), " ", strings.Join(cmd.Argv, " ")))
	end := make(chan program.Exit, 1)
	r.ends = append(r.ends, end)
	started(100 + len(r.ends))
	return r.wait(ctx, program.Exit{Argv: cmd.Argv, PID: 100 + len(r.ends)}, end)
}

func (r *runner) Adopt(ctx context.Context, h *program.Handoff) program.Exit {
	end := make(chan program.Exit, 1)
	r.ends = append(r.ends, end)
	return r.wait(ctx, program.Exit{Argv: h.Argv, PID: h.PID}, end)
}

func (r *runner) wait(ctx context.Context, e program.Exit, end chan program.Exit) program.Exit {
	select {
	case exit := <-end:
		exit.Argv, exit.PID = e.Argv, e.PID
		return exit
	case <-ctx.Done():
		if errors.Is(context.Cause(ctx), program.ErrHandOff) {
			e.Handoff = &program.Handoff{Argv: e.Argv, PID: e.PID, Output: -1}
		}
		e.TimedOut = true
		return e
	}
}

// logText is what was logged. The lock orders what the time of synctest alone orders.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// lab is FIFOs in a folder of their own.
type lab struct {
	*fifo.FIFOs
	*runner
	dir string
	cfg *conf.Config
	log logText
	t   *testing.T
}

func newLab(t *testing.T) *lab {
	l := &lab{runner: &runner{began: time.Now()}, dir: t.TempDir(), t: t}
	l.cfg = &conf.Config{
		Instances:  []*conf.Instance{{Name: "VI_1"}, {Name: "VI_2", VRID: 2}},
		SyncGroups: []*conf.SyncGroup{{Name: "G"}},
	}
	l.FIFOs = fifo.New(fifo.Options{Runner: l.runner, Log: slog.New(slog.NewTextHandler(&l.log, nil))})
	return l
}

func (l *lab) path(name string) string { return filepath.Join(l.dir, name) }

// apply puts a configuration in force with one FIFO for everything.
func (l *lab) apply(change func(*conf.Global)) {
	next := *l.cfg
	change(&next.Global)
	l.cfg = &next
	l.Apply(l.cfg)
	synctest.Wait()
}

func (l *lab) tell(n int, state string) {
	i := l.cfg.Instances[n]
	l.Told(notify.Happening{Name: i.Name, ID: i.ID().String(), State: state, Priority: 100, At: time.Now()})
	synctest.Wait()
}

// Status is what is known, when nothing is under way.
func (l *lab) Status() []fifo.Status {
	s := l.FIFOs.Status()
	synctest.Wait()
	return s
}

// reader opens a FIFO to read.
func (l *lab) reader(path string) *os.File {
	l.t.Helper()
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), path)
	l.t.Cleanup(func() { f.Close() })
	return f
}

// read reads what is there at most n bytes; 0 is all.
func read(f *os.File, n int) string {
	fd := int(f.Fd())
	var all []byte
	buf := make([]byte, 4096)
	for n == 0 || len(all) < n {
		part := buf
		if n > 0 {
			part = buf[:min(len(buf), n-len(all))]
		}
		got, err := unix.Read(fd, part)
		if got <= 0 || err != nil {
			break
		}
		all = append(all, part[:got]...)
	}
	return string(all)
}

func (l *lab) stop() {
	l.Stop(l.t.Context())
	synctest.Wait()
}

func diff(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// The lines are keepalived's, and each FIFO has its part of them.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.apply(func(g *conf.Global) {
			g.FIFO.Path, g.VRRPFIFO.Path, g.LVSFIFO.Path = l.path("all"), l.path("vrrp"), l.path("lvs")
		})
		all, vrrp, lvs := l.reader(l.path("all")), l.reader(l.path("vrrp")), l.reader(l.path("lvs"))
		vs, rs := "[10.0.0.1]:tcp:80", "[2001:db8::2]:udp:53"
		for _, h := range []notify.Happening{
			{Kind: notify.Instance, Name: "VI_1", State: "BACKUP", Priority: 100},
			{Kind: notify.Group, Name: "G 1", State: "MASTER", Priority: 7},
			{Kind: notify.Instance, Name: "VI_1", State: notify.MasterRxLowerPri, Priority: 150},
			{Kind: notify.Instance, Name: "VI_1", State: notify.MasterPriority, Priority: 50},
			{Kind: notify.VirtualServer, Name: vs, State: "UP"},
			{Kind: notify.RealServer, Name: rs, VirtualServer: vs, State: "DOWN"},
			{Kind: notify.VirtualServer, Name: "FWM 5", State: "DOWN"},
			{Kind: notify.Instance, Name: "a\"b\\c\nd%s", State: "FAULT", Priority: 1},
			{Kind: notify.VirtualServer, Name: "group\nINSTANCE \"x\" MASTER 1", State: "UP"},
			{Kind: notify.Instance, Name: strings.Repeat("x", 5000), State: "FAULT"},
		} {
			l.Told(h)
		}
		synctest.Wait()
		wantVRRP := []string{
			`INSTANCE "VI_1" BACKUP 100`, `GROUP "G 1" MASTER 0`, `INSTANCE "VI_1" MASTER_RX_LOWER_PRI 150`,
			`INSTANCE "VI_1" MASTER_PRIORITY 50`,
		}
		wantLVS := []string{`VS [10.0.0.1]:tcp:80 UP`, `RS [2001:db8::2]:udp:53 [10.0.0.1]:tcp:80 DOWN`, `VS FWM 5 DOWN`}
		odd := `INSTANCE "a\"b\\c\nd%s" FAULT 1`
		oddVS := `VS group?INSTANCE "x" MASTER 1 UP`
		lines := func(list ...string) string { return strings.Join(list, "\n") + "\n" }
		both := append(append([]string{}, wantVRRP...), wantLVS...)
		diff(t, "notify_fifo", lines(append(both, odd, oddVS)...), read(all, 0))
		diff(t, "vrrp_notify_fifo", lines(append(wantVRRP, odd)...), read(vrrp, 0))
		diff(t, "lvs_notify_fifo", lines(append(wantLVS, oddVS)...), read(lvs, 0))
		if !strings.Contains(l.log.String(), "too long for a FIFO") {
			t.Error("nothing is said of the line that is too long")
		}
		l.stop()
		for _, name := range []string{"all", "vrrp", "lvs"} {
			if _, err := os.Lstat(l.path(name)); err == nil {
				t.Errorf("%s is left behind", name)
			}
		}
	})
}

// A reader that comes later gets everything in its order. Beyond the bound the earlier states
// go, never the latest of an object, and the log counts them.
func TestAReaderThatComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.apply(func(g *conf.Global) { g.FIFO.Path = l.path("f") })
		const all = 10000
		l.tell(1, "BACKUP")
		for n := range all {
			l.tell(0, []string{"BACKUP", "MASTER"}[n%2])
		}
		l.tell(1, "FAULT")
		s := l.Status()[0]
		if s.Waiting > fifo.MaxWaiting+2 || s.Lost == 0 || !strings.Contains(s.Problem, "full") {
			t.Errorf("%d lines wait, %d are lost, problem %q", s.Waiting, s.Lost, s.Problem)
		}
		if n := strings.Count(l.log.String(), "\n"); n != 1 {
			t.Errorf("the log has %d lines of it, want one: %s", n, l.log.String())
		}
		f := l.reader(l.path("f"))
		var got strings.Builder
		for l.Status()[0].Waiting > 0 {
			got.WriteString(read(f, 0))
			time.Sleep(time.Second)
			synctest.Wait()
		}
		got.WriteString(read(f, 0))
		lines := strings.Split(strings.TrimSuffix(got.String(), "\n"), "\n")
		if uint64(len(lines))+s.Lost != all+2 {
			t.Errorf("%d lines were read and %d lost, of %d", len(lines), s.Lost, all+2)
		}
		diff(t, "the first", `INSTANCE "VI_2" BACKUP 100`, lines[0])
		diff(t, "the last", []string{`INSTANCE "VI_1" MASTER 100`, `INSTANCE "VI_2" FAULT 100`}, lines[len(lines)-2:])
		for n, line := range lines[1 : len(lines)-2] {
			if !strings.HasPrefix(line, `INSTANCE "VI_1" `) {
				t.Fatalf("line %d is %q", n, line)
			}
		}
		if !strings.Contains(l.log.String(), fmt.Sprint("lines=", s.Lost)) {
			t.Errorf("the log does not count %d: %s", s.Lost, l.log.String())
		}
		if s := l.Status()[0]; s.Problem != "" {
			t.Errorf("still a problem: %s", s.Problem)
		}
		l.stop()
	})
}

// Many shell scripts open a FIFO for each line.
func TestAReaderForEachLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.apply(func(g *conf.Global) { g.FIFO.Path = l.path("f") })
		for _, state := range []string{"BACKUP", "MASTER", "BACKUP"} {
			l.tell(0, state)
		}
		for _, state := range []string{"BACKUP", "MASTER", "BACKUP"} {
			f := l.reader(l.path("f"))
			line := fmt.Sprintf("INSTANCE \"VI_1\" %s 100\n", state)
			diff(t, "line", line, read(f, len(line)))
			f.Close()
		}
		diff(t, "rest", "", read(l.reader(l.path("f")), 0))
		l.stop()
	})
}

// L10: a program that dies loses nothing for the next one, which is told the present state of
// all beside; one that dies at once is started with pauses that grow.
func TestTheNextProgramIsToldAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.apply(func(g *conf.Global) {
			g.FIFO = conf.FIFO{Path: l.path("f"), Script: conf.Script{Argv: []string{"/read", "x"}}}
		})
		diff(t, "programs", []string{"0s /read x " + l.path("f")}, l.started)
		f := l.reader(l.path("f"))
		l.tell(0, "BACKUP")
		l.tell(1, "BACKUP")
		l.tell(0, "MASTER")
		half := len("INSTANCE \"VI_1\" BACKUP 100\nINSTANCE ")
		read(f, half) // and no further
		l.ends[0] <- program.Exit{Code: 1, Output: "one\nno such thing"}
		synctest.Wait()
		l.tell(1, "FAULT")
		time.Sleep(time.Second)
		synctest.Wait()
		diff(t, "programs", 2, len(l.started))
		diff(t, "what the second one reads", `INSTANCE "VI_2" BACKUP 100
INSTANCE "VI_1" MASTER 100
INSTANCE "VI_2" FAULT 100
`, read(f, 0))
		l.ends[1] <- program.Exit{Code: 1, Output: "one\nno such thing"}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		diff(t, "what the third one reads, having missed nothing", `INSTANCE "VI_1" MASTER 100
INSTANCE "VI_2" FAULT 100
`, read(f, 0))
		l.ends[2] <- program.Exit{Code: 1, Output: "one\nno such thing"}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		diff(t, "programs while the pause lasts", 3, len(l.started))
		s := l.Status()[0]
		diff(t, "problem", "its script /read ends again and again: exit status 1: no such thing", s.Problem)
		time.Sleep(time.Second)
		synctest.Wait()
		diff(t, "programs", 4, len(l.started))
		l.stop()
	})
}

// L10: a reload that changes nothing of it leaves FIFO and program alone. One that changes the
// program ends it first, so that two never share a FIFO.
func TestReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		script := func(name string) conf.Script { return conf.Script{Argv: []string{name}} }
		l.apply(func(g *conf.Global) { g.VRRPFIFO = conf.FIFO{Path: l.path("f"), Script: script("/one")} })
		info, err := os.Lstat(l.path("f"))
		if err != nil {
			t.Fatal(err)
		}
		for n := range 50 {
			l.apply(func(*conf.Global) {})
			l.tell(0, []string{"MASTER", "BACKUP"}[n%2])
		}
		diff(t, "programs", []string{"0s /one " + l.path("f")}, l.started)
		again, err := os.Lstat(l.path("f"))
		if err != nil || !os.SameFile(info, again) {
			t.Errorf("the FIFO is another one: %v", err)
		}
		f := l.reader(l.path("f"))
		diff(t, "lines", 50, strings.Count(read(f, 0), "\n"))
		l.tell(1, "MASTER")
		l.apply(func(g *conf.Global) { g.VRRPFIFO.Script = script("/two") })
		diff(t, "programs", []string{"0s /one " + l.path("f"), "0s /two " + l.path("f")}, l.started)
		diff(t, "what the other one reads", "INSTANCE \"VI_1\" BACKUP 100\nINSTANCE \"VI_2\" MASTER 100\n", read(f, 0))

		l.apply(func(g *conf.Global) { g.StatesOnReload = true })
		diff(t, "with fifo_write_vrrp_states_on_reload", "INSTANCE \"VI_1\" BACKUP 100\nINSTANCE \"VI_2\" MASTER 100\n",
			read(f, 0))
		l.apply(func(g *conf.Global) { g.StatesOnReload, g.VRRPFIFO.Path = false, l.path("g") })
		if _, err := os.Lstat(l.path("f")); err == nil {
			t.Error("the FIFO before is left behind")
		}
		diff(t, "a FIFO of another name", "INSTANCE \"VI_1\" BACKUP 100\nINSTANCE \"VI_2\" MASTER 100\n",
			read(l.reader(l.path("g")), 0))
		l.apply(func(g *conf.Global) { g.VRRPFIFO = conf.FIFO{} })
		if _, err := os.Lstat(l.path("g")); err == nil || len(l.Status()) != 0 {
			t.Errorf("what the configuration has no more is left: %v", l.Status())
		}
		l.stop()
	})
}

// A path that is no FIFO of ours is not written, followed, opened or removed; when it is put
// right nothing is lost.
func TestPathsThatAreNoFIFO(t *testing.T) {
	for _, test := range []struct {
		name, problem string
		make          func(path string) error
	}{
		{"a file", "is a regular file and not a FIFO", func(p string) error {
			return os.WriteFile(p, []byte("mine"), 0o600)
		}},
		{"a directory", "is a directory and not a FIFO", func(p string) error { return os.Mkdir(p, 0o700) }},
		{"a link to a FIFO", "is a symbolic link and not a FIFO", func(p string) error {
			if err := unix.Mkfifo(p+".real", 0o600); err != nil {
				return err
			}
			return os.Symlink(p+".real", p)
		}},
		{"another user's in a directory of everybody", "belongs to user 12345", func(p string) error {
			if err := unix.Mkfifo(p, 0o666); err != nil {
				return err
			}
			return errors.Join(os.Chown(p, 12345, 0), os.Chmod(filepath.Dir(p), 0o777|os.ModeSticky))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t)
				if err := test.make(l.path("f")); err != nil {
					if errors.Is(err, syscall.EPERM) {
						t.Skip("SKIP: only root can give files away")
					}
					t.Fatal(err)
				}
				before, err := os.Lstat(l.path("f"))
				if err != nil {
					t.Fatal(err)
				}
				l.apply(func(g *conf.Global) { g.FIFO.Path = l.path("f") })
				l.tell(0, "BACKUP")
				time.Sleep(time.Hour)
				synctest.Wait()
				s := l.Status()[0]
				if !strings.Contains(s.Problem, test.problem) || s.Waiting != 1 || s.Written != 0 {
					t.Errorf("status %+v", s)
				}
				if n := strings.Count(l.log.String(), "\n"); n != 1 {
					t.Errorf("the log has %d lines of it: %s", n, l.log.String())
				}
				after, err := os.Lstat(l.path("f"))
				if err != nil || !os.SameFile(before, after) || after.Size() != before.Size() {
					t.Errorf("it was changed: %v %v", after, err)
				}
				if err := os.Rename(l.path("f"), l.path("away")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				diff(t, "lines", "INSTANCE \"VI_1\" BACKUP 100\n", read(l.reader(l.path("f")), 0))
				l.stop()
			})
		})
	}
}

// A FIFO that was there is used, and stays.
func TestAFIFOOfSomebodyElseStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		if err := unix.Mkfifo(l.path("f"), 0o640); err != nil {
			t.Fatal(err)
		}
		l.apply(func(g *conf.Global) { g.FIFO.Path = l.path("f") })
		f := l.reader(l.path("f"))
		l.tell(0, "MASTER")
		l.tell(0, "STOP")
		l.stop()
		diff(t, "lines", "INSTANCE \"VI_1\" MASTER 100\nINSTANCE \"VI_1\" STOP 100\n", read(f, 0))
		if info, err := os.Lstat(l.path("f")); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("it is %v, %v", info, err)
		}
	})
}

// L10: a FIFO that is replaced while it is used.
func TestAFIFOThatIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.apply(func(g *conf.Global) {
			g.FIFO = conf.FIFO{Path: l.path("f"), Script: conf.Script{Argv: []string{"/read"}}}
		})
		l.tell(0, "BACKUP")
		if err := errors.Join(os.Remove(l.path("f")), os.WriteFile(l.path("f"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		l.tell(0, "MASTER")
		if s := l.Status()[0]; !strings.Contains(s.Problem, "regular file") || s.PID != 0 {
			t.Errorf("status %+v", s)
		}
		if err := os.Remove(l.path("f")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		diff(t, "lines", "INSTANCE \"VI_1\" BACKUP 100\nINSTANCE \"VI_1\" MASTER 100\n", read(l.reader(l.path("f")), 0))
		diff(t, "programs", 2, len(l.started))
		l.stop()
	})
}

// An upgrade: the pipe with what is in it, what waits and the program go on.
func TestHandoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.apply(func(g *conf.Global) {
			g.FIFO = conf.FIFO{Path: l.path("f"), Script: conf.Script{Argv: []string{"/read"}}}
		})
		for n := range 4000 {
			l.tell(0, []string{"BACKUP", "MASTER"}[n%2])
		}
		s := l.Export()
		l.tell(1, "BACKUP") // too late: nobody tells anything between
		if list := s.Descriptors(); len(list) != 1 {
			t.Fatalf("descriptors %v", list)
		}
		fd, err := unix.Dup(s.Pipes[0].FD) // what exec does
		if err != nil {
			t.Fatal(err)
		}
		l.Release() // it failed, after all
		l.tell(1, "MASTER")
		s = l.Export()
		s.Pipes[0].FD = fd
		next := newLab(t)
		next.dir, next.cfg = l.dir, l.cfg
		next.Resume(s)
		next.apply(func(*conf.Global) {})
		if st := next.Status()[0]; st.PID != 101 || len(next.started) != 0 || next.log.String() != "" {
			t.Errorf("the program goes on as pid %d, others: %v, log %s", st.PID, next.started, next.log.String())
		}
		var got strings.Builder
		f := next.reader(l.path("f"))
		for range 20 {
			got.WriteString(read(f, 0))
			time.Sleep(time.Second)
			synctest.Wait()
		}
		diff(t, "lines", 4002, strings.Count(got.String(), "\n"))
		diff(t, "end", true, strings.HasSuffix(got.String(), `INSTANCE "VI_1" MASTER 100
INSTANCE "VI_2" BACKUP 100
INSTANCE "VI_2" MASTER 100
`))
		next.ends[0] <- program.Exit{}
		time.Sleep(time.Minute)
		synctest.Wait()
		diff(t, "what a new program is told", "INSTANCE \"VI_1\" MASTER 100\nINSTANCE \"VI_2\" MASTER 100\n", read(f, 0))
		next.stop()
		if _, err := os.Lstat(l.path("f")); err == nil {
			t.Error("the FIFO that the program before has made is left behind")
		}
		l.stop()
	})
}

// Nothing stays behind: goroutines and descriptors.
func TestNothingIsLeft(t *testing.T) {
	count := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list) + runtime.NumGoroutine()
	}
	before := count()
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t)
			for range 5 {
				l.apply(func(g *conf.Global) { g.FIFO.Path = l.path(fmt.Sprint("f", len(g.FIFO.Path))) })
				l.tell(0, "MASTER")
			}
			l.stop()
		})
	}
	if after := count(); after > before+2 {
		t.Errorf("%d descriptors and goroutines, %d before", after, before)
	}
}
