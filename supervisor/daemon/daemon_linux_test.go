package daemon_test

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/daemon"
)

// The test starts itself again as the daemon, which does what this variable says.
const behaviour = "DIRECTOR_TEST_BEHAVIOUR"

func TestMain(m *testing.M) {
	child := daemon.Inherited()
	if child == nil {
		os.Exit(m.Run())
	}
	what, dir, _ := strings.Cut(os.Getenv(behaviour), " ")
	if err := os.WriteFile(filepath.Join(dir, "pid"), fmt.Appendln(nil, os.Getpid()), 0o644); err != nil {
		os.Exit(9)
	}
	switch what {
	case "struck": // by a signal before it can do anything, and only in its first life
		if os.Mkdir(filepath.Join(dir, "struck"), 0o700) == nil {
			_ = syscall.Kill(os.Getpid(), syscall.SIGHUP)
			time.Sleep(20 * time.Second)
		}
		status, _ := os.ReadFile("/proc/self/status")
		_, ignored, _ := strings.Cut(string(status), "SigIgn:")
		fmt.Fprintln(child, strings.Fields(ignored)[0])
		waitForHUP(child, dir, "pid")
	case "ready":
		fmt.Fprintln(child, "a warning")
		waitForHUP(child, dir, "sent")
	case "fails":
		fmt.Fprintln(child, "why it fails")
		os.Exit(7)
	case "dies":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "exec": // as one that enters a network namespace
		os.Setenv(behaviour, "ready "+dir)
		fmt.Fprintln(os.Stderr, syscall.Exec("/proc/self/exe", os.Args, child.Environment()))
	case "late":
		time.Sleep(20 * time.Second)
	}
	os.Exit(0)
}

// waitForHUP is ready when a file is there, and writes another one when a SIGHUP comes.
func waitForHUP(child *daemon.Child, dir, file string) {
	hup := make(chan os.Signal, 10)
	signal.Notify(hup, syscall.SIGHUP)
	appears(filepath.Join(dir, file))
	child.Ready()
	fmt.Fprintln(child, "nobody hears that")
	select {
	case <-hup:
		_ = os.WriteFile(filepath.Join(dir, "hup"), nil, 0o644)
		appears(filepath.Join(dir, "never")) // the test looks at this process, and kills it in the end
	case <-time.After(20 * time.Second):
	}
}

// appears waits for a file.
func appears(path string) bool {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}

// start starts a daemon that behaves, and gives the status, what was said and its pid.
func start(t *testing.T, what, dir string, patience time.Duration) (status int, said string, pid int) {
	t.Helper()
	t.Setenv(behaviour, what+" "+dir)
	var b bytes.Buffer
	status = daemon.Start(os.Args[:1], &b, patience)
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	return status, b.String(), pid
}

// TestStart: ready, also through an exec; nothing of ours is in the daemon, and a signal
// that we got is passed on.
func TestStart(t *testing.T) {
	for _, what := range []string{"ready", "exec"} {
		keep := make(chan os.Signal, 1)
		signal.Notify(keep, syscall.SIGHUP) // the test itself does not end by it
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		open, err := syscall.Dup(int(w.Fd())) // it would be inherited
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		go func() { // the command gets a signal, and only then the daemon is ready
			if appears(filepath.Join(dir, "pid")) && syscall.Kill(os.Getpid(), syscall.SIGHUP) == nil {
				_ = os.WriteFile(filepath.Join(dir, "sent"), nil, 0o644)
			}
		}()
		status, said, pid := start(t, what, dir, 20*time.Second)
		if status != 0 || said != "a warning\n" {
			t.Errorf("%s: status %d, said %q", what, status, said)
		}
		for fd, want := range map[string]string{"fd/0": os.DevNull, "fd/1": os.DevNull, "fd/2": os.DevNull, "cwd": "/"} {
			if got, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", pid, fd)); err != nil || got != want {
				t.Errorf("%s: %s is %s, %v", what, fd, got, err)
			}
		}
		if sid, _, e := syscall.Syscall(syscall.SYS_GETSID, uintptr(pid), 0, 0); e != 0 || int(sid) != pid {
			t.Errorf("%s: session %d of %d, %v", what, sid, pid, e)
		}
		w.Close()
		syscall.Close(open)
		_ = r.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, err := r.Read(make([]byte, 1)); n != 0 || err == nil || os.IsTimeout(err) {
			t.Errorf("%s: a pipe of the caller does not end: %v", what, err)
		}
		obeyed(t, what, dir)
		r.Close()
	}
}

// obeyed waits until a daemon has got a SIGHUP.
func obeyed(t *testing.T, what, dir string) {
	t.Helper()
	if !appears(filepath.Join(dir, "hup")) {
		t.Fatalf("%s: the signal is lost", what)
	}
}

// TestASignalInTheFirstMoment ends the daemon and nothing else: another one is started, which ignores such
// signals until it asks for them, and gets the one that the first has got.
func TestASignalInTheFirstMoment(t *testing.T) {
	dir := t.TempDir()
	status, said, _ := start(t, "struck", dir, 20*time.Second)
	mask, err := strconv.ParseUint(strings.TrimSpace(said), 16, 64)
	if status != 0 || err != nil || mask&1 == 0 {
		t.Errorf("status %d, said %q, want the signals that it ignores at its start", status, said)
	}
	obeyed(t, "struck", dir)
	if signal.Ignored(syscall.SIGHUP) || signal.Ignored(syscall.SIGUSR1) {
		t.Error("the command ignores signals")
	}
}

// TestFailures: status 1 and the reason; late, status 0 and a line.
func TestFailures(t *testing.T) {
	for _, tc := range []struct {
		what   string
		status int
		said   string
	}{
		{"fails", 1, "why it fails\n"},
		{"dies", 1, "director: the daemon ended while it started: signal: killed\n"},
		{"late", 0, ", not ready after 500ms: its log and director status say why\n"},
		{"ends", 1, ""},
	} {
		began := time.Now()
		patience := time.Minute
		if tc.what == "late" {
			patience = 500 * time.Millisecond
		}
		status, said, _ := start(t, tc.what, t.TempDir(), patience)
		if status != tc.status || !strings.HasSuffix(said, tc.said) || tc.said == "" && said != "" {
			t.Errorf("%s: status %d, said %q", tc.what, status, said)
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("%s took %v", tc.what, took)
		}
	}
}

// TestNoDaemon: what was not started as one is none, whatever the environment says.
func TestNoDaemon(t *testing.T) {
	for _, value := range []string{"", "x", "1 2", "3 3", "-1 5"} {
		t.Setenv("DIRECTOR_DAEMON", value)
		if daemon.Inherited() != nil {
			t.Errorf("%q makes a daemon", value)
		}
		if _, ok := os.LookupEnv("DIRECTOR_DAEMON"); ok {
			t.Errorf("%q is passed on", value)
		}
	}
	var none *daemon.Child
	none.Ready()
	if n, err := none.Write([]byte("x")); n != 1 || err != nil {
		t.Error(n, err)
	}
	if len(none.Environment()) == 0 {
		t.Error("no environment")
	}
}
