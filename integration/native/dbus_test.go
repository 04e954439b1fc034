//go:build linux

package native_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/lvs-director/director/integration/stage"
)

// systemBus is a private bus with the rules of a system bus, and the policies of a folder.
type systemBus struct {
	t       *testing.T
	dir     string
	daemon  *exec.Cmd
	program string
}

func newSystemBus(t *testing.T) *systemBus {
	t.Helper()
	program, err := exec.LookPath("dbus-daemon")
	if err != nil {
		program = filepath.Join(stage.Unpacked(t, "dbus-daemon", "usr/bin/dbus-daemon")[0], "usr/bin/dbus-daemon")
	}
	dir, err := os.MkdirTemp("", "bus") // one that the front, who is nobody, may enter
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "system.d"), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	b := &systemBus{t: t, dir: dir, program: program}
	t.Cleanup(func() {
		b.stop()
		os.RemoveAll(dir)
	})
	b.write("bus.conf", `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>`+b.address()+`</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><deny own="*"/><deny send_type="method_call"/>
<allow send_type="signal"/><allow send_requested_reply="true" send_type="method_return"/>
<allow send_requested_reply="true" send_type="error"/><allow receive_type="method_call"/>
<allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/>
<allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/></policy>
<includedir>`+dir+`/system.d</includedir></busconfig>`)
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", b.address())
	return b
}

func (b *systemBus) address() string { return "unix:path=" + b.dir + "/socket" }

func (b *systemBus) write(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// permit installs the policy of the packages, which make a user that this machine may lack: then the front is nobody.
func (b *systemBus) permit() {
	b.t.Helper()
	name := "director"
	if _, err := user.Lookup(name); err != nil {
		name = "nobody"
	}
	b.permitAs(name)
}

func (b *systemBus) permitAs(user string) {
	b.t.Helper()
	text, err := os.ReadFile("../../packaging/etc/dbus-policy.conf")
	if err != nil {
		b.t.Fatal(err)
	}
	b.write("system.d/director.conf", strings.ReplaceAll(string(text), `user="director"`, `user="`+user+`"`))
}

func (b *systemBus) start(before ...string) {
	b.t.Helper()
	argv := append(before, b.program, "--config-file="+b.dir+"/bus.conf", "--nofork", "--nopidfile")
	b.daemon = exec.Command(argv[0], argv[1:]...)
	if err := b.daemon.Start(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *systemBus) stop() {
	if b.daemon != nil {
		_ = b.daemon.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = b.daemon.Wait()
		b.daemon = nil
		os.Remove(b.dir + "/socket")
	}
}

// listener is a client of the bus that keeps the signals that it hears.
type listener struct {
	*dbus.Conn
	mu    sync.Mutex
	heard []string
}

func (b *systemBus) listen() *listener {
	b.t.Helper()
	c, err := dbus.Connect(b.address())
	for end := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		c, err = dbus.Connect(b.address()) // it is about to be there
	}
	if err == nil {
		err = c.AddMatchSignal(dbus.WithMatchPathNamespace("/org/keepalived"))
	}
	if err != nil {
		b.t.Fatal(err)
	}
	l := &listener{Conn: c}
	signals := make(chan *dbus.Signal, 100)
	c.Signal(signals)
	go func() {
		for s := range signals {
			if strings.HasPrefix(s.Name, "org.keepalived.") {
				l.mu.Lock()
				l.heard = append(l.heard, strings.TrimPrefix(string(s.Path), "/org/keepalived/Vrrp1/")+" "+
					s.Name[strings.LastIndexByte(s.Name, '.')+1:]+strings.Trim(fmt.Sprint(s.Body), "[]"))
				l.mu.Unlock()
			}
		}
	}()
	b.t.Cleanup(func() { c.Close() })
	return l
}

func (l *listener) signals() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.heard)
}

const (
	busName     = "org.keepalived.Vrrp1"
	busVrrp     = dbus.ObjectPath("/org/keepalived/Vrrp1/Vrrp")
	busInstance = dbus.ObjectPath("/org/keepalived/Vrrp1/Instance/eth0/51/IPv4")
)

