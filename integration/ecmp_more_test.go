//go:build linux

package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/traffic"
)

// fingerprint is that of the slots of the TCP service on director i.
func (e *ecmp) fingerprint(i int) string {
	e.t.Helper()
	_, text, _ := strings.Cut(e.ask(i, "ipvs", "--slots", fmt.Sprintf("%s:%d", ecmpVIP, ecmpPort)), "fingerprint ")
	text, _, _ = strings.Cut(text, "\n")
	return text
}

// untilAlive waits until every director that runs has so many real servers with a weight.
func (e *ecmp) untilAlive(limit time.Duration, want int) {
	e.t.Helper()
	for i, d := range e.dirs {
		if !d.On() {
			continue
		}
		e.Until(limit, fmt.Sprintf("dir%d has %d real servers alive", i+1, want), func() bool {
			time.Sleep(50 * time.Millisecond)
			list := slices.DeleteFunc(e.weights(i), func(w int) bool { return w == 0 })
			return len(list) == want
		})
	}
}

// TestECMPChanges: a fourth director joins; a real server dies, and breaks no connection of the others on any
// director; a director is started meanwhile, and has the same slots as the others when the real server is back.
func TestECMPChanges(t *testing.T) {
	e := openECMP(t, 3, false, "mh", "mh-port")
	load := e.load()
	e.join()
	e.untilPaths(time.Now(), 90*time.Second, "a fourth joins", e.gateways())
	time.Sleep(settle)
	e.row("a fourth director joins", load.SoFar(), 99)

	e.serving[3].KillAndWait()
	e.servers[3].Unplug("eth0") // it resets nothing: its connections have no answer
	e.untilAlive(60*time.Second, ecmpServers-1)
	time.Sleep(2 * settle)
	o := load.SoFar()
	e.Logf("a real server of %d dies, and its connections with it: %v", ecmpServers, o)
	time.Sleep(2 * settle)
	o = load.SoFar() // those of the dead one are gone by now
	e.Logf("those that are left: %v", o)
	if o.Moved > 0 {
		t.Errorf("%d connections are with another real server", o.Moved)
	}

	e.daemons[1].Terminate()
	e.daemons[1].WaitEnd(30 * time.Second)
	e.start(1)
	e.untilPaths(time.Now(), 60*time.Second, "dir2 is back", e.gateways())
	e.untilAlive(60*time.Second, ecmpServers-1)
	e.servers[3].Plug("eth0")
	e.serving[3] = e.serve(3)
	e.untilAlive(60*time.Second, ecmpServers)
	prints := make([]string, len(e.dirs))
	for i := range e.dirs {
		prints[i] = e.fingerprint(i)
	}
	e.Logf("one was started while a real server was down; fingerprints of the slots: %v", prints)
	if prints[0] == "" || len(slices.Compact(prints)) != 1 {
		t.Errorf("the slots differ: %v", prints)
	}
	load.End()
}

// TestECMPLosesOne: one of three hosts dies, with BFD. Flows of UDP keep their real server.
func TestECMPLosesOne(t *testing.T) {
	e := openECMP(t, 3, true, "mh", "mh-port")
	load := e.load()
	flows := traffic.StartSessions(e.client, traffic.Load{Network: "udp", Target: fmt.Sprintf("%s:%d", ecmpVIP, ecmpUDP),
		Count: e.connections, Every: 2 * time.Second, FirstPort: 40000})
	time.Sleep(settle)
	e.smooth("nothing happens", load.SoFar())
	e.dirs[1].Crash()
	began := time.Now()
	took := e.untilPaths(began, time.Second+slack, "dir2's host is lost", e.gateways(1))
	e.Logf("a host that is lost, with BFD of 3 times 300 ms: the router uses it no longer after %v (limit 1 s)",
		took.Round(time.Millisecond))
	time.Sleep(2 * settle)
	o := load.End()
	e.row("one of three hosts is lost, with BFD", o, 99)
	e.Logf("stalls were over %v after the loss (limit 2 s)", o.LastSlow.Sub(began).Round(time.Millisecond))
	u := flows.End()
	e.row("flows of UDP when one of three hosts is lost", u, 100)
	if u.Moved > 0 {
		t.Errorf("%d flows of UDP have changed their real server", u.Moved)
	}
}

// TestECMPControl: with wlc, which remembers, and without a sync daemon most connections that move are lost. If they
// were not, the other tests would show nothing.
func TestECMPControl(t *testing.T) {
	e := openECMP(t, 3, false, "wlc")
	load := e.load()
	time.Sleep(settle)
	load.SoFar()
	e.dirs[0].Crash()
	e.untilPaths(time.Now(), e.session.Hold+2*time.Second+slack, "dir1's host is lost", e.gateways(0))
	time.Sleep(3 * settle)
	o := load.End()
	e.Logf("control, wlc without sync: %.1f %% of the connections stay (without director 50 to 67); %v", 100*o.Kept(), o)
	if o.Kept() >= 0.8 {
		t.Errorf("%.1f %% of the connections stay without mh, want under 80 %%: %v", 100*o.Kept(), o)
	}
}
