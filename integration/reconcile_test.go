//go:build linux

package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// ipvsadm changes the director's table as an administrator does.
func (s *shop) ipvsadm(line string, args ...any) {
	s.t.Helper()
	stage.RunIpvsadm(s.director, strings.Fields(fmt.Sprintf(line, args...))...)
}

// TestReconcilePolicies: how director handles changes by others, with real traffic: the policies
// keep_weights, enforce, report and off, a table that is emptied, and services that are not its
// own.
func TestReconcilePolicies(t *testing.T) {
	onlyLong(t)
	stage.RequireIpvsadm(t)
	s := openShop(t)
	sources := s.sources(30)
	for _, h := range s.near {
		traffic.ServeWeb(h, 80)
	}
	conf := func(policy string) string {
		return global("    reconcile "+policy) + service(at2(80), dr("rr"), nearServers("192.0.2.", 80, 3)...) +
			service(at2(81), dr("wrr"), nearServers("192.0.2.", 81, 3)...)
	}
	s.open(conf("keep_weights"))
	web := traffic.StartClient(s.client, "tcp", at(80))
	held := s.hold(81, sources)
	expectShares(t, held.First, 0, map[string]int{"near1": 10, "near2": 10, "near3": 10})
	s.ipvsadm("-A -t %s -s rr", at(9999))
	s.ipvsadm("-a -t %s -r 192.0.2.13:9999 -g -w 3", at(9999))
	foreign := s.weights(9999)
	begun := time.Now()
	weight := func(n int) { s.t.Helper(); s.ipvsadm("-e -t %s -r 192.0.2.11:81 -g -w %d", at(81), n) }
	with := func(n int) map[string]int { return nearWeights(map[string]int{"near1": n}) }

	// keep_weights: a weight that was set by hand stays, and status shows it. It does not raise a
	// drained real server. --reset ends it. Director adds what is missing and removes what does not
	// belong there.
	weight(7)
	s.Until(5*time.Second, "status shows the weight that was set by hand", func() bool {
		st := s.status()
		return len(st.Override) == 1 && st.Override[0].Source == "kernel"
	})
	s.Steady(2*time.Second, "the weight stays", func() bool { return s.weights(81) == fmt.Sprint(with(7)) })
	answers := traffic.Burst{Targets: []string{at(81)}, Count: 45, Together: 1}.Run(s.client)
	expectShares(t, answers, 1, map[string]int{"near1": 35, "near2": 5, "near3": 5})
	s.ipvsadm("-d -t %s -r 192.0.2.12:81", at(81))
	s.ipvsadm("-a -t %s -r 192.0.2.19:81 -g -w 5", at(81))
	s.untilWeights(5*time.Second, 81, with(7))
	s.ask("drain", "192.0.2.11", "--vs", at(81))
	s.untilWeights(3*time.Second, 81, with(0))
	s.ask("undrain", "192.0.2.11", "--vs", at(81))
	s.untilWeights(3*time.Second, 81, with(7))
	s.daemon.KillWorker(pair.LVS) // the next worker knows who had set the weight
	s.Steady(3*time.Second, "the weight stays with a new lvs worker", func() bool {
		return s.weights(81) == fmt.Sprint(with(7))
	})
	t.Log(s.ask("weight", "192.0.2.11:81", "--reset"))
	s.untilWeights(5*time.Second, 81, with(1))
	s.expectSame("keep_weights", held.First, held.Ask())
	if seen := web.Between(begun, time.Now()); failures(s.Lab, seen) > 0 {
		t.Errorf("keep_weights, a service that nobody touched: %v", seen)
	}

	// Another program empties the table.
	flushed := time.Now()
	s.ipvsadm("-C")
	s.untilWeights(3*time.Second, 81, with(1))
	s.untilWeights(3*time.Second, 80, with(1))
	s.expectSame("emptied by ipvsadm -C", held.First, held.Ask())
	seen := web.Between(flushed, time.Now())
	s.Logf("emptied by ipvsadm -C: %v", seen)
	if seen.LongestGap > 2*time.Second+s.Starved(seen.GapStart, seen.GapStart.Add(seen.LongestGap)) {
		t.Errorf("emptied by ipvsadm -C: %v", seen)
	}
	if got := s.weights(9999); got != "map[]" {
		t.Errorf("director restored a service that is not its own: %v", got)
	}
	s.ipvsadm("-A -t %s -s rr", at(9999))
	s.ipvsadm("-a -t %s -r 192.0.2.13:9999 -g -w 3", at(9999))

	// enforce: everything is as configured.
	s.reload(conf("enforce"))
	weight(7)
	s.untilWeights(5*time.Second, 81, with(1))
	// A fight: another program changes the weight all the time.
	repairs, said := 0, ""
	s.Until(30*time.Second, "director says that something keeps changing it", func() bool {
		if s.weights(81) == fmt.Sprint(with(1)) {
			repairs++
			weight(7)
		}
		said = statusError(s, at(81))
		return strings.Contains(said, "keeps changing")
	})
	s.Logf("after %d changes status says: %s", repairs, said)
	fought := time.Now()
	again := 0
	for time.Since(fought) < 5*time.Second {
		if s.weights(81) == fmt.Sprint(with(1)) {
			again++
			weight(7)
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.Logf("in the next 5 s it changed it back %d times", again)
	if again > 3 { // the pause is 1 s after the fourth time, and then twice as long each time
		t.Errorf("director still changes the weight back too often: %d times in 5 s", again)
	}
	s.expectSame("enforce", held.First, held.Ask())

	// report: the change stays, and director reports it once.
	begun = time.Now()
	s.reload(conf("report"))
	s.untilWeights(40*time.Second, 81, with(1))
	weight(5)
	s.Until(5*time.Second, "the difference is said", func() bool { return s.daemon.Printed(begun, "reconcile report") })
	s.ipvsadm("-d -t %s -r 192.0.2.12:81", at(81))
	left := map[string]int{"near1": 5, "near3": 1}
	s.Steady(3*time.Second, "nothing is repaired", func() bool { return s.weights(81) == fmt.Sprint(left) })
	s.ipvsadm("-a -t %s -r 192.0.2.12:81 -g -w 1", at(81))

	// off: director does not look at the table.
	s.reload(conf("off"))
	weight(9)
	s.Steady(3*time.Second, "nothing is repaired", func() bool { return s.weights(81) == fmt.Sprint(with(9)) })
	s.ask("drain", "192.0.2.13", "--vs", at(81)) // it still does what a command asks for
	s.Until(3*time.Second, "the drain is in the table", func() bool { return s.servers(81)["near3"].Weight == 0 })

	s.expectSame("all", held.First, held.Ask())
	if got := s.weights(9999); got != foreign {
		t.Errorf("the foreign service is now %v", got)
	}
	s.daemon.Stop(20 * time.Second)
	if got := s.weights(9999); got != foreign || s.weights(81) != "map[]" {
		t.Errorf("after the stop: the foreign service %v, our own %v", got, s.weights(81))
	}
}

// statusError is the error that status shows for a virtual server.
func statusError(s *shop, service string) string {
	address, port, _ := strings.Cut(service, ":")
	for _, vs := range s.status().VirtualServers {
		if vs.Name == "["+address+"]:tcp:"+port {
			return vs.Error
		}
	}
	return ""
}

// reload replaces the configuration and waits until it is in force.
func (s *shop) reload(conf string) {
	s.t.Helper()
	begun := time.Now()
	s.daemon.Reload(conf)
	s.Until(15*time.Second, "the reload is in force", func() bool {
		return s.daemon.Printed(begun, "IPVS table matches the configuration")
	})
}

// TestFlush: lvs_flush empties the table at the start, but not when a worker starts again.
// lvs_flush_on_stop empties it at the stop; with VS it removes only director's own services.
func TestFlush(t *testing.T) {
	onlyLong(t)
	stage.RequireIpvsadm(t)
	s := openShop(t)
	conf := func(lines ...string) string {
		return global(lines...) + service(at2(81), dr("rr"), nearServers("192.0.2.", 81, 3)...)
	}
	foreign := func() {
		t.Helper()
		s.ipvsadm("-A -t %s -s rr", at(9999))
		s.ipvsadm("-a -t %s -r 192.0.2.13:9999 -g -w 3", at(9999))
	}
	there := func() bool { return s.weights(9999) == "map[near3:3]" }
	foreign()
	s.open(conf("    lvs_flush"))
	if there() {
		t.Error("lvs_flush failed to remove a service, still present")
	}
	foreign()
	killed := time.Now()
	s.daemon.KillWorker(pair.LVS)
	s.Until(10*time.Second, "the next lvs worker is there", func() bool {
		return s.daemon.Printed(killed, "IPVS table matches the configuration")
	})
	if !there() {
		t.Error("lvs_flush emptied the table when a worker started again")
	}
	s.reload(conf("    lvs_flush", "    lvs_flush_on_stop VS"))
	s.daemon.Stop(20 * time.Second)
	if !there() || s.weights(81) != "map[]" {
		t.Errorf("lvs_flush_on_stop VS: the foreign service %v, our own %v", s.weights(9999), s.weights(81))
	}
	s.open(conf("    lvs_flush_on_stop"))
	s.daemon.Stop(20 * time.Second)
	if there() || s.weights(81) != "map[]" {
		t.Errorf("lvs_flush_on_stop: the foreign service %v, our own %v", s.weights(9999), s.weights(81))
	}
}