// TestDBus: the interface of keepalived on a bus that comes late, refuses the name at first, and restarts:
// objects and properties, the signals of a failover in their order, and what may be asked for.
func TestDBus(t *testing.T) {
	bus := newSystemBus(t)
	w := watch(t)
	conf := "global_defs {\n    enable_dbus\n}\n" + base(150, "garp_master_repeat 1", "garp_master_delay 0")
	d := w.start(w.a, conf)
	says := func(text string) {
		t.Helper()
		w.Until(40*time.Second, "status says: "+text, func() bool {
			out, _ := w.ask(w.a, "status") // degraded
			return strings.Contains(out, text)
		})
	}
	says("D-Bus is not served: connecting to the system bus")
	bus.start()
	says("the bus does not let uid")
	bus.permit()
	if err := bus.daemon.Process.Signal(syscall.SIGHUP); err != nil { // it reads its policies again
		t.Fatal(err)
	}
	l := bus.listen()
	w.Until(40*time.Second, "the name is there", func() bool {
		return slices.Contains(l.signals(), "Vrrp VrrpStarted")
	})
	state := func() string {
		v, err := l.Object(busName, busInstance).GetProperty("org.keepalived.Vrrp1.Instance.State")
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(v.Value())
	}
	w.Until(15*time.Second, "it is MASTER", func() bool { return state() == "[2 Master]" })
	if v, err := l.Object(busName, busInstance).GetProperty("org.keepalived.Vrrp1.Instance.Name"); err != nil ||
		v.Value() != "VI_1" {
		t.Errorf("the name is %v, %v", v, err)
	}
	var text string
	if err := l.Object(busName, "/org/keepalived/Vrrp1/Instance").Call(
		"org.freedesktop.DBus.Introspectable.Introspect", 0).Store(&text); err != nil || !strings.Contains(text,
		`<node name="eth0"/>`) {
		t.Errorf("the node above has %q, %v", text, err)
	}

	before := len(l.signals())
	w.a.LinkDown("eth0")
	w.Until(10*time.Second, "it is in FAULT", func() bool { return state() == "[3 Fault]" })
	w.a.LinkUp("eth0")
	w.Until(10*time.Second, "it is MASTER again", func() bool { return state() == "[2 Master]" })
	const change = "Instance/eth0/51/IPv4 VrrpStatusChange"
	want := []string{change + "3", change + "1", change + "2"}
	w.Until(5*time.Second, "each transition is told", func() bool { return len(l.signals()) >= before+3 })
	if got := l.signals()[before:]; !slices.Equal(got, want) {
		t.Errorf("signals %q, want %q", got, want)
	}

	time.Sleep(time.Second) // what the takeover announces has left
	asked := time.Now()
	if err := l.Object(busName, busInstance).Call("org.keepalived.Vrrp1.Instance.SendGarp", 0).Err; err != nil {
		t.Error(err)
	}
	w.Until(5*time.Second, "the address is announced once more", func() bool {
		return w.announced("eth0", frontVIP, asked) > 0
	})
	if err := l.Object(busName, busVrrp).Call("org.keepalived.Vrrp1.Vrrp.ReloadConfig", 0).Err; err != nil {
		t.Error(err)
	}
	w.Until(5*time.Second, "the reload is told", func() bool {
		return slices.Contains(l.signals(), "Vrrp VrrpReloaded")
	})
	if err := l.Object(busName, busVrrp).Call("org.keepalived.Vrrp1.Vrrp.PrintData", 0).Err; err == nil {
		t.Error("a dump was written for somebody on the bus")
	}
	out, err := w.ask(w.a, "events", "--kind", "command")
	for _, text := range []string{"gratuitous ARP", "reload", "uid 0, by the D-Bus"} {
		if !strings.Contains(out, text) {
			t.Errorf("events have no %q: %v\n%s", text, err, out)
		}
	}

	// The bus does not read any more, while sixty instances change their states: that is said, nothing waits for it
	// or grows, and when it reads again all is there.
	many := conf
	for n := range 60 {
		many += instance(fmt.Sprintf("X%d", n), 60+n, 100, "eth0", fmt.Sprintf("192.0.2.%d/24", 60+n),
			"garp_master_repeat 1", "garp_master_delay 0")
	}
	d.Reload(many)
	all := func() bool { return w.a.HasAddress("eth0", frontVIP) && w.a.HasAddress("eth0", "192.0.2.119") }
	w.Until(15*time.Second, "all are MASTER", all)
	front := d.Worker("front")
	if err := bus.daemon.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.a.LinkDown("eth0")
		w.Until(10*time.Second, "all are in FAULT", func() bool { return !w.a.HasAddress("eth0", "192.0.2.119") })
		w.a.LinkUp("eth0")
		w.Until(10*time.Second, "all are MASTER again", all)
	}
	says("D-Bus is not served: the bus has gone: ")
	if now := d.Worker("front"); now != front {
		t.Errorf("the front is process %d, and was %d", now, front)
	}
	if err := bus.daemon.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	w.Until(40*time.Second, "it is on the bus that reads again", func() bool { return state() == "[2 Master]" })
	d.Reload(conf)

	bus.stop()
	says("D-Bus is not served")
	bus.start()
	l = bus.listen()
	w.Until(40*time.Second, "it is back on the bus", func() bool { return state() == "[2 Master]" })
	d.Terminate()
	w.Until(10*time.Second, "the stop is told", func() bool { return slices.Contains(l.signals(), "Vrrp VrrpStopped") })
	if got := l.signals(); len(got) < 2 || !slices.Equal(got[len(got)-2:], []string{change + "98", "Vrrp VrrpStopped"}) {
		t.Errorf("the stop is told as %q", got)
	}
}

