//go:build linux

package native_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
)

// TestElectionOfThree: the best of three routers is master. When it dies the second takes over,
// when that dies too the third, and each becomes master again when it returns. Only the next in
// line ever advertises as master.
func TestElectionOfThree(t *testing.T) {
	for i, kinds := range []string{"director director keepalived", "director keepalived keepalived",
		"keepalived director director"} {
		t.Run(kinds, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && i > 0 {
				t.Skip("SKIP: one order of three routers is enough for the short form")
			}
			s := newStations(t, kinds, 3, 200*time.Millisecond)
			s.startAll()

			broken := time.Now()
			s.list[0].host.Crash()
			s.untilAlone(1, s.list[1].config.MasterDownInterval()+slack)
			if sent := s.advertised(2, broken); len(sent) > 0 {
				t.Errorf("the third router sent advertisements when the first died: %+v", sent)
			}
			s.list[1].host.Crash()
			s.untilAlone(2, s.list[2].config.MasterDownInterval()+slack)

			s.list[1].host.Boot()
			s.list[1].start()
			s.untilAlone(1, 15*time.Second)
			back := time.Now()
			s.list[0].host.Boot()
			s.list[0].start()
			s.untilAlone(0, 15*time.Second)
			if sent := s.advertised(2, back); len(sent) > 0 {
				t.Errorf("the third router sent advertisements when the first came back: %+v", sent)
			}

			// The best leaves with priority 0: both others may start when
			// their skew is over, and the second has the shorter one.
			s.list[0].terminate()
			s.untilAlone(1, s.list[1].config.SkewTime()+slack)
			s.steadyAlone(1, s.list[2].config.MasterDownInterval()+slack)
		})
	}
}

// TestNoPreempt: a better router that comes back leaves a master alone, but
// takes over from one that leaves.
func TestNoPreempt(t *testing.T) {
	for _, kinds := range []string{"director keepalived", "keepalived director"} {
		t.Run(kinds, func(t *testing.T) {
			t.Parallel()
			s := newStations(t, kinds, 3, 200*time.Millisecond, "nopreempt")
			s.startAll()
			s.list[0].host.Crash()
			s.untilAlone(1, s.list[1].config.MasterDownInterval()+slack)

			s.list[0].host.Boot()
			back := time.Now()
			s.list[0].start()
			s.steadyAlone(1, 4*time.Second)
			if sent := s.advertised(0, back); len(sent) > 0 {
				t.Errorf("the router that came back sent advertisements: %+v", sent)
			}
			s.list[1].terminate()
			s.untilAlone(0, s.list[0].config.SkewTime()+slack)
		})
	}
}

// TestPreemptDelay: a better router that comes back waits before it takes
// over, but not when the master is lost meanwhile.
func TestPreemptDelay(t *testing.T) {
	const delay = 3 * time.Second
	for _, kinds := range []string{"director keepalived", "keepalived director"} {
		t.Run(kinds, func(t *testing.T) {
			t.Parallel()
			s := newStations(t, kinds, 3, 200*time.Millisecond, "preempt_delay 3")
			s.startAll()
			s.list[0].host.Crash()
			s.untilAlone(1, s.list[1].config.MasterDownInterval()+slack)

			s.list[0].host.Boot()
			back := time.Now()
			s.list[0].start()
			s.untilAlone(0, delay+s.list[0].config.MasterDownInterval()+5*slack)
			if took := s.advertised(0, back)[0].Time.Sub(back); took < delay {
				t.Errorf("it took over after %v, before its delay of %v was over", took, delay)
			} else {
				s.lab.Logf("back to first advertisement: %v, delay %v", took, delay)
			}

			s.list[0].host.Crash()
			s.untilAlone(1, s.list[1].config.MasterDownInterval()+slack)
			s.list[0].host.Boot()
			s.list[0].start()
			time.Sleep(time.Second) // its start, and a part of its delay
			lost := time.Now()
			s.list[1].host.Crash()
			s.untilAlone(0, s.list[0].config.MasterDownInterval()+slack)
			s.lab.Until(slack, "it advertises", func() bool { return len(s.advertised(0, lost)) > 0 })
			if took := s.advertised(0, lost)[0].Time.Sub(lost); took > delay-time.Second {
				t.Errorf("the other one took over from a lost master after %v: the delay does not apply then", took)
			}
		})
	}
}

// TestFRR fails over both ways between director and FRR, which checks more of
// a packet than keepalived does.
func TestFRR(t *testing.T) {
	for _, c := range []struct {
		name     string
		version  int
		interval time.Duration
		ipv6     bool
	}{
		{"v2", 2, time.Second, false},
		{"v3", 3, 200 * time.Millisecond, false},
		{"v3 IPv6", 3, 200 * time.Millisecond, true},
	} {
		for _, kinds := range []string{"director frr", "frr director"} {
			t.Run(kinds+" "+c.name, func(t *testing.T) {
				t.Parallel()
				if testing.Short() && c.version == 2 {
					t.Skip("SKIP: version 2, with its intervals of a second, is part of the long form")
				}
				testFRR(t, newStationsOn(t, &pair.Site{Method: pair.DR, IPv6: c.ipv6}, kinds, c.version, c.interval))
			})
		}
	}
}

func testFRR(t *testing.T, s *stations) {
	better, worse := s.list[0], s.list[1]
	s.startAll()
	// The better one leaves: the worse takes over after its skew.
	left := time.Now()
	better.terminate()
	s.untilAlone(1, worse.config.SkewTime()+slack)
	if sent := s.advertised(0, left); len(sent) == 0 || sent[len(sent)-1].Priority != 0 {
		t.Errorf("the leaving master's last advertisement was not of priority 0: %+v", sent)
	}
	// It comes back and takes over.
	better.start()
	s.untilAlone(0, 15*time.Second)
	s.steadyAlone(0, better.config.MasterDownInterval()+slack)
	// It is killed and sends nothing.
	better.host.Crash()
	heard := s.heard(1)
	last := heard[len(heard)-1].Time
	s.untilAlone(1, worse.config.MasterDownInterval()+slack)
	s.lab.Until(slack, "the new master advertises", func() bool { return len(s.advertised(1, last)) > 0 })
	took := s.advertised(1, last)[0].Time.Sub(last)
	s.lab.Logf("last advertisement of %s to first of %s: %v, RFC %v", better.host.Name, worse.host.Name, took,
		worse.config.MasterDownInterval())
	if took < worse.config.MasterDownInterval()-10*time.Millisecond { // FRR counts in hundredths of a second
		t.Errorf("%s took over after %v, before the RFC's %v", worse.host.Name, took, worse.config.MasterDownInterval())
	}
}
