//go:build linux

package integration_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// syncDaemons are those that run on a host, as ipvsadm -L --daemon tells: "master eth0 7".
func syncDaemons(h *lab.Host) (list []string) {
	for line := range strings.Lines(stage.RunIpvsadm(h, "-L", "--daemon")) {
		role, rest, found := strings.Cut(strings.TrimSpace(line), " sync daemon (mcast=")
		if !found {
			continue
		}
		iface, rest, _ := strings.Cut(rest, ", syncid=")
		id, _, _ := strings.Cut(rest, ",")
		list = append(list, role+" "+iface+" "+strings.TrimSuffix(id, ")"))
	}
	return list
}

// connections counts the entries of a host's table of connections for a service port.
func connections(h *lab.Host, port int) (n int) {
	_ = h.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/ip_vs_conn")
		for line := range strings.Lines(string(text)) {
			// Pro FromIP FPrt ToIP TPrt DestIP DPrt State Expires
			if f := strings.Fields(line); len(f) > 7 && f[0] == "TCP" && f[4] == fmt.Sprintf("%04X", port) {
				n++
			}
		}
		return err
	})
	return n
}

// TestSyncDaemon (lvs-cases L15): exactly one sync daemon runs on each director, the
// master's on the MASTER, through starts, the death of a worker, handovers and a crash of
// the master's host. With it a thousand established connections survive the crash.
func TestSyncDaemon(t *testing.T) {
	stage.RequireIpvsadm(t)
	const connected = 1000
	site := pair.New(t, pair.DR, 3)
	for _, server := range site.Servers {
		traffic.ServeNames(server, fmt.Sprintf("tcp:%d", heldPort))
	}
	r := site.Run(t, both(stage.Director()), func(_ int, c *pair.Config) {
		c.Global = []string{"lvs_sync_daemon eth0 inst VI_1 id 7"}
		c.Before = []string{service(fmt.Sprintf("%s %d", pair.VIP, heldPort), dr("rr"),
			nearServers("192.0.2.", heldPort, 3)...)}
	})
	roles := func(limit time.Duration, when string, want ...string) {
		t.Helper()
		began := time.Now()
		for i, role := range want {
			r.Lab.Until(limit, fmt.Sprintf("%s: dir%d has one sync daemon, of the %s", when, i+1, role), func() bool {
				return !r.Dirs[i].On() || slices.Equal(syncDaemons(r.Dirs[i]), []string{role + " eth0 7"})
			})
		}
		r.Lab.Logf("%s: the sync daemons are right after %v", when, time.Since(began).Round(time.Millisecond))
	}
	roles(time.Second+slack, "started", "master", "backup")
	r.Web.Signal(syscall.SIGSTOP) // it would only take processor time
	held := traffic.Burst{Targets: []string{fmt.Sprintf("%s:%d", pair.VIP, heldPort)}, Count: connected,
		Hold: true}.Start(r.Client)
	expectAll(t, held.First)
	// IPVS does not send a connection with fewer than three packets (sync_threshold).
	expectAll(t, held.Ask())
	r.Daemons[0].KillWorker(pair.LVS)
	r.Lab.Until(10*time.Second, "dir2 has learnt the connections", func() bool {
		return connections(r.Dirs[1], heldPort) >= connected*99/100
	})
	synced := connections(r.Dirs[1], heldPort)
	roles(time.Second+slack, "the lvs worker was killed", "master", "backup")

	r.Dirs[0].Crash()
	r.UntilMaster(1, r.Configs[1].MasterDownInterval()+slack)
	roles(time.Second+slack, "the master's host is lost", "backup", "master")
	after := held.Ask()
	survived := len(after) - len(after.Failed())
	r.Lab.Logf("%d of %d connections were known to dir2, %d go on", synced, connected, survived)
	if survived < synced*99/100 {
		t.Errorf("of %d connections that dir2 knew only %d go on, the first without: %+v", synced, survived,
			after.Failed()[0])
	}
	servers := byNumber(held.First)
	for _, a := range after {
		if a.Server != "" && a.Server != servers[a.N] {
			t.Errorf("connection %d was with %s and is with %s", a.N, servers[a.N], a.Server)
		}
	}

	r.Dirs[0].Boot()
	r.StartDaemon(0, stage.Director())
	r.UntilMaster(0, 20*time.Second)
	roles(time.Second+slack, "the host is back", "master", "backup")
	held.Close()
	// Handovers one after the other.
	ask := func(words ...string) {
		t.Helper()
		r.Dirs[0].Run(r.Daemons[0].AskCommand(words...)...)
	}
	for range 3 {
		ask("handover", "VI_1")
		r.UntilMaster(1, 5*time.Second)
		ask("resume", "VI_1")
		r.UntilMaster(0, 5*time.Second+r.Configs[0].MasterDownInterval())
	}
	roles(time.Second+slack, "after three handovers and back", "master", "backup")
	for i, d := range r.Daemons {
		d.Terminate()
		d.WaitEnd(20 * time.Second)
		if left := syncDaemons(r.Dirs[i]); len(left) > 0 {
			t.Errorf("dir%d failed to stop its sync daemons, still running: %v", i+1, left)
		}
		for _, line := range d.Log() {
			if strings.Contains(line.Text, "sync daemon") && strings.Contains(line.Text, "ERROR") {
				t.Errorf("dir%d: %s", i+1, line.Text)
			}
		}
	}
}
