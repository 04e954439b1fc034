package supervisor

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/supervisor/overrides"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/vrrp/track"
	"github.com/lvs-director/director/worker"
)

// wire carries messages from one rig to another, in the form that a network has.
type wire struct {
	from, to      string
	other         *rig
	cut, deaf     *atomic.Bool
	messagesTotal *atomic.Int64
}

func (w wire) Peers() []overrides.Peer {
	return []overrides.Peer{{Name: w.to, Reachable: !w.cut.Load()}}
}

func (w wire) Send(_ string, m overrides.Message) {
	w.messagesTotal.Add(1)
	text, err := json.Marshal(m)
	if err != nil || w.cut.Load() || w.deaf.Load() {
		return
	}
	go func() {
		var m overrides.Message
		if json.Unmarshal(text, &m) == nil {
			w.other.s.post(func() { w.other.s.mergeOverrides(w.from, m) })
		}
	}()
}

// twoHalves are two rigs that share drains and weights.
type twoHalves struct {
	a, b      *rig
	cut, deaf atomic.Bool // nothing passes; what is sent is lost
	messages  atomic.Int64
}

func newPair(t *testing.T, configA, configB string) *twoHalves {
	t.Helper()
	p := &twoHalves{a: running(t, configA), b: running(t, configB)}
	p.join(p.a, p.b, "lb1", "lb2")
	p.join(p.b, p.a, "lb2", "lb1")
	return p
}

func (p *twoHalves) join(from, to *rig, name, other string) {
	from.inLoop(func(s *supervisor) {
		s.overrides.set.Host = name
		s.overrides.pair.carrier = wire{from: name, to: other, other: to, cut: &p.cut, deaf: &p.deaf,
			messagesTotal: &p.messages}
	})
}

func (r *rig) inLoop(f func(*supervisor)) {
	r.t.Helper()
	if err := r.s.do(context.Background(), func() { f(r.s) }); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) drains() (list []string) {
	for _, o := range r.status().Overrides {
		list = append(list, o.RealServer)
	}
	return list
}

// TestADrainHoldsOnBothHalves, and the command says where.
func TestADrainHoldsOnBothHalves(t *testing.T) {
	t.Parallel()
	p := newPair(t, service, service)
	drain := control.OverrideRequest{Action: control.ActionDrain, Name: "10.0.0.3", For: "2h", Reason: "update", By: "eve"}
	undrain := control.OverrideRequest{Action: control.ActionUndrain, Name: "10.0.0.3", By: "bob"}

	if got := p.a.override(drain).Where(); got != "here and on lb2" {
		t.Errorf("the answer: %q", got)
	}
	told := p.b.awaitTold(worker.LVS, "overrides", 1).Overrides
	if len(told) != 1 || told[0].Kind != event.Drain || told[0].By != "eve" || told[0].Reason != "update" {
		t.Errorf("the lvs worker of lb2 is told %+v", told)
	}
	o := p.b.status().Overrides[0]
	wants(t, status.OverrideText(o, time.Now()), "10.0.0.3 has been drained for", "by eve on lb1 (update)",
		"another 1h59m")
	wants(t, p.b.log.String(), `msg="draining: lb1 asked for it" override=drain real_server=10.0.0.3`, "by=eve",
		"asked_at=")
	p.b.until("lb2 has an event", func() bool {
		var report control.EventsReport
		p.b.ask(http.MethodPost, "/v1/events", control.EventsRequest{}, &report)
		for _, e := range report.Events {
			if e.Kind == event.RecordOverride && e.To == "drain" && strings.Contains(e.Text, "eve on lb1 asked for it") {
				return true
			}
		}
		return false
	})

	p.cut.Store(true)
	if got := p.b.override(undrain).Where(); got != "here; lb1 is not reachable, it learns it when it is back" {
		t.Errorf("the answer: %q", got)
	}
	if list := p.a.drains(); len(list) != 1 {
		t.Errorf("lb1 has %v", list)
	}
	p.cut.Store(false)
	p.a.until("lb1 has learned it", func() bool { return len(p.a.drains()) == 0 })
	wants(t, p.a.log.String(), `msg="a drain was ended: lb2 asked for it" override=drain real_server=10.0.0.3 by=bob`)

	p.deaf.Store(true)
	if got := p.a.override(drain).Where(); got != "here; lb2 has not confirmed it yet" {
		t.Errorf("the answer: %q", got)
	}
	p.deaf.Store(false)
	p.b.until("what was lost is made up for", func() bool { return len(p.b.drains()) == 1 })
	before := p.messages.Load()
	p.a.inLoop(func(s *supervisor) { s.overrides.pair.greeted = nil })
	p.a.until("lb1 has asked", func() bool { return p.messages.Load() > before })
	drain.DryRun = true
	if got := p.a.override(drain).Where(); got != "" {
		t.Errorf("a dry run says where: %q", got)
	}
}

