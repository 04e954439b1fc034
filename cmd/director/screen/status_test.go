package screen_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/cmd/director/screen"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/status"
)

func server(name string, up ...bool) control.VirtualServer {
	vs := control.VirtualServer{Name: name, Scheduler: "wlc", Forward: "NAT"}
	for _, u := range up {
		vs.RealServers = append(vs.RealServers, control.RealServer{Name: "rs", Up: u})
		if u {
			vs.Alive++
		}
	}
	return vs
}

func TestDegradedThingsAreShownFirst(t *testing.T) {
	var b strings.Builder
	screen.Status(&b, control.Status{
		Problems: []control.Problem{{Text: "the lvs worker does not run"}},
		Instances: []control.Instance{{Name: "VI_good", State: event.Master},
			{Name: "VI_bad", State: event.Fault, Reason: "eth1 is down"}},
		VirtualServers: []control.VirtualServer{server("good", true), server("half", true, false), server("dead", false)},
	}, time.Now())
	out := b.String()
	last := -1
	for _, want := range []string{"lvs worker", "VI_bad", "eth1 is down", "VI_good", "dead", "half", "DOWN", "UP",
		"good wlc"} {
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
	r := control.Status{Instances: []control.Instance{{Name: "VI", State: event.Master,
		Counters: &event.InstanceCounters{Dropped: map[string]uint64{"auth-failed": 7}}}}}
	r.RefusedSenders = control.RefusedSenders{
		Strangers: []event.Stranger{
			{Interface: "eth0", Sender: "10.0.0.9", VRID: 99, Priority: 100, Reason: "unknown-vrid", Times: 3, Last: now},
			{Interface: "eth0", Sender: "10.0.0.2", VRID: 51, Priority: 150, Instance: "VI", Reason: "auth-failed", Times: 7,
				Last: now},
		},
		Dropped: map[string]map[string]uint64{"eth0": {"unknown-vrid": 3}}, MoreStrangers: 2,
	}
	screen.Status(&b, r, now)
	out := b.String()
	last := -1
	for _, want := range []string{"REFUSED FROM", "10.0.0.2", "VI", "auth-failed", "10.0.0.9", "unknown-vrid",
		"VI dropped: auth-failed 7",
		"eth0 dropped: unknown-vrid 3", "2 refused packets of other senders"} {
		at := strings.Index(out[last+1:], want)
		if at < 0 {
			t.Fatalf("%q is missing or too early in:\n%s", want, out)
		}
		last += 1 + at
	}
}

// TestMarks: "!" is for problems, which the exit status tells too.
func TestMarks(t *testing.T) {
	now := time.Unix(1000, 0)
	soon := now.Add(time.Minute)
	var b strings.Builder
	r := control.Status{
		ConfigState: control.ConfigState{Config: "a.conf", Digest: strings.Repeat("ab", 32), ConfirmUntil: &soon},
		Instances: []control.Instance{{Name: "VI_1", State: event.Backup,
			HandedOver: &control.Order{Since: now.Add(-time.Minute)}}},
	}
	screen.Status(&b, r, now)
	for _, want := range []string{"\n* ATTENTION: the configuration is not confirmed", "\n* VI_1 has been handed over"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, b.String())
		}
	}
	if status.ExitStatus(r) != status.OK || strings.Contains(b.String(), "\n! ") {
		t.Errorf("exit status %d and:\n%s", status.ExitStatus(r), b.String())
	}
}

// A configuration that is not the file's comes before everything else.
func TestAttentionComesFirst(t *testing.T) {
	now := time.Unix(1000, 0)
	var b strings.Builder
	r := control.Status{ConfigState: control.ConfigState{Config: "a.conf", Digest: strings.Repeat("ab", 32),
		Fallback: "x", FileDiffers: true}}
	screen.Status(&b, r, now)
	if !strings.Contains(b.String(), "digest abababababab\n! ATTENTION: NOT a.conf") ||
		!strings.Contains(b.String(), "\n- a.conf differs") {
		t.Error(b.String())
	}
	if status.ExitStatus(r) != status.Degraded {
		t.Error("a fall-back is no degradation")
	}
}
