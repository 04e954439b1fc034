package machine_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/machine"
)

func TestFault(t *testing.T) {
	t.Run("a master gives up with priority 0", func(t *testing.T) {
		s := master(t, garpTwice)
		s.want(500*ms, fault(true, "eth0 is down"),
			"send 0", "stop adver", "stop garp", "release",
			"MASTER -> FAULT: a tracked object is down (eth0 is down)")
		s.want(600*ms, received(50, higher)) // deaf
		s.want(700*ms, fault(true, "eth1 is down too"))
		s.want(time.Second, fault(false, ""), "set down 4.609375s", "FAULT -> BACKUP: all tracked objects are up")
	})
	t.Run("a backup leaves silently", func(t *testing.T) {
		s := backup(t)
		s.want(500*ms, fault(true, "eth0 is down"), "stop down",
			"BACKUP -> FAULT: a tracked object is down (eth0 is down)")
	})
	t.Run("known before the start", func(t *testing.T) {
		s := newScript(t, v3())
		s.want(0, fault(true, "no interface eth9"))
		s.want(0, startup, "release", "INIT -> FAULT: a tracked object is down (no interface eth9)")
		s.want(time.Second, shutdown, "FAULT -> STOP: stopped")
	})
	t.Run("a restarted master does not resume into it", func(t *testing.T) {
		s := newScript(t, v3())
		s.do(0, fault(true, "eth0 is down"))
		s.want(0, resume, "send 0", "release", "INIT -> FAULT: a tracked object is down (eth0 is down)")
	})
	t.Run("the owner is master again at once", func(t *testing.T) {
		s := master(t, owner)
		s.do(time.Second, fault(true, "eth0 is down"))
		s.want(2*time.Second, fault(false, ""), "send 255", "acquire", "set adver 3s", "FAULT -> MASTER: address owner")
	})
	t.Run("a learned interval is forgotten", func(t *testing.T) {
		s := backup(t)
		s.do(time.Second, received(200, higher, 10*time.Second))
		s.do(2*time.Second, fault(true, ""))
		s.want(3*time.Second, fault(false, ""), "set down 6.609375s", "FAULT -> BACKUP: all tracked objects are up")
	})
}

func TestResume(t *testing.T) {
	s := newScript(t, v3(garpTwice))
	s.want(0, resume, "send 100", "acquire", "announce 5", "set adver 1s", "set garp 5s",
		"INIT -> MASTER: resumed after a restart, quietly")
	s.want(0, startup) // only once
}

func TestOverslept(t *testing.T) {
	expired := func(priority uint8) func(*machine.Params) {
		return func(p *machine.Params) { p.Preempt, p.TimerExpiredBackup = false, priority }
	}
	adver := machine.Input{Kind: machine.TimerFired, Timer: machine.AdverTimer}
	const withdrawn = "MASTER -> BACKUP: timer fired so late that another router may have become MASTER " +
		"(timer_expired_backup)"
	goesOn := []string{"send 100", "set adver 4s"}
	s := master(t, expired(254))
	s.want(3*time.Second-1, adver, "send 100", "set adver 3.999999999s")
	s = master(t, expired(100))
	s.want(3*time.Second, adver, "release", "set down 6.609375s", withdrawn)
	s = master(t, expired(99))
	s.want(3*time.Second, adver, goesOn...)
	s = master(t, expired(254), func(p *machine.Params) { p.Preempt = true })
	s.want(3*time.Second, adver, goesOn...)
	s = master(t, nopreempt)
	s.want(3*time.Second, adver, goesOn...)
	if s.m.Overslept(start.Add(6*time.Second - 1)) {
		t.Error("less than 2 s after its advertisement was due nobody can have taken over")
	}
	s = master(t, expired(254))
	s.want(5*time.Second, received(50, lower), "stop adver", "release", "set down 8.609375s", withdrawn,
		"set down 8.609375s")
}

