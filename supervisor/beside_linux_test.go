package supervisor

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/lvs-director/director/netns"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/worker"
)

// TestAStartBesideAnotherLoadBalancer is refused where both would serve the same, and
// goes ahead where somebody has asked for that.
func TestAStartBesideAnotherLoadBalancer(t *testing.T) {
	t.Parallel()
	r := prepared(t, instance("VI_1", ""))
	other := exec.Command("tail", "-f", r.opts.File)
	other.Args[0] = "keepalived" // by its command line it is one
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	pid := fmt.Sprintf("pid %d", other.Process.Pid)
	same := r.opts.load().cfg
	wantsErr(t, r.opts.refuseConflicts(same), "keepalived", pid, "the same virtual_router_id 51 on vip0", "--takeover")

	r.opts.Takeover = true
	if err := r.opts.refuseConflicts(same); err != nil {
		t.Errorf("with --takeover: %v", err)
	}
	wants(t, r.log.String(), "level=WARN", "taking over beside another load balancer", pid)

	r.opts.Takeover = false
	r.write(strings.ReplaceAll(instance("VI_1", ""), "virtual_router_id 51", "virtual_router_id 77"))
	another := r.opts.load().cfg
	r.write(instance("VI_1", ""))
	if err := r.opts.refuseConflicts(another); err != nil && strings.Contains(err.Error(), pid) {
		t.Errorf("another router is refused: %v", err)
	}
}

// TestAStartThatFailsSaysWhy: the findings go along with the error, which stays the one
// that it is.
func TestAStartThatFailsSaysWhy(t *testing.T) {
	t.Parallel()
	r := prepared(t, "vrrp_instance VI_1 {\n interface vip0\n")
	start, why := r.opts.choose(r.opts.Log)
	if why == nil {
		t.Fatal("it starts")
	}
	err := fmt.Errorf("director: %w", &StartError{start.disk.findings, why})
	var told *StartError
	if !errors.As(err, &told) || len(told.Findings) == 0 || !errors.Is(err, why) || told.Error() != why.Error() {
		t.Errorf("%v has the findings %+v", err, told)
	}
	wantsErr(t, err, "director.conf has errors: nothing was started")
}

// TestADirectorWhoseLockCannotBeHad is known by its socket: a second one does not start
// beside it. A socket that nobody listens at is no director.
func TestADirectorWhoseLockCannotBeHad(t *testing.T) {
	t.Parallel()
	r := prepared(t, "")
	if err := os.MkdirAll(filepath.Join(r.opts.RunDir.PidFile(), "x"), 0o755); err != nil { // it cannot be a lock
		t.Fatal(err)
	}
	l, err := control.Listen(r.opts.RunDir.Control())
	if err != nil {
		t.Fatal(err)
	}
	_, err = openRunDir(r.opts)
	if !errors.Is(err, errRunsAlready) {
		t.Errorf("beside a director: %v", err)
	}
	wantsErr(t, err, string(r.opts.RunDir), "--run-dir")
	l.SetUnlinkOnClose(false)
	l.Close()
	files, err := openRunDir(r.opts)
	if err != nil {
		t.Fatalf("beside the socket of a director that has died: %v", err)
	}
	defer files.close(r.opts.RunDir)
	if files.listener == nil || !answers(r.opts.RunDir) {
		t.Error("it does not listen")
	}
	wants(t, r.log.String(), "going on without them")
}

// TestTheServiceManagerIsTold what it wants to know; where it does not hear, director
// goes on and says so.
func TestTheServiceManagerIsTold(t *testing.T) {
	r := prepared(t, "")
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", path)
	tell := notifyServiceManager(r.opts.Log)
	tell("READY=1")
	text := make([]byte, 100)
	if n, err := l.Read(text); err != nil || string(text[:n]) != "READY=1" {
		t.Errorf("it is told %q, %v", text[:n], err)
	}
	if got := r.log.String(); got != "" {
		t.Errorf("the log has %s", got)
	}
	l.Close()
	tell("STOPPING=1")
	wants(t, r.log.String(), "failed to notify the service manager", `state="STOPPING=1"`)
	t.Setenv("NOTIFY_SOCKET", "")
	before := r.log.String()
	tell("READY=1")
	if r.log.String() != before {
		t.Error("it is missed where there is none")
	}
}

// namespace makes a network namespace with a name, and gives what runs ip for it.
func namespace(t *testing.T, name string) (ip func(args ...string)) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIP: only root can make a network namespace")
	}
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		t.Skipf("SKIP: no network namespace with a name can be made: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", name).Run() })
	return func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
}