// TestADrainOfOneHalf holds there only, and what is lifted on one half is told.
func TestADrainOfOneHalf(t *testing.T) {
	t.Parallel()
	p := newPair(t, service, service)
	local := control.OverrideRequest{Action: control.ActionDrain, Name: "10.0.0.3", Local: true, By: "eve"}
	if got := p.a.override(local).Where(); got != "here only (--local)" {
		t.Errorf("the answer: %q", got)
	}
	wants(t, status.OverrideText(p.a.status().Overrides[0], time.Now()), "by eve on this host only (--local)")
	weight := control.OverrideRequest{Action: control.ActionWeight, Name: "10.0.0.3", Weight: 7}
	if got := p.a.override(weight).Where(); got != "here and on lb2" { // it comes after the drain
		t.Errorf("the answer: %q", got)
	}
	if o := p.b.status().Overrides; len(o) != 1 || o[0].Kind != event.SetWeight || o[0].Weight != 7 {
		t.Errorf("lb2 has %+v", o)
	}

	reset := control.OverrideRequest{Action: control.ActionReset, Name: "10.0.0.3", Local: true}
	if report := p.b.override(reset); len(report.Changed) != 1 || report.Where() != "here only (--local)" {
		t.Errorf("reset on lb2: %+v", report)
	}
	s := p.b.status()
	if len(s.Overrides) != 0 || len(s.Lifted) != 1 {
		t.Fatalf("lb2 has %+v and %+v", s.Overrides, s.Lifted)
	}
	wants(t, status.LiftedText(s.Lifted[0]), "10.0.0.3 has weight 7 on the other half of the pair and not on this host",
		"director weight 10.0.0.3 --reset")
	if told := p.b.awaitTold(worker.LVS, "overrides", 2).Overrides; len(told) != 0 {
		t.Errorf("the lvs worker of lb2 is told %+v", told)
	}
	reset.Local = false
	if got := p.b.override(reset).Where(); got != "here and on lb1" {
		t.Errorf("the answer: %q", got)
	}
	if list := p.a.status().Overrides; len(list) != 1 || !list[0].Local {
		t.Errorf("lb1 has %+v", list)
	}
	wants(t, p.a.log.String(), "a weight was reset: lb2 asked for it")
	local.Action, local.Local = control.ActionUndrain, false
	if got := p.a.override(local).Where(); got != "here only (--local)" { // the other half never had it
		t.Errorf("the answer: %q", got)
	}
}

// TestARealServerOfOneHalf: the other one keeps what is asked for it, and it is no trouble there.
func TestARealServerOfOneHalf(t *testing.T) {
	t.Parallel()
	p := newPair(t, service, strings.ReplaceAll(service, "10.0.0.3", "10.0.0.4"))
	before := status.ExitStatus(p.b.status())
	drain := control.OverrideRequest{Action: control.ActionDrain, Name: "10.0.0.3:80", VirtualServer: "192.0.2.10:80"}
	if got := p.a.override(drain).Where(); got != "here and on lb2" {
		t.Errorf("the answer: %q", got)
	}
	s := p.b.status()
	if len(s.Overrides) != 1 {
		t.Fatalf("lb2 has %+v", s.Overrides)
	}
	wants(t, status.OverrideText(s.Overrides[0], time.Now()), "for nothing here")
	if code := status.ExitStatus(s); code != before {
		t.Errorf("the exit status of lb2 goes from %d to %d", before, code)
	}
	p.b.write(service)
	p.b.reload(control.ReloadRequest{AcceptLoss: true})
	if o := p.b.status().Overrides; len(o) != 1 || o[0].Servers != 1 {
		t.Errorf("when lb2 has the real server as well: %+v", o)
	}
}

// TestWhatTheOtherHalfAsksForIsSeenAtOnce: a half that has confirmed it shows it, whoever has looked a moment before.
func TestWhatTheOtherHalfAsksForIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	p := &twoHalves{a: running(t, service), b: prepared(t, service)}
	p.b.opts.seeLinks = func() (map[string]track.Interface, error) {
		time.Sleep(lookAge) // of such a host others are given a status for long
		return hostcheck.Links()
	}
	p.b.start()
	p.b.until("it is in service", func() bool { return p.b.toldReady("READY=1") })
	p.join(p.a, p.b, "lb1", "lb2")
	p.join(p.b, p.a, "lb2", "lb1")
	if list := p.b.status().Overrides; len(list) != 0 {
		t.Fatalf("lb2 has %+v", list)
	}
	drain := control.OverrideRequest{Action: control.ActionDrain, Name: "10.0.0.3"}
	if got := p.a.override(drain).Where(); got != "here and on lb2" {
		t.Errorf("the answer: %q", got)
	}
	if list := p.b.status().Overrides; len(list) != 1 {
		t.Errorf("lb2 has %+v", list)
	}
}

// TestAnEndOutlivesAnUpgrade: what was ended here is known to the next program too.
func TestAnEndOutlivesAnUpgrade(t *testing.T) {
	t.Parallel()
	var before, old overrides.Set
	drain := event.Override{RealServer: "10.0.0.3", Kind: event.Drain, Source: event.SourceOperator, Since: time.Now()}
	if err := before.Add(drain); err != nil {
		t.Fatal(err)
	}
	old.Host = "lb2"
	old.Merge(time.Now(), before.Records())
	before.Remove(time.Now(), "eve", func(event.Override) bool { return true })
	text, err := before.Export(worker.BootID())
	if err != nil {
		t.Fatal(err)
	}
	r := prepared(t, service)
	r.resumesAlone(&handoff{Generation: 5, OverrideSet: text})
	var cut, deaf atomic.Bool
	r.inLoop(func(s *supervisor) {
		s.overrides.pair.carrier = wire{to: "lb2", other: r, cut: &cut, deaf: &deaf, messagesTotal: new(atomic.Int64)}
		s.mergeOverrides("lb2", overrides.Message{Clock: time.Now(), Records: old.Records()})
	})
	if list := r.drains(); len(list) != 0 {
		t.Errorf("in force: %v", list)
	}
}
