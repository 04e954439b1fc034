package rollout_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/rollout"
)

// A worker that hangs is killed, its addresses go, and its successor begins
// anew: the peer has taken over.
func TestSilence(t *testing.T) {
	s := running(t)
	round := func(after time.Duration, want ...string) {
		t.Helper()
		s.after(after)
		s.step(rollout.Heard{Worker: rollout.LVS})
		s.step(rollout.Round{}, want...)
	}
	const short = rollout.RoundInterval
	round(0)
	for range 20 {
		round(short) // it has never said anything: an older program
	}
	s.step(rollout.Heard{Worker: rollout.VRRP, LastSent: 5 * time.Second, Limit: 3 * time.Second})
	for range 6 {
		round(short)
	}
	round(10 * time.Second) // we were late ourselves: that counts for nothing
	for range 6 {
		round(short)
	}
	s.after(short)
	s.step(rollout.Round{Unread: []rollout.Worker{rollout.VRRP}}) // it has spoken, we have not listened
	for range 7 {
		round(short)
	}
	round(short, "Examine")
	s.step(rollout.Examined{Worker: rollout.VRRP, Pid: 102, Unkillable: "it is being traced by process 7"}, "Unkillable")
	round(short, "Examine")
	s.step(rollout.Examined{Worker: rollout.VRRP, Pid: 102, Unkillable: "it is being traced by process 7"})
	if w, _ := s.m.Status(rollout.VRRP); w.Silent == "" {
		t.Error("the status does not tell")
	}
	round(short, "Examine")
	s.step(rollout.Examined{Worker: rollout.VRRP, Pid: 102}, "Kill vrrp 102")
	round(short)
	s.step(died(rollout.VRRP), "WorkerDied vrrp again 0s", "Release vrrp", "Lost")
	s.step(rollout.Released{Worker: rollout.VRRP}, "Start vrrp")
	s.started(rollout.VRRP, "WorkerRestarted", "Hand vrrp 1 fresh")
}

// The shortest silence that counts is MinSilence, however short the interval.
func TestSilenceOfAShortInterval(t *testing.T) {
	s := running(t)
	s.step(rollout.Round{})
	s.step(rollout.Heard{Worker: rollout.VRRP, Limit: 36 * time.Millisecond})
	for range 4 {
		s.after(rollout.RoundInterval)
		s.step(rollout.Round{})
	}
	s.after(rollout.RoundInterval)
	s.step(rollout.Round{})
	s.step(rollout.Heard{Worker: rollout.VRRP, Limit: 36 * time.Millisecond}) // just in time
	s.after(rollout.RoundInterval)
	s.step(rollout.Round{})
}
