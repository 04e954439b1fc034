package machine_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/machine"
)

const ms = time.Millisecond

// elsewhere are the rows of the RFC's state machine that this package does not
// decide: it only determines when addresses are acquired and released.
var elsewhere = []struct{ id, where string }{
	{"B1", "no answer to ARP for the addresses: they are not on the host (vrrp/link removes them)"},
	{"B2", "no answer to neighbour solicitation: as B1"},
	{"B3", "no router advertisements for the virtual router: director sends none"},
	{"B4", "frames to the virtual MAC: the macvlan is the link layer's"},
	{"B5", "packets to the addresses are not accepted: as B1"},
	{"A1", "answers to ARP: the kernel's, once vrrp/link has added the addresses"},
	{"A2", "solicited-node group: the kernel's, as A1"},
	{"A3", "answers to neighbour solicitation: the kernel's, as A1"},
	{"A4", "router advertisements: director sends none"},
	{"A5", "forwarding of frames to the virtual MAC: the kernel's"},
	{"A6", "Accept_Mode: firewall rules of the link layer"},
	{"A7", "neighbour discovery without Accept_Mode: as A6"},
	{"T4", "rate-limited log of flapping: the engine's, which has the clock and the log"},
}

// TestRows has one subtest for each row of the state machine and the timers
// of RFC 9568 section 6 (I: Initialize, B: Backup, A: Active, T: timers).
func TestRows(t *testing.T) {
	rows := []struct {
		id   string
		test func(t *testing.T)
	}{
		{"I1", func(t *testing.T) {
			s := newScript(t, v3(owner, garpTwice))
			s.want(0, startup,
				"send 255", "acquire", "announce 5",
				"set adver 1s", "set garp 5s",
				"INIT -> MASTER: address owner")
		}},
		{"I2", func(t *testing.T) {
			s := newScript(t, v3())
			// 3 s + 156/256 s
			s.want(0, startup, "release", "set down 3.609375s", "INIT -> BACKUP: started")
		}},
		{"B6", func(t *testing.T) {
			s := backup(t)
			s.want(time.Second, shutdown, "stop down", "BACKUP -> STOP: stopped")
			if s.m.State() != event.Init {
				t.Errorf("state after shutdown is %v, want INIT", s.m.State())
			}
		}},
		{"B7", func(t *testing.T) {
			s := backup(t, garpTwice)
			s.want(3609375*time.Microsecond, fired(machine.DownTimer),
				"send 100", "acquire", "announce 5",
				"set adver 4.609375s", "set garp 8.609375s",
				"BACKUP -> MASTER: no advertisement within the master down interval")
		}},
		{"B8", func(t *testing.T) {
			s := backup(t)
			s.do(time.Second, received(200, higher))
			s.want(2*time.Second, received(0, higher), "set down 2.609375s")
			s.want(2609375*time.Microsecond, fired(machine.DownTimer),
				"send 100", "acquire", "set adver 3.609375s",
				"BACKUP -> MASTER: the master resigned (priority 0)")
		}},
		{"B9", func(t *testing.T) {
			t.Run("v3 adopts the interval", func(t *testing.T) {
				s := backup(t)
				s.want(time.Second, received(100, lower, 2*time.Second),
					"noted: advertisement interval differs from ours", "set down 8.21875s")
				s.want(3*time.Second, received(100, lower, 2*time.Second), "set down 10.21875s")
			})
			t.Run("v2 keeps its own", func(t *testing.T) {
				s := backup(t, v2)
				s.want(time.Second, received(100, lower, 2*time.Second), "set down 4.609375s")
			})
			t.Run("nopreempt takes any priority", func(t *testing.T) {
				s := backup(t, nopreempt)
				s.want(time.Second, received(1, lower), "set down 4.609375s")
			})
		}},
		{"B10", func(t *testing.T) {
			s := backup(t)
			s.want(time.Second, received(99, higher), "noted: advertisement with lower priority")
			s.want(3609375*time.Microsecond, fired(machine.DownTimer),
				"send 100", "acquire", "set adver 4.609375s",
				"BACKUP -> MASTER: preempting a master with lower priority")
		}},
		{"A8", func(t *testing.T) {
			s := master(t, garpTwice)
			s.want(500*ms, shutdown, "send 0", "stop adver", "stop garp", "release", "MASTER -> STOP: stopped")
		}},
		{"A9", func(t *testing.T) {
			s := master(t)
			s.want(time.Second, fired(machine.AdverTimer), "send 100", "set adver 2s")
			s.want(2*time.Second, fired(machine.AdverTimer), "send 100", "set adver 3s")
		}},
		{"A10", func(t *testing.T) {
			s := master(t)
			s.want(400*ms, received(0, higher), "send 100", "set adver 1.4s")
		}},
		{"A11", func(t *testing.T) {
			t.Run("higher priority", func(t *testing.T) {
				s := master(t, garpTwice)
				s.want(500*ms, received(101, lower, 2*time.Second),
					"stop adver", "stop garp", "release",
					"noted: advertisement interval differs from ours", "set down 7.71875s",
					"MASTER -> BACKUP: advertisement with higher priority")
			})
			t.Run("same priority, higher address", func(t *testing.T) {
				s := master(t)
				s.want(500*ms, received(100, higher), "stop adver", "release", "set down 4.109375s",
					"MASTER -> BACKUP: advertisement with the same priority from a higher address")
			})
			t.Run("v2 keeps its interval", func(t *testing.T) {
				s := master(t, v2)
				s.want(500*ms, received(101, lower, 7*time.Second), "stop adver", "release", "set down 4.109375s",
					"MASTER -> BACKUP: advertisement with higher priority")
			})
		}},
		{"A12", func(t *testing.T) {
			s := master(t)
			s.want(300*ms, received(99, higher), "send 100", "noted: advertisement with lower priority")
			s.want(300*ms, received(100, lower), "send 100", "noted: advertisement with lower priority")
			s = master(t, noLowAdvert)
			s.want(300*ms, received(99, higher), "noted: advertisement with lower priority")
		}},
		{"A13", func(t *testing.T) {
			s := master(t, nopreempt)
			s.want(500*ms, received(101, lower), "stop adver", "release", "set down 4.109375s",
				"MASTER -> BACKUP: advertisement with higher priority")
			// An owner that yielded to a second one preempts whoever follows that.
			s = master(t, nopreempt, owner)
			s.do(0, received(machine.Owner, higher))
			s.want(time.Second, received(200, higher), "noted: advertisement with lower priority")
		}},
		{"T1", func(t *testing.T) {
			for _, c := range []struct {
				priority   uint8
				interval   time.Duration
				skew, down time.Duration
			}{
				{100, time.Second, 609375 * time.Microsecond, 3609375 * time.Microsecond},
				{100, 100 * ms, 60937500, 360937500},
				{100, 10 * ms, 6093750, 36093750},
				{254, time.Second, 7812500, 3007812500},
				{254, 10 * ms, 78125, 30078125},
				{1, 10 * ms, 9960937, 39960937},
				{255, time.Second, 3906250, 3003906250},
			} {
				checkTimers(t, 3, c.priority, c.interval, c.skew, c.down)
			}
		}},
		{"T2", func(t *testing.T) {
			checkTimers(t, 2, 100, time.Second, 609375*time.Microsecond, 3609375*time.Microsecond)
			checkTimers(t, 2, 100, 10*time.Second, 609375*time.Microsecond, 30609375*time.Microsecond)
			checkTimers(t, 2, 254, 255*time.Second, 7812500, 765*time.Second+7812500)
		}},
		{"T3", func(t *testing.T) {
			last := time.Duration(-1)
			for priority := 255; priority >= 1; priority-- {
				m := machine.New(v3(tenMillis, func(p *machine.Params) { p.Priority = uint8(priority) }))
				if m.Skew() <= last {
					t.Fatalf("at 10 ms priority %d has skew %v, want more than %v, that of the next higher priority", priority,
						m.Skew(), last)
				}
				last = m.Skew()
			}
		}},
	}
	for _, row := range rows {
		t.Run(row.id, row.test)
	}
	for _, row := range elsewhere {
		t.Logf("%s not of this package: %s", row.id, row.where)
	}
}

func checkTimers(t *testing.T, version, priority uint8, interval, skew, down time.Duration) {
	t.Helper()
	m := machine.New(v3(func(p *machine.Params) {
		p.Version, p.Priority, p.AdvertInterval = version, priority, interval
	}))
	if m.Skew() != skew || m.MasterDownInterval() != down {
		t.Errorf("version %d priority %d interval %v: skew %v, down interval %v; want %v, %v",
			version, priority, interval, m.Skew(), m.MasterDownInterval(), skew, down)
	}
}
