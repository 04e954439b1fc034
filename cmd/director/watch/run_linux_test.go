package watch_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/cmd/director/watch"
	"github.com/lvs-director/director/supervisor/control"
)

// terminal is a pseudo terminal, with what was written to it.
type terminal struct {
	t            *testing.T
	master, file *os.File
	mu           sync.Mutex
	text         strings.Builder
}

func newTerminal(t *testing.T, columns, rows uint16) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, master: master, file: file}
	x.resize(columns, rows)
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := master.Read(b)
			if err != nil {
				return
			}
			x.mu.Lock()
			x.text.Write(b[:n])
			x.mu.Unlock()
		}
	}()
	t.Cleanup(func() { file.Close(); master.Close() })
	return x
}

func (x *terminal) resize(columns, rows uint16) {
	x.t.Helper()
	if err := unix.IoctlSetWinsize(int(x.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns,
		Row: rows}); err != nil {
		x.t.Fatal(err)
	}
}

func (x *terminal) settings() unix.Termios {
	x.t.Helper()
	s, err := unix.IoctlGetTermios(int(x.file.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return *s
}

// shows waits for a text that is drawn from now on.
func (x *terminal) shows(want string) {
	x.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		x.mu.Lock()
		all := x.text.String()
		if at := strings.LastIndex(all, want); at >= 0 {
			x.text.Reset()
			x.mu.Unlock()
			return
		}
		x.mu.Unlock()
		if time.Now().After(end) {
			x.t.Fatalf("%q is not shown, but:\n%q", want, all)
		}
	}
}

// It draws, follows the size of the terminal, says that director has gone and that it is back, and puts the terminal
// back however it ends.
func TestTheTerminal(t *testing.T) {
	for name, end := range map[string]func(*terminal){
		"a key":     func(x *terminal) { fmt.Fprint(x.master, "q") },
		"control-c": func(x *terminal) { fmt.Fprint(x.master, "\x03") },
		"SIGTERM":   func(*terminal) { _ = syscall.Kill(os.Getpid(), syscall.SIGTERM) },
		"SIGINT":    func(*terminal) { _ = syscall.Kill(os.Getpid(), syscall.SIGINT) },
	} {
		t.Run(name, func(t *testing.T) {
			x := newTerminal(t, 80, 24)
			before := x.settings()
			var gone atomic.Bool
			ended := make(chan error, 1)
			go func() {
				ended <- watch.Run(watch.Options{In: x.file, Out: x.file, Interval: 10 * time.Millisecond,
					Ask: func() (control.Status, error) {
						if gone.Load() {
							return control.Status{}, errors.New("director is not running")
						}
						s := farm(3, "x")
						s.Since = time.Now()
						return *s, nil
					}})
			}()
			x.shows("2/3 up")
			if x.settings() == before {
				t.Error("the terminal is not raw")
			}
			x.resize(40, 10)
			_ = syscall.Kill(os.Getpid(), syscall.SIGWINCH)
			x.shows("more below")
			gone.Store(true)
			x.shows("NO ANSWER")
			gone.Store(false)
			x.shows("heard:")
			end(x)
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it does not end")
			}
			x.shows("\x1b[?25h\x1b[?1049l")
			if x.settings() != before {
				t.Error("the terminal is not as it was before")
			}
		})
	}
}

// A question that panics is an error on the screen, not a terminal that is left raw.
func TestAPanicOfAQuestion(t *testing.T) {
	x := newTerminal(t, 80, 24)
	ended := make(chan error, 1)
	go func() {
		ended <- watch.Run(watch.Options{In: x.file, Out: x.file, Interval: time.Hour,
			Ask: func() (control.Status, error) { panic("made to") }})
	}()
	x.shows("made to")
	fmt.Fprint(x.master, "q")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestNoTerminal(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := watch.Run(watch.Options{In: f, Out: f, Interval: time.Second}); !errors.Is(err, watch.ErrNoTerminal) {
		t.Error(err)
	}
}
