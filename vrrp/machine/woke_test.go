package machine_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/vrrp/machine"
)

// TestASuspendedMasterHasOverslept: no timer counts the time of the suspension.
func TestASuspendedMasterHasOverslept(t *testing.T) {
	s := master(t)
	at := start.Add(500 * time.Millisecond)
	if s.m.Overslept(at) {
		t.Fatal("it has overslept after half an interval")
	}
	s.m.Step(at, machine.Input{Kind: machine.Woke, Slept: time.Hour}, nil)
	if !s.m.Overslept(at) {
		t.Error("it has not overslept after a suspension of an hour")
	}
}

// TestAGuestThatWasPausedEndsAtThePeersFirstAdvertisement: the clock of a paused
// guest does not show the pause. A better router makes the MASTER yield at once.
// A router with lower priority, which has drawn the traffic to itself, is
// answered at once and the addresses are announced.
func TestAGuestThatWasPausedEndsAtThePeersFirstAdvertisement(t *testing.T) {
	garp := func(p *machine.Params) { p.GARP.LowerPrioRepeat = 5 }
	for _, tt := range []struct {
		priority uint8
		wins     bool
	}{{150, true}, {50, false}} {
		s := master(t, garp)
		at := start.Add(1500 * time.Millisecond)
		advertised, announced, yielded := false, false, false
		for _, e := range s.m.Step(at, machine.Input{Kind: machine.Received, Adv: machine.Advert{
			Priority: tt.priority, Interval: time.Second, Source: higher,
		}}, nil) {
			switch e.Kind {
			case machine.SendAdvertisement:
				advertised = true
			case machine.Announce:
				announced = true
			case machine.ReleaseAddresses:
				yielded = true
			}
		}
		if yielded != tt.wins || advertised == tt.wins || announced == tt.wins {
			t.Errorf("priority %d: yielded %v, advertised %v, announced %v", tt.priority, yielded, advertised, announced)
		}
	}
}

// TestAnswersAreBounded: a MASTER does not answer each packet of a flood,
// whatever the packets contain.
func TestAnswersAreBounded(t *testing.T) {
	s := master(t)
	answers := 0
	for n := range 1000 {
		adv := machine.Advert{Priority: uint8(n % 100), Interval: time.Second, Source: higher}
		for _, e := range s.m.Step(start.Add(time.Duration(n)*time.Millisecond/2),
			machine.Input{Kind: machine.Received, Adv: adv}, nil) {
			if e.Kind == machine.SendAdvertisement {
				answers++
			}
		}
	}
	if answers == 0 || answers > 8 {
		t.Errorf("1000 advertisements in half an interval were answered %d times, want 1 to 8", answers)
	}
}
