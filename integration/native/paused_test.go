//go:build linux

package native_test

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestPausedGuest: a MASTER is a virtual machine that is paused for a while, by a snapshot or a
// migration. None of its own clocks shows the pause. When it continues there are two masters, for
// one interval of the peer at most. The better one remains and announces its addresses again.
func TestPausedGuest(t *testing.T) {
	stage.RequireTool(t, "qemu-system-x86_64", "qemu-system-x86")
	const interval = time.Second
	w := watch(t)
	// a is the host that runs the guest; its link ends in the guest.
	w.a.Run("ip", "addr", "flush", "dev", "eth0")
	w.a.Run("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
	w.a.Run("ip", "tuntap", "add", "tap0", "mode", "tap")
	for _, port := range []string{"eth0", "tap0"} {
		w.a.Run("ip", "link", "set", port, "master", "br0")
		w.a.Run("ip", "link", "set", port, "up")
	}
	w.a.Run("ip", "link", "set", "br0", "up")
	conf := func(priority int) string {
		return strings.ReplaceAll(base(priority), fmt.Sprintf("advert_int %g", watchInterval.Seconds()), "advert_int 1")
	}
	inguest := filepath.Join(t.TempDir(), "inguest")
	if out, err := exec.Command("go", "build", "-o", inguest, "../inguest").CombinedOutput(); err != nil {
		t.Fatalf("build inguest: %v\n%s", err, out)
	}
	qmp := filepath.Join(t.TempDir(), "qmp")
	script := fmt.Sprintf("ip link set eth0 up && ip addr add 192.0.2.251/24 dev eth0 && exec %s run -f %s --run-dir "+
		"/run/lb --state-dir /run/state",
		stage.Director().Path, w.a.WriteFile("lb.conf", conf(150)))
	w.a.StartCommand(lab.Command{Name: "guest", Env: []string{lab.LogsVar + "=" + w.a.Dir()},
		Argv: []string{inguest, "-tap", "tap0", "-qmp", qmp, "sh", "-c", script}})
	const guestAddress, peerAddress = "192.0.2.251", "192.0.2.252"
	sent := func(source string, since time.Time) []pair.Advertisement {
		return pair.From(pair.Advertisements(w.c.Capture("eth0"), since), source)
	}
	w.Until(2*time.Minute, "the guest is MASTER", func() bool { return len(sent(guestAddress, time.Time{})) > 2 })
	d := w.start(w.b, conf(100))
	w.Until(15*time.Second, "b is BACKUP", func() bool { return d.Printed(time.Time{}, "to=BACKUP") })
	console := dialQMP(t, qmp)

	// The guest is the better one: it remains.
	console("stop")
	w.Until(5*interval, "b is MASTER", func() bool { return w.b.HasAddress("eth0", frontVIP) })
	time.Sleep(2 * interval)
	console("cont")
	resumed := time.Now()
	w.Until(interval+2*slack, "b gives way", func() bool { return !w.b.HasAddress("eth0", frontVIP) })
	last := sent(peerAddress, resumed)
	if len(last) > 0 && last[len(last)-1].Time.Sub(resumed) > interval+slack+w.Starved(resumed, last[len(last)-1].Time) {
		t.Errorf("b still advertised for %v beside the guest", last[len(last)-1].Time.Sub(resumed))
	}
	w.Until(interval+slack, "the guest announces the virtual address", func() bool {
		return w.announced("eth0", frontVIP, resumed) > 0
	})
	w.Steady(3*interval, "b remains BACKUP", func() bool { return !w.b.HasAddress("eth0", frontVIP) })

	// The peer is the better one: it remains.
	console("stop")
	d.Reload(conf(200))
	w.Until(5*interval, "b is MASTER", func() bool { return w.b.HasAddress("eth0", frontVIP) })
	time.Sleep(interval)
	console("cont")
	resumed = time.Now()
	time.Sleep(interval + slack)
	quiet := time.Now()
	w.Steady(3*interval, "b remains MASTER", func() bool { return w.b.HasAddress("eth0", frontVIP) })
	if list := sent(guestAddress, quiet); len(list) > 0 {
		t.Errorf("the guest is MASTER beside a better router: %+v", list)
	}
	if macs := w.answering("eth0", frontVIP); len(macs) != 1 || macs[0] != w.b.HardwareAddr("eth0").String() {
		t.Errorf("%v answer for %s, want b alone", macs, frontVIP)
	}
	console("quit")
}

// dialQMP returns a function that has QEMU execute a command (QEMU Machine
// Protocol specification).
func dialQMP(t *testing.T, path string) func(command string) {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	answers := bufio.NewScanner(conn)
	execute := func(command string) {
		t.Helper()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(conn, "{\"execute\": %q}\n", command)
		for answers.Scan() { // events come between
			if strings.Contains(answers.Text(), `"return"`) {
				return
			}
			if strings.Contains(answers.Text(), `"error"`) {
				t.Fatalf("QEMU refuses %s: %s", command, answers.Text())
			}
		}
		if command != "quit" {
			t.Fatalf("QEMU does not answer to %s: %v", command, answers.Err())
		}
	}
	execute("qmp_capabilities")
	return execute
}
