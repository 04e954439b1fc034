package vrrp

import (
	"log/slog"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/announce"
	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/resource"
)

func TestTheSteadyStateAllocatesNothing(t *testing.T) {
	i := newInstance(&conf.Instance{
		Name: "VI", Interface: "eth0", VRID: 1, Priority: 100, Version: 3, AdvertInterval: time.Second, DownTimerAdverts: 3,
	})
	e := New(Options{Events: func(event.InstanceState) {}})
	now := time.Now()
	e.log = slog.New(slog.DiscardHandler)
	e.reconciler, e.announcer = resource.New(resource.Options{Log: e.log}), announce.New(nil, e.log)
	e.step(i, now, machine.Input{Kind: machine.Startup})
	in := machine.Input{Kind: machine.Received, Adv: machine.Advert{Priority: 200, Interval: time.Second}}
	if n := testing.AllocsPerRun(100, func() {
		now = now.Add(time.Millisecond)
		e.step(i, now, in)
	}); n != 0 {
		t.Errorf("an advertisement costs %v allocations", n)
	}
	if d := &i.timers[machine.DownTimer]; !d.Pending() || !d.Due().After(now.Add(3*time.Second)) {
		t.Errorf("the advertisements did not move the timer: %+v", d)
	}
}