func TestPreemptDelay(t *testing.T) {
	t.Run("delay and then a whole down interval", func(t *testing.T) {
		s := backup(t, delay10s)
		s.want(1*time.Second, received(50, lower), "set preempt 11s", "set down 4.609375s")
		s.want(2*time.Second, received(50, lower), "set down 5.609375s")
		s.want(10900*ms, received(50, lower), "set down 14.509375s")
		s.want(11*time.Second, fired(machine.PreemptTimer), "noted: preempt delay is over")
		s.want(11900*ms, received(50, lower), "noted: advertisement with lower priority")
		s.want(14509375*time.Microsecond, fired(machine.DownTimer), "send 100", "acquire", "set adver 15.509375s",
			"BACKUP -> MASTER: preempting a master with lower priority")
	})
	t.Run("a better master cancels it", func(t *testing.T) {
		s := backup(t, delay10s)
		s.do(1*time.Second, received(50, lower))
		s.want(2*time.Second, received(100, lower), "stop preempt", "set down 5.609375s")
		s.want(3*time.Second, received(50, lower), "set preempt 13s", "set down 6.609375s")
	})
	t.Run("a better master restarts one that is over", func(t *testing.T) {
		s := backup(t, delay10s)
		s.do(1*time.Second, received(50, lower))
		s.do(11*time.Second, fired(machine.PreemptTimer))
		s.do(12*time.Second, received(100, lower))
		s.want(13*time.Second, received(50, lower), "set preempt 23s", "set down 16.609375s")
	})
	t.Run("no master at all is not waited for", func(t *testing.T) {
		s := backup(t, delay10s)
		s.do(1*time.Second, received(50, lower))
		s.want(4609375*time.Microsecond, fired(machine.DownTimer), "send 100", "acquire", "stop preempt",
			"set adver 5.609375s",
			"BACKUP -> MASTER: no advertisement within the master down interval")
	})
	t.Run("nopreempt needs none", func(t *testing.T) {
		s := backup(t, delay10s, nopreempt)
		s.want(1*time.Second, received(50, lower), "set down 4.609375s")
	})
	t.Run("reconfigured away", func(t *testing.T) {
		s := backup(t, delay10s)
		s.do(1*time.Second, received(50, lower))
		s.want(2*time.Second, reconfigured(v3()), "stop preempt")
		s.want(2*time.Second, received(50, lower), "noted: advertisement with lower priority")
	})
}

func TestPriorityChanged(t *testing.T) {
	t.Run("a backup's timer moves by the skew", func(t *testing.T) {
		s := backup(t)
		s.want(time.Second, prioritised(164), "set down 3.359375s") // 64/256 s earlier
		s.want(time.Second, prioritised(36), "set down 3.859375s")
		s.want(time.Second, prioritised(36))
	})
	t.Run("not into the past", func(t *testing.T) {
		s := backup(t)
		s.do(time.Second, received(0, higher)) // 609.375 ms left
		s.want(1600*ms, prioritised(228), "set down 1.6s")
	})
	t.Run("with the interval that was learned", func(t *testing.T) {
		s := backup(t)
		s.do(0, received(200, higher, 2*time.Second))
		s.want(time.Second, prioritised(164), "set down 6.71875s")
	})
	t.Run("a master tells it in its next advertisement", func(t *testing.T) {
		s := master(t)
		s.want(500*ms, prioritised(80))
		s.want(time.Second, fired(machine.AdverTimer), "send 80", "set adver 2s")
	})
	t.Run("stays between 1 and 254", func(t *testing.T) {
		s := backup(t)
		s.do(0, prioritised(0))
		low := s.m.Priority()
		s.do(0, prioritised(255))
		if high := s.m.Priority(); low != 1 || high != 254 {
			t.Errorf("priorities 0 and 255 became %d and %d, want 1 and 254", low, high)
		}
	})
	t.Run("never the owner's", func(t *testing.T) {
		s := master(t, owner)
		s.do(0, prioritised(10))
		s.want(time.Second, fired(machine.AdverTimer), "send 255", "set adver 2s")
	})
}