// TestANamespaceThatIsMadeAgain while director runs is a problem in status, and in the
// log once, until it is the right one.
func TestANamespaceThatIsMadeAgain(t *testing.T) {
	t.Parallel()
	name := fmt.Sprintf("director-status-%d", os.Getpid())
	ip := namespace(t, name)
	r := running(t, "net_namespace_ipvs "+name+"\n"+service)
	const problem = "a network namespace is not the one that director runs in"
	r.round()
	if r.hasProblem("network namespace") || strings.Contains(r.log.String(), problem) {
		t.Fatalf("status has %+v", r.status().Problems)
	}
	ip("netns", "del", name)
	r.until("it is deleted", func() bool { return r.hasProblem("net_namespace_ipvs", name, "was deleted; director") })
	ip("netns", "add", name)
	r.until("it is another one", func() bool { return r.hasProblem(name, "deleted and made again", "restart director") })
	r.round()
	r.round()
	if n := strings.Count(r.log.String(), problem); n < 1 || n > 2 {
		t.Errorf("it is in the log %d times", n)
	}
	// A worker that starts now is in the new one.
	kill(t, r.awaitTold(worker.LVS, "started", 1).Pid)
	r.awaitTold(worker.LVS, "configure", 2)
	r.until("status has no problem", func() bool { return !r.hasProblem("network namespace") })
}

// round waits until the supervisor has looked at everything once more.
func (r *rig) round() {
	r.t.Helper()
	done := make(chan struct{})
	r.s.post(func() { r.s.round(); close(done) })
	<-done
}

// TestEnterNamespace: a process that is where it should be stays as it is, and one that
// cannot get there does not start.
func TestEnterNamespace(t *testing.T) {
	t.Parallel()
	r := prepared(t, "")
	cfg := r.opts.load().cfg
	if err := r.opts.enterNamespace(cfg); err != nil {
		t.Errorf("without a namespace: %v", err)
	}
	for _, name := range []string{"director-no-such-namespace", "..", "a/b"} {
		cfg.NetworkNamespace = name
		wantsErr(t, r.opts.enterNamespace(cfg), "net_namespace: ", name)
	}
	name := fmt.Sprintf("director-own-%d", os.Getpid())
	ip := namespace(t, name)
	ip("netns", "del", name)
	ip("netns", "attach", name, fmt.Sprint(os.Getpid()))
	if inside, err := netns.Inside(name); err != nil || !inside {
		t.Fatalf("inside: %v, %v", inside, err)
	}
	cfg.NetworkNamespace = name
	if err := r.opts.enterNamespace(cfg); err != nil {
		t.Errorf("in the namespace: %v", err)
	}
}

// TestATracedWorker is not killed, since it is not its fault that it says nothing.
func TestATracedWorker(t *testing.T) {
	t.Parallel()
	runtime.LockOSThread() // only the thread that traces a process may let it go on
	defer runtime.UnlockOSThread()
	cmd := exec.Command("sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		t.Skipf("SKIP: tracing is refused here: %v", err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	prepared(t, "").until("it is traced", func() bool {
		return unkillable(cmd.Process.Pid) == fmt.Sprintf("it is traced by process %d", syscall.Gettid())
	})
}

// TestWhoseChildItIs: how a worker ended is its keeper's to hear, only while it is one.
func TestWhoseChildItIs(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	owned := func(pid int) bool {
		is := make(chan bool)
		r.s.post(func() { is <- r.s.isWorker(pid) })
		return <-is
	}
	first := r.awaitTold(worker.VRRP, "started", 1).Pid
	if !owned(first) || owned(os.Getpid()) {
		t.Errorf("the worker: %v, another process: %v", owned(first), owned(os.Getpid()))
	}
	kill(t, first)
	second := r.awaitTold(worker.VRRP, "configure", 2).Pid
	if owned(first) || !owned(second) {
		t.Errorf("the worker that has died: %v, the one after it: %v", owned(first), owned(second))
	}
}

// TestWhatAControllerSays is the whole line, whatever is beside it.
func TestWhatAControllerSays(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cgroup.events")
	for text, want := range map[string]bool{
		"populated 1\nfrozen 1\n": true, "frozen 1": true, "populated 1\nfrozen 0\n": false, "frozen 10\n": false,
		"was frozen 1\n": false, "": false,
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := says(path, "frozen 1"); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if says(path+".none", "frozen 1") {
		t.Error("a file that is not there says something")
	}
}
