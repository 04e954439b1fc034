package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// box is a host with a /run, a /dev, a network and processes of its own. The directory dir
// is the same inside and outside. What runs in it ends with the test.
type box struct {
	t   *testing.T
	dir string
	pid int         // of a process inside
	log chan string // lines of its syslog
	// patience is how long a script may take.
	patience time.Duration
}

const boxSetup = `set -e
mount --make-rprivate /
mount -t tmpfs run /run
mount -t tmpfs dev /dev
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/urandom c 1 9
ln -s "$1"/log.sock /dev/log
ip link set lo up
ip link add eth0 type veth peer name eth1
ip link set eth0 up
ip link set eth1 up
ip address add 10.77.0.1/24 dev eth0
: > "$1"/set-up
exec sleep 10000`

// newBox makes one, or skips the test.
func newBox(t *testing.T) *box {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIP: only root can make namespaces")
	}
	b := &box{t: t, dir: t.TempDir(), patience: time.Minute}
	socket, err := net.ListenPacket("unixgram", filepath.Join(b.dir, "log.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	b.log = make(chan string, 10000)
	go func() { // at once: a socket holds few lines
		buf := make([]byte, 16<<10)
		for {
			n, _, err := socket.ReadFrom(buf)
			if err != nil {
				return
			}
			b.log <- string(buf[:n])
		}
	}()
	cmd := exec.Command("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
		"sh", "-c", boxSetup, "sh", b.dir)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Skip("SKIP: no namespaces:", err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	b.until("the host is set up", func() bool {
		select {
		case <-ended:
			t.Fatalf("setting up a host: %s", said.String())
		default:
		}
		_, err := os.Stat(filepath.Join(b.dir, "set-up"))
		return err == nil
	})
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", cmd.Process.Pid, cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(children), &b.pid); err != nil {
		t.Fatal(err)
	}
	first, err := unix.PidfdOpen(b.pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		// The first process ends after all others of the box, which may write files until then.
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(first), Events: unix.POLLIN}}, 10_000)
		_ = unix.Close(first)
	})
	b.write("k.conf", vrrpText(51, vip1))
	return b
}

// vrrpText is a configuration with one instance.
func vrrpText(vrid int, address string) string {
	return fmt.Sprintf("vrrp_instance VI_%d {\n interface eth0\n virtual_router_id %d\n version 3\n advert_int 0.1\n"+
		" virtual_ipaddress {\n  %s\n }\n}\n", vrid, vrid, address)
}

func (b *box) write(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// sh runs a script inside, in dir, where director and keepalived are programs.
func (b *box) sh(script string) (out, errOut string, code int) {
	b.t.Helper()
	director, err := exec.LookPath("director")
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), b.patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", "--mount", "--net", "--pid", "-t", fmt.Sprint(b.pid), "sh", "-c",
		"cd \"$1\"; "+script, "sh", b.dir)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(director)+":"+os.Getenv("PATH"))
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	cmd.WaitDelay = b.patience // whoever has its output still
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatalf("%s: %v\n%s%s", script, err, o.String(), e.String())
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// says runs a script and expects its exit status and what it prints; the answer is what it
// printed.
func (b *box) says(code int, script string, want ...string) string {
	b.t.Helper()
	out, errOut, got := b.sh(script)
	all := out + errOut
	if got != code {
		b.t.Errorf("%s: exit status %d, want %d\n%s", script, got, code, all)
	}
	for _, w := range want {
		if absent, no := strings.CutPrefix(w, "! "); no == strings.Contains(all, absent) {
			b.t.Errorf("%s: want %q in\n%s", script, w, all)
		}
	}
	return strings.TrimSpace(out)
}