func TestReconfigured(t *testing.T) {
	t.Run("a master stays and advertises the new interval at once", func(t *testing.T) {
		s := master(t)
		s.want(500*ms, reconfigured(v3(tenMillis)), "send 100", "set adver 510ms")
		s.want(510*ms, fired(machine.AdverTimer), "send 100", "set adver 520ms")
	})
	t.Run("refresh begins and ends", func(t *testing.T) {
		refresh := func(p *machine.Params) { p.GARP.MasterRefresh = time.Minute }
		s := master(t)
		s.want(0, reconfigured(v3(refresh)), "send 100", "set adver 1s", "set refresh 1m0s")
		s.want(0, reconfigured(v3()), "send 100", "set adver 1s", "stop refresh")
	})
	t.Run("the effective priority comes along", func(t *testing.T) {
		in := reconfigured(v3())
		in.Priority = 70
		s := master(t)
		s.want(0, in, "send 70", "set adver 1s")
	})
	t.Run("a backup gives the master another whole down interval", func(t *testing.T) {
		s := backup(t, v2)
		s.want(2*time.Second, reconfigured(v3(v2, func(p *machine.Params) { p.AdvertInterval = 2 * time.Second })),
			"set down 8.609375s")
	})
	t.Run("a backup whose timers are the same keeps them", func(t *testing.T) {
		s := backup(t)
		s.want(2*time.Second, reconfigured(v3(nopreempt)))
	})
	t.Run("a backup's new priority moves the timer", func(t *testing.T) {
		s := backup(t)
		s.want(2*time.Second, reconfigured(v3(func(p *machine.Params) { p.Priority = 164 })), "set down 3.359375s")
	})
	t.Run("a learned interval is kept", func(t *testing.T) {
		s := backup(t)
		s.do(0, received(200, higher, 2*time.Second))
		s.do(0, reconfigured(v3(nopreempt)))
		if got := s.m.AdvertInterval(); got != 2*time.Second {
			t.Errorf("interval after reconfiguration is %v, want the learned 2s", got)
		}
	})
}

func TestAnnouncements(t *testing.T) {
	all := func(p *machine.Params) {
		p.GARP = machine.GARP{
			MasterRepeat: 5, MasterDelay: 5 * time.Second,
			MasterRefresh: 8 * time.Second, RefreshRepeat: 2,
			LowerPrioRepeat: 3, LowerPrioDelay: 6 * time.Second,
		}
	}
	s := newScript(t, v3(all, noLowAdvert))
	s.want(0, resume, "send 100", "acquire", "announce 5", "set adver 1s", "set garp 5s", "set refresh 8s",
		"INIT -> MASTER: resumed after a restart, quietly")
	s.want(3*time.Second, received(50, lower), "announce 3", "noted: advertisement with lower priority")
	// A flood is answered once in an interval and postpones nothing.
	s.want(3500*ms, received(50, lower), "set garp 4s", "noted: advertisement with lower priority")
	s.want(4*time.Second, received(50, lower), "set garp 5s", "announce 3", "noted: advertisement with lower priority")
	s.want(5*time.Second, fired(machine.GARPTimer), "announce 5", "set garp 9s")
	s.want(8*time.Second, fired(machine.RefreshTimer), "announce 2", "set refresh 16s")
	s.want(9*time.Second, fired(machine.GARPTimer), "announce 3")
	s.want(16*time.Second, fired(machine.RefreshTimer), "announce 2", "set refresh 24s")
	s.want(16*time.Second, shutdown, "send 0", "stop adver", "stop refresh", "release", "MASTER -> STOP: stopped")

	// The last of several is answered at the end of the interval.
	s = master(t, noLowAdvert, func(p *machine.Params) { p.GARP = machine.GARP{LowerPrioRepeat: 3} })
	s.want(3*time.Second, received(50, lower), "announce 3", "noted: advertisement with lower priority")
	s.want(3100*ms, received(50, lower), "set garp 4s", "noted: advertisement with lower priority")
	s.want(3200*ms, received(50, lower), "noted: advertisement with lower priority")
	s.want(4*time.Second, fired(machine.GARPTimer), "announce 3")
	s.want(4100*ms, received(50, lower), "set garp 5s", "noted: advertisement with lower priority")
}

func TestYieldingAnnouncesItselfWhenAsked(t *testing.T) {
	s := master(t, func(p *machine.Params) { p.HigherPrioSendAdvert = true })
	s.want(500*ms, received(200, lower), "send 100", "stop adver", "release", "set down 4.109375s",
		"MASTER -> BACKUP: advertisement with higher priority")
}

func TestReuniting(t *testing.T) {
	reunite := func(p *machine.Params) { p.Reunite = true }
	silent := machine.Input{Kind: machine.TimerFired, Timer: machine.DownTimer}
	yields := []string{"stop adver", "release", "set down 24.609375s",
		"MASTER -> BACKUP: advertisement with higher priority"}
	for _, c := range []struct {
		name   string
		change func(*machine.Params)
		winner netip.Addr
		spoken bool
	}{
		{"the master that was missed", reunite, lower, true},
		{"another one", reunite, higher, false},
		{"strict", func(*machine.Params) {}, lower, false},
	} {
		s := backup(t, c.change)
		s.do(time.Second, received(200, lower))
		s.do(10*time.Second, silent)
		want := yields
		if c.spoken {
			want = append([]string{"send 100"}, yields...)
		}
		t.Log(c.name)
		s.want(21*time.Second, received(200, c.winner), want...)
	}
	s := backup(t, reunite) // a master that gave up was not missed
	s.do(time.Second, received(200, lower))
	s.do(2*time.Second, received(0, lower))
	s.do(10*time.Second, silent)
	s.want(21*time.Second, received(200, lower), yields...)
}

