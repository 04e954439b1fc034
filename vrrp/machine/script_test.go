package machine_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/vrrp/machine"
)

var (
	start  = time.Unix(1_000_000_000, 0)
	own    = netip.MustParseAddr("10.0.0.2")
	lower  = netip.MustParseAddr("10.0.0.1")
	higher = netip.MustParseAddr("10.0.0.200") // as a signed byte it would be lower
)

// v3 is a plain version 3 router with priority 100 and an interval of 1 s.
func v3(change ...func(*machine.Params)) machine.Params {
	p := machine.Params{
		Version: 3, Priority: 100, Source: own,
		AdvertInterval: time.Second, DownTimerAdverts: 3, Preempt: true,
	}
	for _, f := range change {
		f(&p)
	}
	return p
}

func v2(p *machine.Params)          { p.Version = 2 }
func owner(p *machine.Params)       { p.Priority = machine.Owner }
func nopreempt(p *machine.Params)   { p.Preempt = false }
func garpTwice(p *machine.Params)   { p.GARP.MasterRepeat, p.GARP.MasterDelay = 5, 5*time.Second }
func tenMillis(p *machine.Params)   { p.AdvertInterval = 10 * time.Millisecond }
func delay10s(p *machine.Params)    { p.PreemptDelay = 10 * time.Second }
func noLowAdvert(p *machine.Params) { p.LowerPrioNoAdvert = true }

// script drives one machine with a simulated clock.
type script struct {
	t   *testing.T
	m   *machine.Machine
	now time.Time
}

func newScript(t *testing.T, p machine.Params) *script {
	t.Helper()
	return &script{t: t, m: machine.New(p), now: start}
}

// backup is a script whose machine has entered BACKUP at 0 s.
func backup(t *testing.T, change ...func(*machine.Params)) *script {
	t.Helper()
	s := newScript(t, v3(change...))
	s.do(0, machine.Input{Kind: machine.Startup})
	return s
}

// master is a script whose machine is MASTER since 0 s.
func master(t *testing.T, change ...func(*machine.Params)) *script {
	t.Helper()
	s := newScript(t, v3(change...))
	s.do(0, machine.Input{Kind: machine.Startup, Master: true})
	return s
}

// do steps the machine at a time after the start and returns the effects as text.
func (s *script) do(at time.Duration, in machine.Input) string {
	s.now = start.Add(at)
	var lines []string
	for _, e := range s.m.Step(s.now, in, nil) {
		lines = append(lines, render(e))
	}
	return strings.Join(lines, "\n")
}

// want calls do and compares the effects with lines.
func (s *script) want(at time.Duration, in machine.Input, lines ...string) {
	s.t.Helper()
	if got, want := s.do(at, in), strings.Join(lines, "\n"); got != want {
		s.t.Errorf("at %v, input %v: effects\n%s\nwant\n%s", at, in.Kind, indent(got), indent(want))
	}
}

func indent(s string) string { return "\t" + strings.ReplaceAll(s, "\n", "\n\t") }

func received(priority uint8, source netip.Addr, interval ...time.Duration) machine.Input {
	adv := machine.Advert{Priority: priority, Source: source, Interval: time.Second}
	if len(interval) > 0 {
		adv.Interval = interval[0]
	}
	return machine.Input{Kind: machine.Received, Adv: adv}
}

func fired(timer machine.Timer) machine.Input {
	return machine.Input{Kind: machine.TimerFired, Timer: timer}
}

func fault(down bool, why string) machine.Input {
	return machine.Input{Kind: machine.FaultChanged, Fault: down, Reason: why}
}

func prioritised(p uint8) machine.Input {
	return machine.Input{Kind: machine.PriorityChanged, Priority: p}
}

func reconfigured(p machine.Params) machine.Input {
	return machine.Input{Kind: machine.Reconfigured, Params: &p}
}

var (
	startup     = machine.Input{Kind: machine.Startup}
	resume      = machine.Input{Kind: machine.Startup, Master: true}
	shutdown    = machine.Input{Kind: machine.Shutdown}
	handOver    = machine.Input{Kind: machine.HandOver}
	endHandOver = machine.Input{Kind: machine.EndHandOver}
)

var timerNames = [machine.Timers]string{"adver", "down", "preempt", "garp", "refresh"}

// render is an effect as one line of text; times count from the start.
func render(e machine.Effect) string {
	switch e.Kind {
	case machine.SendAdvertisement:
		return fmt.Sprintf("send %d", e.Priority)
	case machine.SetTimer:
		return fmt.Sprintf("set %s %v", timerNames[e.Timer], e.At.Sub(start))
	case machine.StopTimer:
		return "stop " + timerNames[e.Timer]
	case machine.AcquireAddresses:
		return "acquire"
	case machine.ReleaseAddresses:
		return "release"
	case machine.Announce:
		return fmt.Sprintf("announce %d", e.Count)
	case machine.Noted:
		return "noted: " + e.Reason.String()
	case machine.Changed:
		text := fmt.Sprintf("%v -> %v: %v", e.From, e.To, e.Reason)
		if e.Detail != "" {
			text += " (" + e.Detail + ")"
		}
		if e.Quiet {
			text += ", quietly"
		}
		return text
	}
	return fmt.Sprintf("unknown effect %d", e.Kind)
}
