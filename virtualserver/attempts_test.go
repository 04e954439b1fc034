package virtualserver_test

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/table"
)

// Something that empties the table again and again is not fought for ever: the
// pauses grow to 30 s, the log has a line a minute, and the state says so until
// there was calm.
func TestAFightHasPausesAndIsAProblem(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs := virtual(vip, a)
		r.apply(1, nil, vs)
		const minutes = 10
		for range minutes * 600 {
			r.kernel.Clear()
			time.Sleep(100 * time.Millisecond)
		}
		s := r.state(vs)
		if s.Repaired < 10 || s.Repaired > 40 {
			t.Errorf("repaired %d times in %d minutes, want after pauses of up to 30 s", s.Repaired, minutes)
		}
		if s.Contested < 10 || s.ContestedSince.IsZero() || !strings.Contains(s.Problem(),
			"something else keeps changing it") {
			t.Errorf("state %+v, want it contested", s)
		}
		if lines := r.lines("WARN"); len(lines) < 2 || len(lines) > minutes+1 {
			t.Errorf("%d lines in %d minutes: %q", len(lines), minutes, lines)
		}
		time.Sleep(2 * time.Minute)
		r.expect(tables{vip: {a: 1}})
		if s := r.state(vs); s.Contested != 0 || s.Problem() != "" {
			t.Errorf("after two minutes of calm: %+v", s)
		}
	})
}

// A pause does not hold up what the checkers and the operator want.
func TestAPauseEndsWithAVerdict(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs := virtual(vip, a, b)
		r.apply(1, nil, vs)
		for range 600 {
			r.kernel.Clear()
			time.Sleep(100 * time.Millisecond)
		}
		r.loop.Verdict(verdict(vs, 0, false))
		r.expect(tables{vip: {b: 1}})
		r.kernel.Clear()
		r.apply(2, nil, virtual(vip, b, c))
		r.expect(tables{vip: {b: 1, c: 1}})
	})
}

// What the kernel refuses again and again is tried after growing pauses.
func TestRefusalsHavePauses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs := virtual(vip, a, b)
		var tries atomic.Int32
		r.kernel.Refuse(func(op table.Op) error {
			if op.Kind == table.NewDestination && op.Destination.Key == serverKey(a) {
				tries.Add(1)
				return syscall.EINVAL
			}
			return nil
		})
		r.apply(1, nil, vs)
		time.Sleep(10 * time.Minute)
		if n := tries.Load(); n < 15 || n > 30 {
			t.Errorf("tried %d times in 10 minutes, want after pauses of up to 30 s", n)
		}
		if s := r.state(vs); s.Attempts != int(tries.Load()) {
			t.Errorf("%d attempts in the state, want %d", s.Attempts, tries.Load())
		}
		if lines := r.lines("ERROR"); len(lines) != 1 {
			t.Errorf("log %q", lines)
		}
	})
}

// A real server that the kernel refuses serves nobody, whatever its checks say,
// and holds nothing up.
func TestARefusedRealServerIsNotAlive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		only, half := virtual(vip, "224.0.0.1:80"), virtual(vip2, "224.0.0.1:80", a)
		r.apply(1, nil, only, half)
		if s := r.state(only); s.Quorum || s.Alive != 0 || s.Total != 1 || !strings.Contains(s.Error, "224.0.0.1") {
			t.Errorf("with the refused server alone: %+v", s)
		}
		if s := r.state(half); !s.Quorum || s.Alive != 1 || s.Total != 2 {
			t.Errorf("with another one: %+v", s)
		}
		if l := r.lastLoaded(); l.Error != "" || l.Refused == "" {
			t.Errorf("loaded %+v, want nothing to wait for", l)
		}
	})
}

// The module was unloaded and loaded again: another IPVS, which has to be opened anew.
func TestIPVSThatWasLoadedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs := virtual(vip, a, b)
		r.apply(1, nil, vs)
		r.kernel.Clear()
		r.kernel.Break(syscall.ENOENT) // what the old number of the family is answered with
		time.Sleep(5 * time.Second)
		if s := r.state(vs); s.Error == "" {
			t.Errorf("state without IPVS: %+v", s)
		}
		r.mu.Lock()
		opened := r.opened
		r.mu.Unlock()
		if opened < 2 {
			t.Errorf("opened %d times, want again", opened)
		}
		r.kernel.Break(nil)
		time.Sleep(time.Second)
		r.expect(tables{vip: {a: 1, b: 1}})
		if s := r.state(vs); s.Error != "" {
			t.Errorf("state %+v", s)
		}
	})
}