func TestTwoOwners(t *testing.T) {
	two := "noted: another router claims to own the addresses (priority 255)"
	t.Run("the lower address yields", func(t *testing.T) {
		s := master(t, owner)
		s.want(500*ms, received(machine.Owner, higher), two, "stop adver", "release", "set down 3.50390625s",
			"MASTER -> BACKUP: advertisement with the same priority from a higher address")
	})
	t.Run("the higher one asserts itself", func(t *testing.T) {
		s := master(t, owner)
		s.want(500*ms, received(machine.Owner, lower), two, "send 255", "noted: advertisement with lower priority")
	})
	t.Run("owner_ignore_adverts hears nobody", func(t *testing.T) {
		s := master(t, owner, func(p *machine.Params) { p.OwnerIgnoreAdverts = true })
		s.want(500*ms, received(machine.Owner, higher))
		s.want(500*ms, received(0, higher))
	})
}

// TestSameAddress: a router does not answer its own looped advertisements, since
// each answer would cause another.
func TestSameAddress(t *testing.T) {
	s := master(t)
	s.want(500*ms, received(100, own),
		"noted: advertisement with our own address and priority: a loop or a duplicate address")
}

func TestCrossedTimers(t *testing.T) {
	t.Run("moved meanwhile", func(t *testing.T) {
		s := backup(t)
		s.do(3600*ms, received(200, higher))
		s.want(3609375*time.Microsecond, fired(machine.DownTimer), "set down 7.209375s")
	})
	t.Run("stopped meanwhile", func(t *testing.T) {
		s := master(t)
		s.do(999*ms, received(200, higher))
		s.want(time.Second, fired(machine.AdverTimer))
	})
	t.Run("a down timer is never early", func(t *testing.T) {
		s := backup(t)
		s.want(3609375*time.Microsecond-1, fired(machine.DownTimer), "set down 3.609375s")
	})
	t.Run("an advertisement may be, a little", func(t *testing.T) {
		s := master(t)
		s.want(998*ms, fired(machine.AdverTimer), "set adver 1s")
		s.want(999*ms, fired(machine.AdverTimer), "send 100", "set adver 2s")
	})
	t.Run("late ones keep the cadence and do not pile up", func(t *testing.T) {
		s := master(t)
		s.want(1300*ms, fired(machine.AdverTimer), "send 100", "set adver 2s")
		s.want(5500*ms, fired(machine.AdverTimer), "send 100", "set adver 6.5s")
	})
	t.Run("unknown", func(t *testing.T) {
		s := master(t)
		s.want(time.Second, fired(machine.Timers))
	})
}

func TestWhoIsMaster(t *testing.T) {
	s := backup(t)
	check := func(want netip.Addr) {
		t.Helper()
		if got := s.m.Master(); got != want {
			t.Errorf("master is %v, want %v", got, want)
		}
	}
	check(netip.Addr{})
	s.do(0, received(200, higher))
	check(higher)
	s.do(0, received(50, lower)) // being preempted, but master
	check(lower)
	s.do(0, received(0, lower))
	check(netip.Addr{})
	s.do(time.Second, fired(machine.DownTimer))
	if s.m.State() != event.Master {
		t.Fatalf("state is %v, want MASTER", s.m.State())
	}
	check(netip.Addr{})
}

func TestEveryReasonHasItsWords(t *testing.T) {
	seen := map[string]machine.Reason{}
	for r := machine.StartedUp; r <= machine.WokeLate; r++ {
		text := r.String()
		if other, twice := seen[text]; text == "" || twice {
			t.Errorf("reason %d reads %q, as reason %d does", r, text, other)
		}
		seen[text] = r
	}
	if got := (machine.WokeLate + 1).String(); got != "Reason(22)" {
		t.Errorf("the reason behind the last one reads %q", got)
	}
}
