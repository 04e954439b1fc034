//go:build linux

package native_test

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// serviceManager takes what a service says of itself (sd_notify(3)).
type serviceManager struct {
	socket string

	mu   sync.Mutex
	told []saying
}

type saying struct {
	at   time.Time
	text string
}

func newServiceManager(t *testing.T) *serviceManager {
	t.Helper()
	m := &serviceManager{socket: filepath.Join(t.TempDir(), "notify")}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			m.mu.Lock()
			for line := range strings.Lines(string(buf[:n])) {
				m.told = append(m.told, saying{time.Now(), strings.TrimSpace(line)})
			}
			m.mu.Unlock()
		}
	}()
	return m
}

// director is a director that the service manager starts, with a watchdog limit.
func (m *serviceManager) director(limit time.Duration) pair.Director {
	d := stage.Director()
	d.Env = []string{"NOTIFY_SOCKET=" + m.socket, fmt.Sprintf("WATCHDOG_USEC=%d", limit.Microseconds())}
	return d
}

// when lists the times since a moment at which a service sent the text.
func (m *serviceManager) when(text string, since time.Time) (list []time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.told {
		if s.text == text && !s.at.Before(since) {
			list = append(list, s.at)
		}
	}
	return list
}

// TestWatchdog plays the service manager. Director reports that it is ready, and then reports to
// the watchdog at least once in half of the limit: through reloads of a large configuration, with a
// worker that hangs, and over the exec of an upgrade. A director that hangs itself reports nothing.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	const limit = 6 * time.Second // shorter than a unit's, so that a late report shows
	w, m := watch(t), newServiceManager(t)
	w.daemons[w.a] = pair.Start(t, m.director(limit), w.a, base(150))
	d := w.daemons[w.a]
	w.Until(15*time.Second, "director says that it is ready", func() bool {
		return len(m.when("READY=1", time.Time{})) > 0
	})
	ready := m.when("READY=1", time.Time{})[0]
	w.Until(5*time.Second, "a is MASTER", func() bool { return w.a.HasAddress("eth0", frontVIP) })
	fed := func(what string, since time.Time) {
		t.Helper()
		until, last, most := time.Now(), since, time.Duration(0)
		for _, at := range append(m.when("WATCHDOG=1", since), until) {
			most, last = max(most, at.Sub(last)-w.Starved(last, at)), at
		}
		t.Logf("%s: at most %v between two words to the watchdog", what, most.Round(time.Millisecond))
		if most > limit/2 {
			t.Errorf("%s: no report to the watchdog for %v, want %v at most", what, most, limit/2)
		}
	}
	time.Sleep(limit)
	fed("at rest", ready)

	large := base(150)
	for n := range 200 {
		large += fmt.Sprintf("virtual_server 198.51.100.200 %d {\n    protocol TCP\n", 1000+n)
		for rs := range 50 {
			large += fmt.Sprintf("    real_server 10.%d.0.%d 80 {\n        weight 1\n    }\n", rs, n%250+1)
		}
		large += "}\n"
	}
	for _, text := range []string{large, base(150)} {
		asked := time.Now()
		d.Reload(text)
		w.Until(60*time.Second, "the service manager is told of a reload and of its end", func() bool {
			begun := m.when("RELOADING=1", asked)
			return len(begun) > 0 && len(m.when("READY=1", begun[0])) > 0
		})
		fed(fmt.Sprintf("a reload of %d KB, %v", len(text)>>10, time.Since(asked).Round(time.Millisecond)), asked)
	}

	asked := time.Now()
	if out, err := w.ask(w.a, "upgrade"); err != nil {
		t.Fatalf("director upgrade: %v\n%s", err, out)
	}
	time.Sleep(limit)
	fed("an upgrade", asked)

	asked = time.Now()
	if err := syscall.Kill(d.Worker(pair.VRRP), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	w.Until(15*time.Second, "the worker that hangs is replaced", func() bool {
		return d.Printed(asked, "stopped answering")
	})
	time.Sleep(limit)
	fed("a worker that hangs", asked)

	if err := syscall.Kill(d.Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	hung := time.Now()
	time.Sleep(limit)
	if list := m.when("WATCHDOG=1", hung); len(list) > 0 {
		t.Errorf("%d reports to the watchdog from a stopped process, want none", len(list))
	}
	if err := syscall.Kill(d.Pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	d.Terminate()
	d.WaitEnd(15 * time.Second)
	if len(m.when("STOPPING=1", hung)) != 1 {
		t.Error("director did not report its stop to the service manager")
	}
}
