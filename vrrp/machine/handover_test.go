package machine_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/vrrp/machine"
)

const us = time.Microsecond

func TestHandOver(t *testing.T) {
	t.Run("a peer takes over and keeps the mastership", func(t *testing.T) {
		s := master(t)
		s.want(500*ms, handOver, "send 0", "stop adver", "release",
			"set down 2.109375s", "MASTER -> BACKUP: mastership handed over on request")
		s.want(501*ms, received(0, higher)) // another's farewell does not hurry us
		s.want(900*ms, received(50, lower), "set down 4.509375s")
		if !s.m.HandedOver() || s.m.Master() != lower {
			t.Errorf("handed over: %v, master %v", s.m.HandedOver(), s.m.Master())
		}
		s.want(time.Second, handOver) // once more changes nothing
		s.want(1900*ms, received(50, lower), "set down 5.509375s")
		// From here on it takes part again, and preempts.
		s.want(2*time.Second, endHandOver)
		s.want(2900*ms, received(50, lower), "noted: advertisement with lower priority")
		s.want(5509376*us, fired(machine.DownTimer), "send 100", "acquire", "set adver 6.509376s",
			"BACKUP -> MASTER: preempting a master with lower priority")
	})
	t.Run("nobody takes over", func(t *testing.T) {
		s := master(t)
		s.do(500*ms, handOver)
		s.want(2109375*us, fired(machine.DownTimer), "send 100", "acquire", "set adver 3.109375s",
			"BACKUP -> MASTER: mastership handed over, but no other router took over")
		if s.m.HandedOver() {
			t.Error("the hand-over is not at its end")
		}
	})
	t.Run("who took over falls silent", func(t *testing.T) {
		s := master(t)
		s.do(500*ms, handOver)
		s.do(900*ms, received(50, lower))
		s.want(4509375*us, fired(machine.DownTimer), "send 100", "acquire", "set adver 5.509375s",
			"BACKUP -> MASTER: no advertisement within the master down interval")
		if s.m.HandedOver() {
			t.Error("the hand-over is not at its end")
		}
	})
	t.Run("who took over resigns", func(t *testing.T) {
		s := master(t)
		s.do(500*ms, handOver)
		s.do(900*ms, received(50, lower))
		s.want(time.Second, received(0, lower), "set down 1.609375s")
		s.want(1609375*us, fired(machine.DownTimer), "send 100", "acquire", "set adver 2.609375s",
			"BACKUP -> MASTER: the master resigned (priority 0)")
	})
	t.Run("a backup does not preempt", func(t *testing.T) {
		s := backup(t)
		s.do(time.Second, received(50, lower))
		s.want(2*time.Second, handOver, "set down 5.609375s") // it was about to
		s.want(3*time.Second, received(50, lower), "set down 6.609375s")
	})
	t.Run("nor while its delay runs", func(t *testing.T) {
		s := backup(t, delay10s)
		s.do(time.Second, received(50, lower))
		s.want(2*time.Second, handOver, "stop preempt")
		s.want(3*time.Second, received(50, lower), "set down 6.609375s")
	})
	t.Run("the owner too", func(t *testing.T) {
		s := master(t, owner)
		s.do(500*ms, handOver)
		s.want(900*ms, received(50, lower), "set down 3.90390625s")
		s.do(time.Second, fault(true, "eth0 is down"))
		s.want(2*time.Second, fault(false, ""), "set down 5.00390625s", "FAULT -> BACKUP: all tracked objects are up")
	})
	t.Run("before the start", func(t *testing.T) {
		s := newScript(t, v3(owner))
		s.want(0, handOver)
		s.want(0, startup, "release", "set down 3.00390625s", "INIT -> BACKUP: started")
	})
	t.Run("version 2 has a skew of its own", func(t *testing.T) {
		s := master(t, v2, func(p *machine.Params) { p.AdvertInterval = 3 * time.Second })
		s.want(500*ms, handOver, "send 0", "stop adver", "release",
			"set down 4.109375s", "MASTER -> BACKUP: mastership handed over on request")
	})
}
