package program_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/notify/program"
)

// script writes an executable file that everybody can reach.
func script(t *testing.T, text string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "program-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "script")
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// me runs commands as who the test is, whatever users this host has.
func me(t *testing.T, argv ...string) program.Command {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return program.Command{Argv: argv, User: u.Username}
}

func run(t *testing.T, cmd program.Command) program.Exit {
	t.Helper()
	return program.Runner{}.Run(t.Context(), cmd, nil)
}

func TestRun(t *testing.T) {
	args := "#!/bin/sh\nfor a; do echo \"<$a>\"; done"
	for _, test := range []struct {
		name string
		argv []string
		want program.Exit
	}{
		{"arguments are passed as they are", []string{script(t, args), "a b", "$HOME", "*", "; echo x"},
			program.Exit{Output: "<a b>\n<$HOME>\n<*>\n<; echo x>"}},
		{"a script without #! is given to sh", []string{script(t, args[10:]), "a b", "'"},
			program.Exit{Output: "<a b>\n<'>"}},
		{"on PATH", []string{"sh", "-c", "exit 3"}, program.Exit{Code: 3}},
		{"both outputs", []string{"sh", "-c", "echo one; echo two >&2"}, program.Exit{Output: "one\ntwo"}},
		{"no input", []string{"cat"}, program.Exit{}},
		{"a signal", []string{"sh", "-c", "kill -9 $$"}, program.Exit{Code: -1, Signal: "killed"}},
		{"not text", []string{"printf", `\377\n`}, program.Exit{Output: "\uFFFD"}},
		{"no such file", []string{"/nonexistent/script"}, program.Exit{Code: -1,
			Err: "run /nonexistent/script: no such file or directory"}},
		{"a directory", []string{"/etc"},
			program.Exit{Code: -1, Err: "run /etc: permission denied (is it executable, and its directory open, for the " +
				"script user?)"}},
		{"nothing", nil, program.Exit{Code: -1, Err: "no program is configured"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := me(t, test.argv...)
			began := time.Now()
			got := run(t, cmd)
			if got.Started.Before(began) || got.Ended.Before(got.Started) || (got.PID == 0) != (got.Err != "") {
				t.Errorf("times or pid of %+v", got)
			}
			if got.OK() != (test.want.Code == 0) {
				t.Errorf("OK = %v", got.OK())
			}
			want := test.want
			want.Argv, want.PID, want.Started, want.Ended = test.argv, got.PID, got.Started, got.Ended
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if got := run(t, me(t, "no-such-program-anywhere")); !strings.Contains(got.Err,
		"find no-such-program-anywhere on PATH") {
		t.Errorf("not found: %+v", got)
	}
}

// TestOutputIsBounded: the last of a megabyte is kept.
func TestOutputIsBounded(t *testing.T) {
	got := run(t, me(t, "sh", "-c", "yes 0123456789abcde | head -c 1048576; echo the end"))
	if !got.OK() || len(got.Output) > program.OutputKept || !strings.HasSuffix(got.Output, "\nthe end") {
		t.Errorf("%d bytes, %v", len(got.Output), got.Code)
	}
}

func TestEnvironment(t *testing.T) {
	got := program.Environ([]string{"PATH=/bin", "IFS=x", "LD_PRELOAD=evil.so", "LD_LIBRARY_PATH=/tmp",
		"NOTIFY_SOCKET=/run/x", "LANG=C", "=weird"})
	if diff := cmp.Diff([]string{"PATH=/bin", "LANG=C", "=weird"}, got); diff != "" {
		t.Error(diff)
	}
	t.Setenv("LD_PRELOAD", "/nonexistent.so")
	t.Setenv("KEPT", "yes")
	if got := run(t, me(t, "/bin/sh", "-c", `echo "$LD_PRELOAD|$KEPT"`)); got.Output != "|yes" {
		t.Errorf("environment: %+v", got)
	}
}

// TestTimeout: the whole group ends, the stubborn ones with SIGKILL.
func TestTimeout(t *testing.T) {
	for _, test := range []struct {
		name, text, signal string
		code               int
		least, most        time.Duration
	}{
		{"ends on TERM", "sleep 100 & echo $!; wait", "terminated", -1, 0, time.Second},
		{"ignores TERM", "trap '' TERM; sleep 100 & echo $!; while :; do wait; done", "killed", -1, program.KillDelay,
			program.KillDelay + 2*time.Second},
		{"child ignores TERM", "(trap '' TERM; exec sleep 100) & echo $!; wait", "terminated", -1, 0, time.Second},
		{"cleans up", "trap 'exit 7' TERM; sleep 100 & echo $!; wait", "", 7, 0, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cmd := me(t, "/bin/sh", "-c", test.text)
			cmd.Timeout = 300 * time.Millisecond
			got := run(t, cmd)
			took := got.Ended.Sub(got.Started) - cmd.Timeout
			if !got.TimedOut || got.Signal != test.signal || got.Code != test.code || took < test.least ||
				took > test.most+2*time.Second {
				t.Errorf("%+v after %v", got, took)
			}
			child, err := strconv.Atoi(got.Output)
			if err != nil {
				t.Fatalf("no pid of the child in %+v", got)
			}
			waitFor(t, "the child to end", func() bool { return !alive(child) })
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		got := program.Runner{}.Run(ctx, me(t, "sleep", "100"), func(int) { cancel() })
		if !got.TimedOut || got.Signal != "terminated" {
			t.Errorf("%+v", got)
		}
	})
}

// alive says that a process runs and is no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	rest := string(stat[strings.LastIndexByte(string(stat), ')')+1:])
	return !strings.HasPrefix(rest, " Z")
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestBackground: what a program leaves in the background lives on, and nobody waits for it.
func TestBackground(t *testing.T) {
	before := runtime.NumGoroutine()
	began := time.Now()
	got := run(t, me(t, "/bin/sh", "-c", "(sleep 1; echo late; exec sleep 1) & echo $!"))
	child, err := strconv.Atoi(got.Output)
	if err != nil || !got.OK() {
		t.Fatalf("%+v", got)
	}
	if took := time.Since(began); took > 900*time.Millisecond {
		t.Errorf("waited %v for a program in the background", took)
	}
	if !alive(child) {
		t.Error("the program in the background is gone")
	}
	waitFor(t, "its end and ours", func() bool { return !alive(child) && runtime.NumGoroutine() <= before })
}

// TestNothingIsLeft: many runs leave no zombie, goroutine or descriptor.
func TestNothingIsLeft(t *testing.T) {
	descriptors := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	run(t, me(t, "true")) // opens what the runtime keeps
	goroutines, fds := runtime.NumGoroutine(), descriptors()
	for i := range 30 {
		name := []string{"true", "false", "/nonexistent"}[i%3]
		run(t, me(t, name))
	}
	waitFor(t, "goroutines and descriptors", func() bool {
		return runtime.NumGoroutine() <= goroutines && descriptors() <= fds
	})
	children, err := os.ReadFile("/proc/thread-self/children")
	if err == nil && len(children) > 0 {
		t.Errorf("children left: %s", children)
	}
}

func TestGroupOfItsOwn(t *testing.T) {
	got := run(t, me(t, "/bin/sh", "-c", "echo $$; cut -d' ' -f5 /proc/$$/stat"))
	if fields := strings.Fields(got.Output); len(fields) != 2 || fields[0] != fields[1] {
		t.Errorf("pid and group: %q", got.Output)
	}
}

func TestUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP: only root can run scripts as others")
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skip("SKIP: no user nobody:", err)
	}
	path := script(t, "#!/bin/sh\nid -u; id -g; id -G\n")
	got := run(t, program.Command{Argv: []string{path}, User: "nobody"})
	lines := strings.Split(got.Output, "\n")
	if len(lines) != 3 || lines[0] != nobody.Uid || lines[1] != nobody.Gid ||
		slices.Contains(strings.Fields(lines[2]), "0") {
		t.Errorf("as nobody: %+v", got)
	}
	got = run(t, program.Command{Argv: []string{path}, User: "nobody", Group: "daemon"})
	daemon, err := user.LookupGroup("daemon")
	if err == nil && strings.Split(got.Output+"\n\n", "\n")[1] != daemon.Gid {
		t.Errorf("as nobody and group daemon: %+v", got)
	}
	if got := run(t, program.Command{Argv: []string{path},
		User: "no-such-user"}); got.Err != "script user no-such-user: no such user" {
		t.Errorf("%+v", got)
	}
	if got := run(t, program.Command{Argv: []string{path}, User: "nobody",
		Group: "no-such-group"}); got.Err != "script group no-such-group: no such group" {
		t.Errorf("%+v", got)
	}
}

func TestCheckParts(t *testing.T) {
	ok := []program.Part{
		{"/", 0, 0, fs.ModeDir | 0o755}, {"/link", 0, 0, fs.ModeSymlink | 0o777}, {"/bin", 0, 0, fs.ModeDir | 0o755},
		{"/bin/x", 0, 0, 0o700},
		{"/tmp", 0, 0, fs.ModeDir | fs.ModeSticky | 0o777}, {"/shared", 0, 0, fs.ModeDir | 0o775}, {"/x", 0, 0, 0o775},
	}
	if err := program.CheckParts(ok); err != nil {
		t.Error(err)
	}
	for _, bad := range []program.Part{
		{"/open", 0, 0, fs.ModeDir | 0o777}, {"/home/me", 1000, 0, fs.ModeDir | 0o755}, {"/team", 0, 20, fs.ModeDir | 0o775},
		{"/x", 0, 20, 0o775}, {"/x", 0, 0, 0o757}, {"/x", 0, 0, fs.ModeSticky | 0o757},
		{"/link", 1000, 0, fs.ModeSymlink | 0o777},
	} {
		err := program.CheckParts(append(ok[:1:1], bad))
		if !errors.Is(err, program.ErrInsecure) || !strings.Contains(err.Error(), bad.Path) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// TestSecurity: with enable_script_security root does not run what lies in a directory of everybody.
func TestSecurity(t *testing.T) {
	path := script(t, "#!/bin/sh\n")
	if err := os.Chmod(filepath.Dir(path), 0o777); err != nil { // everybody may replace it
		t.Fatal(err)
	}
	parts, err := program.Parts(path)
	if err != nil {
		t.Fatal(err)
	}
	if parts[0].Path != "/" || parts[len(parts)-1].Path != path {
		t.Errorf("parts of %s: %+v", path, parts)
	}
	link := filepath.Join(filepath.Dir(path), "link")
	if err := os.Symlink("../"+filepath.Base(filepath.Dir(path))+"/script", link); err != nil {
		t.Fatal(err)
	}
	linked, err := program.Parts(link)
	if err != nil || linked[len(linked)-1].Path != path || !slices.ContainsFunc(linked, func(p program.Part) bool {
		return p.Path == link
	}) {
		t.Errorf("parts of a link: %+v %v", linked, err)
	}
	loop := filepath.Join(filepath.Dir(path), "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	if _, err := program.Parts(loop); err == nil {
		t.Error("a link to itself has parts")
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIP: only root is protected")
	}
	cmd := me(t, path)
	if got := run(t, cmd); !got.OK() {
		t.Errorf("without enable_script_security: %+v", got)
	}
	cmd.Secure = true
	if got := run(t, cmd); !strings.Contains(got.Err, "refused by enable_script_security: ") {
		t.Errorf("with enable_script_security: %+v", got)
	}
	if got := run(t, program.Command{Argv: []string{path}, User: "nobody", Secure: true}); !got.OK() {
		t.Errorf("others than root may: %+v", got)
	}
}

func TestOf(t *testing.T) {
	g := conf.Global{ScriptUser: "su", ScriptGroup: "sg", ScriptSecurity: true}
	own := conf.Script{Argv: []string{"/x", "a"}, User: "u", Timeout: time.Second}
	want := program.Command{Argv: []string{"/x", "a", "b"}, User: "u", Secure: true, Timeout: time.Second}
	if diff := cmp.Diff(want, program.Of(own, g, "b")); diff != "" {
		t.Error(diff)
	}
	want = program.Command{Argv: []string{"/x"}, User: "su", Group: "sg", Secure: true}
	if diff := cmp.Diff(want, program.Of(conf.Script{Argv: []string{"/x"}}, g)); diff != "" {
		t.Error(diff)
	}
	if &own.Argv[0] == &program.Of(own, g).Argv[0] {
		t.Error("the configuration's arguments are shared")
	}
}

// TestOutOfMemory: director is protected from the kernel's want of memory, the user's programs are not.
func TestOutOfMemory(t *testing.T) {
	const score = "/proc/self/oom_score_adj"
	own, err := os.ReadFile(score)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(score, []byte("-900"), 0); err != nil {
		t.Skip("SKIP: lowering oom_score_adj needs CAP_SYS_RESOURCE")
	}
	t.Cleanup(func() { os.WriteFile(score, own, 0) })
	exit := program.Runner{}.Run(t.Context(), program.Command{
		Argv: []string{"/bin/sh", "-c", "sleep 0.2; cat " + score}}, nil)
	if got := strings.TrimSpace(exit.Output); got != "0" {
		t.Errorf("a program runs with oom_score_adj %s, want 0 (%+v)", got, exit)
	}
}