func (b *box) until(what string, condition func() bool) {
	b.t.Helper()
	for end := time.Now().Add(b.patience / 2); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// is waits for what a script prints.
func (b *box) is(script, want string) {
	b.t.Helper()
	got := ""
	b.until(fmt.Sprintf("%s says %q", script, want), func() bool {
		got, _, _ = b.sh(script)
		return strings.TrimSpace(got) == want
	})
}

// logged waits for a line of syslog.
func (b *box) logged(pattern string) {
	b.t.Helper()
	re := regexp.MustCompile(pattern)
	var all strings.Builder
	overdue := time.After(15 * time.Second)
	for {
		select {
		case line := <-b.log:
			fmt.Fprintln(&all, line)
			if re.MatchString(line) {
				return
			}
		case <-overdue:
			b.t.Fatalf("syslog has no %s:\n%s", pattern, all.String())
		}
	}
}

// TestDaemonAsNeutronStartsIt: relative files, "-r", the identifier in the command line.
func TestDaemonAsNeutronStartsIt(t *testing.T) {
	b := newBox(t)
	// A pid file that was left, with the pid of a living stranger, is no obstacle.
	b.says(0, "sleep 1000 >/dev/null 2>&1 & echo $! > UUID.pid; mkdir -p /run/x; mkfifo pipe; ls")
	const start = "keepalived -P -f k.conf -p UUID.pid -r UUID.pid-vrrp -D"
	// The caller has a pipe that nobody knows of; its reader sees its end.
	b.says(0, "{ "+start+"; } 9>&1 | cat; echo read to the end", "read to the end", "! warning")
	b.says(0, "out=$(cat UUID.pid-vrrp); tr '\\0' ' ' < /proc/$out/cmdline", "keepalived worker vrrp", "/UUID.pid-vrrp -D")
	b.says(0, "cat /proc/$(cat UUID.pid)/comm /proc/$(cat UUID.pid-vrrp)/comm", "keepalived\nkeepalived\n")
	for _, file := range []string{"UUID.pid", "UUID.pid-vrrp"} {
		for fd, want := range map[string]string{"fd/0": "/dev/null", "fd/1": "/dev/null", "fd/2": "/dev/null", "cwd": "/"} {
			b.says(0, "readlink /proc/$(cat "+file+")/"+fd, want+"\n")
		}
		if out := b.says(0, "readlink /proc/$(cat "+file+")/fd/*", "! "+b.dir); strings.Contains(out, "pipe:") {
			t.Errorf("%s has a pipe of the caller: %s", file, out)
		}
	}
	if out := b.says(0, "ls /run"); strings.Contains(out, ".pid") {
		t.Errorf("other pid files: %s", out)
	}
	b.logged(`^<30>.* Keepalived\[\d+\]: level=INFO msg="in service"`)
	b.says(1, start, "runs already with "+b.dir+"/k.conf")
	b.says(0, "director list", "k.conf")
	b.says(0, "director status -p UUID.pid", "VI_51")
	b.says(0, "director status -f k.conf", "VI_51")
	b.says(1, "director reload -f no.conf", "no.conf")

	before := b.says(0, "cat UUID.pid-vrrp")
	b.says(0, "kill -9 $(cat UUID.pid-vrrp)")
	b.until("the file follows the worker", func() bool {
		now, _, _ := b.sh("cat UUID.pid-vrrp; cat /proc/$(cat UUID.pid-vrrp)/comm")
		return !strings.HasPrefix(now, before) && strings.HasSuffix(now, "keepalived\n")
	})
	b.says(0, "director upgrade -p UUID.pid", "the workers run on")
	b.says(0, "rm UUID.pid")
	b.is("cat UUID.pid 2>/dev/null | wc -l", "1")
	b.says(0, "kill $(cat UUID.pid)")
	b.is("ls UUID.pid* 2>/dev/null; pidof keepalived", "")
	b.is("ls -d /run/director-* 2>/dev/null", "")
	b.logged(`Keepalived\[\d+\]: level=INFO msg=stopped`)
}

// TestDaemonAsOctaviaStartsIt: a unit of Type=forking, which reads the pid file when the
// command returns, and "-c", whose time says whether the configuration was taken over.
func TestDaemonAsOctaviaStartsIt(t *testing.T) {
	b := newBox(t)
	b.says(0, "director --log-facility=1 -D -d -f k.conf -p /run/o/p.pid -r /run/o/r.pid -c /run/o/c.pid && "+
		"kill -0 $(cat /run/o/p.pid) && kill -0 $(cat /run/o/r.pid) && kill -0 $(cat /run/o/c.pid)")
	b.logged(`^<142>.* Keepalived_vrrp\[\d+\]: `)
	const restarting = "[ k.conf -nt /run/o/c.pid ] && echo restarting"
	b.is(restarting, "")
	time.Sleep(10 * time.Millisecond) // the two files have different times
	b.write("k.conf", vrrpText(51, vip2))
	b.is(restarting, "restarting")
	b.says(0, "kill -HUP $(cat /run/o/p.pid)")
	b.is(restarting, "")
	b.says(0, "kill $(cat /run/o/p.pid)")
	b.is("ls /run/o", "")
}

// TestNamesOfPidFiles: instance, use_pid_dir, net_namespace and -s, as keepalived has them.
func TestNamesOfPidFiles(t *testing.T) {
	b := newBox(t)
	b.says(0, "mkdir /run/netns && ip netns add red && ip link add eth7 type veth peer name eth8 && "+
		"ip link set eth7 netns red && ip -n red link set eth7 name eth0 && ip -n red address add 10.77.1.1/24 dev eth0 && "+
		"ip -n red link set eth0 up && ip link set eth8 up")
	vrid := 60
	for _, tc := range []struct{ words, flags, dir, suffix, identifier string }{
		{"", "", "/run", "", "Keepalived"},
		{"use_pid_dir\n", "", "/run/keepalived", "", "Keepalived"},
		{"instance foo\n", "", "/run/keepalived", "_foo", "Keepalived_foo"},
		{"net_namespace red\n", "", "/run/keepalived/red", "", "Keepalived_red"},
		{"instance foo\n", "-s red", "/run/keepalived/red", "_foo", "Keepalived_red_foo"},
	} {
		vrid++
		name := fmt.Sprintf("c%d.conf", vrid)
		b.write(name, tc.words+vrrpText(vrid, fmt.Sprintf("10.77.0.%d/24", vrid)))
		b.says(0, "keepalived -f "+name+" "+tc.flags)
		for _, process := range []string{"keepalived", "vrrp", "checkers"} {
			b.says(0, "kill -0 $(cat "+tc.dir+"/"+process+tc.suffix+".pid)")
		}
		b.logged(` ` + tc.identifier + `\[\d+\]: .*in service`)
	}
	// They run side by side, each with a run directory of its own.
	b.is("director list | grep -c /c6", "5")
	b.says(0, "director status -f c64.conf", "VI_64")
	b.says(0, "director status -p /run/keepalived/red/keepalived.pid", "VI_64")
	b.says(0, "director status", "VI_61")
	b.says(0, "kill $(pidof keepalived)")
	b.is("find /run -name '*.pid'; pidof keepalived", "")
}

// TestDaemonThatFails says why on the caller's standard error.
func TestDaemonThatFails(t *testing.T) {
	b := newBox(t)
	b.write("bad.conf", "vrrp_instance VI_1 {\n interface eth0\n}\n")
	b.says(1, "keepalived -f bad.conf -p bad.pid", "bad.conf:1:1: error:", "nothing was started")
	b.says(1, "keepalived -f none.conf", "none.conf", "no such file")
	b.says(1, "keepalived", "/etc/keepalived/keepalived.conf")
	b.says(1, "keepalived -f k.conf --no-such-flag", "unknown flag --no-such-flag", "keepalived --help")
	b.says(1, "keepalived -P -C", "exclude each other")
	b.is("ls bad.pid 2>/dev/null; pidof keepalived", "")
	b.write("l.conf", vrrpText(52, vip2))
	b.says(0, "keepalived -f l.conf -f k.conf -x", "warning: -f is given 2 times: k.conf counts")
	b.says(0, "keepalived -f l.conf -p /dev/null")
	b.says(0, "[ -c /dev/null ]")
	b.says(1, "director status -f k.conf", "VI_51", "SNMP is not served (-x, -A): docs/migrate.md")
	b.says(1, "keepalived -f k.conf -p other.pid", "the same virtual_router_id 51")
}

// TestProcessNamesOfTheConfiguration in ps, also after a reload.
func TestProcessNamesOfTheConfiguration(t *testing.T) {
	b := newBox(t)
	b.says(0, "keepalived -f k.conf")
	const names = "for p in keepalived vrrp checkers; do cat /proc/$(cat /run/$p.pid)/comm; done | xargs"
	b.is(names, "keepalived keepalived keepalived")
	b.write("k.conf", "global_defs {\n process_names\n checker_process_name mine\n}\n"+vrrpText(51, vip1))
	b.says(0, "kill -HUP $(cat /run/keepalived.pid)")
	b.is(names, "keepalived keepalived_vrrp mine")
}

// TestForeground: -n has the log on standard error, and in a file, and in syslog but with -G.
func TestForeground(t *testing.T) {
	b := newBox(t)
	const thenStop = " 2> err & until grep -q 'in service' err; do sleep 0.1; done; kill $(cat /run/keepalived.pid); wait"
	b.says(0, "keepalived -nlG -f k.conf -g k.log"+thenStop)
	b.says(0, "grep -c 'in service' k.log; grep worker=vrrp k.log", "1\n", "worker=vrrp")
	select {
	case line := <-b.log:
		t.Errorf("syslog got %q", line)
	default:
	}
	b.says(0, "rm err; keepalived -n -S local3 -f k.conf"+thenStop)
	b.logged(`^<158>.*in service`)
}

// TestConfigTest: keepalived's exit statuses, and our findings.
func TestConfigTest(t *testing.T) {
	b := newBox(t)
	instance := func(more string) string {
		return "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n" + more +
			" virtual_ipaddress {\n  10.0.0.1\n }\n}\n"
	}
	const script = "vrrp_script s {\n script /bin/true\n interval 1\n}\n"
	for name, tc := range map[string]struct {
		text string
		code int
		want string
	}{
		"good":         {instance(" priority 100\n"), 0, ""},
		"typo":         {instance(" priorty 100\n"), 5, "priorty"},
		"out of range": {instance(" priority 300\n"), 5, "300"},
		"no VRID":      {"vrrp_instance VI_1 {\n interface eth0\n}\n", 5, "virtual_router_id"},
		"no brace":     {"vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n", 5, "'}'"},
		"no interface": {strings.ReplaceAll(instance(""), "eth0", "eth9"), 5, "eth9"},
		"empty":        {"", 0, ""},
		"no script": {"global_defs {\n enable_script_security\n script_user root\n}\n" +
			strings.ReplaceAll(script, "/bin/true", "/no/such") + instance(" track_script {\n  s\n }\n"), 5, "/no/such"},
		"security": {script + instance(" track_script {\n  s\n }\n"), 6, "enable_script_security"},
	} {
		b.write("t.conf", tc.text)
		out, errOut, code := b.sh("keepalived -t -f t.conf")
		if code != tc.code || out != "" || !strings.Contains(errOut, tc.want) || tc.code == 0 && errOut != "" {
			t.Errorf("%s: exit status %d, want %d; %q, %q", name, code, tc.code, out, errOut)
		}
	}
	b.write("t.conf", instance(" priorty 100\n"))
	out, errOut, code := b.sh("director --config-test=found -f t.conf; echo $?; cat found")
	if code != 0 || errOut != "" || !strings.HasPrefix(out, "5\n") || !strings.Contains(out, "priorty") {
		t.Errorf("with a file: %d, %q, %q", code, out, errOut)
	}
	out, _, code = b.sh("echo before >found; ln -s found linked; director --config-test=found -f t.conf; " +
		"director --config-test=linked -f t.conf; echo $?; head -n 1 found; grep -c . found")
	if code != 0 || out != "1\nbefore\n2\n" {
		t.Errorf("with a file that has something, and by a link: %d, %q", code, out)
	}
	b.says(0, "keepalived -t -f none.conf", "none.conf")
	b.says(1, "director check -f none.conf")
}

// TestCalledKeepalived: what those read who ask for the version, or a signal's number.
func TestCalledKeepalived(t *testing.T) {
	b := newBox(t)
	for _, flag := range []string{"-v", "--version"} {
		out, errOut, code := b.sh("keepalived " + flag)
		words := strings.Fields(errOut)
		if code != 0 || out != "" || len(words) < 3 || words[0] != "Keepalived" ||
			!regexp.MustCompile(`^v\d+\.\d+\.\d+$`).MatchString(words[1]) || !strings.Contains(errOut, "--enable-json") {
			t.Errorf("%s: %d, %q, %q", flag, code, out, errOut)
		}
	}
	for name, want := range map[string]string{"STOP": "15\n", "JSON": "36\n", "STATS_CLEAR": "63\n"} {
		if out, errOut, code := b.sh("keepalived --signum=" + name); out != want || errOut != "" || code != 0 {
			t.Errorf("%s: %d, %q, %q", name, code, out, errOut)
		}
	}
	if out, errOut, code := b.sh("keepalived --signum X"); out != "" || errOut != "Unknown sigfunc X\n" || code != 1 {
		t.Errorf("%d, %q, %q", code, out, errOut)
	}
	if out, errOut, code := b.sh("keepalived -h"); out != "" || !strings.Contains(errOut, "--use-file") || code != 0 {
		t.Errorf("%d, %q, %q", code, out, errOut)
	}
	b.says(0, "keepalived -T --help", "director genhash")
}

// TestSignalsToTheCommand that starts a daemon neither end it nor are lost.
func TestSignalsToTheCommand(t *testing.T) {
	b := newBox(t)
	b.says(0, "keepalived -f k.conf & until grep -q . /proc/$!/task/$!/children; do :; done; "+
		"for i in 1 2 3 4 5 6; do for s in 1 10 12 36 63 64; do kill -$s $! 2>/dev/null; done; done; "+
		"wait $!; echo status $?", "status 0")
	b.is("director status --json | grep -o '\"generation\": [2-9]' | head -1", `"generation": 2`)
}

// TestSignalsToTheDaemon from the moment that the command has forked it, all the time until it serves, do
// not end it.
func TestSignalsToTheDaemon(t *testing.T) {
	for _, signal := range harmless {
		b := newBox(t)
		b.says(0, fmt.Sprintf("keepalived -f k.conf & until read pid rest < /proc/$!/task/$!/children || [ \"$pid\" ] || "+
			"! kill -0 $!; do :; done; until [ -s /run/keepalived.pid ] || ! kill -%d $pid 2>/dev/null; do :; done; "+
			"wait $!; echo status $?", signal), "status 0")
		b.says(0, "director status --json >/dev/null; [ $(cat /run/keepalived.pid) -gt 0 ] && echo $?", "0")
	}
}

// TestHundredDaemons side by side, found by their files.
func TestHundredDaemons(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIP: a hundred daemons are part of the long form")
	}
	b := newBox(t)
	b.patience = 4 * time.Minute // for a machine that does other things, too: alone it takes less than one
	const n = 100
	for i := range n {
		// Each worker hears what all others advertise, so they are to be silent, and to stay BACKUP.
		text := vrrpText(100+i, fmt.Sprintf("10.77.0.%d/24", 100+i))
		text = strings.Replace(text, "version 3\n advert_int 0.1", "version 2\n advert_int 250", 1)
		b.write(fmt.Sprintf("d%02d.conf", i), text)
	}
	began := time.Now()
	long := strings.Repeat("0", 98) // a path that is too long for a socket's
	b.says(0, fmt.Sprintf("seq -w 0 %d | xargs -P 4 -I N keepalived -P -f dN.conf -p /run/%sN.pid -r dN.vrrp", n-1, long))
	t.Logf("%d daemons in %v", n, time.Since(began))
	b.is("director list | grep -c '/d[0-9][0-9].conf  1'", fmt.Sprint(n))
	b.says(0, "director status -f d02.conf", "VI_102")
	b.says(0, "director status -p /run/"+long+"03.pid", "VI_103")
	b.says(0, "kill $(cat /run/*.pid)")
	b.is("ls d*.vrrp /run/*.pid 2>/dev/null; pidof keepalived", "")
	b.is("ls -d /run/director* 2>/dev/null", "")
	t.Logf("begun and ended in %v", time.Since(began))
}
