package main

import (
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
)

func server(name string, up ...bool) virtualServerReport {
	vs := virtualServerReport{Name: name, Scheduler: "wlc", Forward: "NAT"}
	for _, u := range up {
		vs.RealServers = append(vs.RealServers, realServerReport{Name: "rs", Up: u})
		if u {
			vs.Alive++
		}
	}
	return vs
}

func TestStatusJudgesTheWhole(t *testing.T) {
	master := instanceReport{Name: "M", State: event.Master}
	backup := instanceReport{Name: "B", State: event.Backup}
	fault := instanceReport{Name: "F", State: event.Fault}
	for name, tc := range map[string]struct {
		r    statusReport
		want int
	}{
		"nothing configured":   {statusReport{}, exitOK},
		"all well":             {statusReport{Instances: []instanceReport{master, backup}, VirtualServers: []virtualServerReport{server("a", true, true)}}, exitOK},
		"a real server down":   {statusReport{VirtualServers: []virtualServerReport{server("a", true, false)}}, exitDegraded},
		"one instance faulty":  {statusReport{Instances: []instanceReport{master, fault}}, exitDegraded},
		"all instances faulty": {statusReport{Instances: []instanceReport{fault}}, exitNoService},
		"one of two dead":      {statusReport{VirtualServers: []virtualServerReport{server("a", false), server("b", true)}}, exitDegraded},
		"no real server":       {statusReport{Instances: []instanceReport{master}, VirtualServers: []virtualServerReport{server("a", false, false)}}, exitNoService},
		"a worker is missing":  {statusReport{Instances: []instanceReport{master}, Problems: []string{"the lvs worker does not run"}}, exitDegraded},
	} {
		if got := tc.r.exitStatus(); got != tc.want {
			t.Errorf("%s: exit status %d, want %d", name, got, tc.want)
		}
	}
}

func TestDegradedThingsAreShownFirst(t *testing.T) {
	var b strings.Builder
	printStatus(&b, statusReport{
		Problems:       []string{"the lvs worker does not run"},
		Instances:      []instanceReport{{Name: "VI_good", State: event.Master}, {Name: "VI_bad", State: event.Fault, Reason: "eth1 is down"}},
		VirtualServers: []virtualServerReport{server("good", true), server("half", true, false), server("dead", false)},
	}, time.Now())
	out := b.String()
	last := -1
	for _, want := range []string{"lvs worker", "VI_bad", "eth1 is down", "VI_good", "dead", "half", "DOWN", "UP", "good wlc"} {
		at := strings.Index(out[last+1:], want)
		if at < 0 {
			t.Fatalf("%q is missing or too early in:\n%s", want, out)
		}
		last += 1 + at
	}
}

// TestRefusedSendersAreShown: a pair with two passwords first.
func TestRefusedSendersAreShown(t *testing.T) {
	now := time.Now()
	var b strings.Builder
	r := statusReport{Instances: []instanceReport{{Name: "VI", State: event.Master, Counters: &event.InstanceCounters{Dropped: map[string]uint64{"auth-failed": 7}}}}}
	r.strangersReport = strangersReport{
		Strangers: []event.Stranger{
			{Interface: "eth0", Sender: "10.0.0.9", VRID: 99, Priority: 100, Reason: "unknown-vrid", Times: 3, Last: now},
			{Interface: "eth0", Sender: "10.0.0.2", VRID: 51, Priority: 150, Instance: "VI", Reason: "auth-failed", Times: 7, Last: now},
		},
		Dropped: map[string]map[string]uint64{"eth0": {"unknown-vrid": 3}}, MoreStrangers: 2,
	}
	printStatus(&b, r, now)
	out := b.String()
	last := -1
	for _, want := range []string{"REFUSED FROM", "10.0.0.2", "VI", "auth-failed", "10.0.0.9", "unknown-vrid", "VI dropped: auth-failed 7",
		"eth0 dropped: unknown-vrid 3", "2 refused packets of other senders"} {
		at := strings.Index(out[last+1:], want)
		if at < 0 {
			t.Fatalf("%q is missing or too early in:\n%s", want, out)
		}
		last += 1 + at
	}
}