// TestDBusPolicy: by the policy of the packages, as it is, on a bus with the rules of a system bus, the user director
// may have the name and nobody else; root may call all, and the others may look and not act.
func TestDBusPolicy(t *testing.T) {
	stage.Require(t)
	const director, another, nobody, superuser = 987, 986, 65534, 0
	bus := newSystemBus(t)
	bus.permitAs("director")
	bus.write("passwd", fmt.Sprintf("root:x:0:0::/:/bin/sh\ndirector:x:%d:%[1]d::/:/bin/false\n"+
		"another:x:%d:%[2]d::/:/bin/false\nnobody:x:%d:%[3]d::/:/bin/false\n", director, another, nobody))
	bus.start("unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/passwd && exec "$@"`, bus.dir+"/passwd")
	bus.listen() // it is there
	refused := func(err error) bool {
		var e dbus.Error
		return errors.As(err, &e) && e.Name == "org.freedesktop.DBus.Error.AccessDenied"
	}
	for _, uid := range []int{another, nobody, superuser} {
		if _, err := bus.as(uid).RequestName(busName, dbus.NameFlagDoNotQueue); !refused(err) {
			t.Errorf("the user %d asks for the name: %v", uid, err)
		}
	}
	owner := bus.as(director)
	if got, err := owner.RequestName(busName, dbus.NameFlagDoNotQueue); got != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("the user director asks for the name: %v, %v", got, err)
	}
	if _, err := owner.RequestName("org.keepalived.Vrrp2", dbus.NameFlagDoNotQueue); !refused(err) {
		t.Errorf("the user director asks for another name: %v", err)
	}
	for _, c := range []struct {
		uid    int
		method string
		may    bool
	}{
		{superuser, "org.keepalived.Vrrp1.Instance.SendGarp", true},
		{superuser, "org.keepalived.Vrrp1.Vrrp.ReloadConfig", true},
		{another, "org.freedesktop.DBus.Introspectable.Introspect", true},
		{another, "org.freedesktop.DBus.Properties.GetAll", true},
		{another, "org.keepalived.Vrrp1.Instance.SendGarp", false},
		{another, "org.keepalived.Vrrp1.Vrrp.ReloadConfig", false},
		{nobody, "org.keepalived.Vrrp1.Vrrp.ReloadConfig", false},
	} {
		// Who may call is answered by the owner of the name, which has nothing to be called.
		if err := bus.as(c.uid).Object(busName, busInstance).Call(c.method, 0).Err; refused(err) == c.may {
			t.Errorf("the user %d calls %s: %v, and may: %v", c.uid, c.method, err, c.may)
		}
	}
}

// as is a client of the bus that a user runs.
func (b *systemBus) as(uid int) *dbus.Conn {
	b.t.Helper()
	var c *dbus.Conn
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the user is this thread's, which ends with it
		_, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
		var err error
		if errno != 0 {
			err = errno
		}
		if err == nil {
			c, err = dbus.Connect(b.address())
		}
		done <- err
	}()
	if err := <-done; err != nil {
		b.t.Fatalf("connecting as the user %d: %v", uid, err)
	}
	b.t.Cleanup(func() { c.Close() })
	return c
}
