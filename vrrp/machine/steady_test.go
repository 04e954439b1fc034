package machine_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/vrrp/machine"
)

// TestSteadyStateAllocatesNothing: allocations lead to garbage collection, which
// delays advertisements.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	effects := make([]machine.Effect, 0, 16)
	m, now := machine.New(v3(tenMillis)), start
	effects = m.Step(now, resume, effects[:0])
	if n := testing.AllocsPerRun(1000, func() {
		now = now.Add(10 * ms)
		effects = m.Step(now, fired(machine.AdverTimer), effects[:0])
		effects = m.Step(now, received(50, lower), effects[:0])
	}); n != 0 {
		t.Errorf("a master allocates %v times per advertisement", n)
	}

	m = machine.New(v3(tenMillis))
	effects = m.Step(now, startup, effects[:0])
	adv := received(200, higher, 10*ms)
	if n := testing.AllocsPerRun(1000, func() {
		now = now.Add(10 * ms)
		effects = m.Step(now, adv, effects[:0])
	}); n != 0 {
		t.Errorf("a backup allocates %v times per advertisement", n)
	}
}

func BenchmarkStep(b *testing.B) {
	b.Run("master", func(b *testing.B) {
		m, now := machine.New(v3(tenMillis)), start
		effects := m.Step(now, resume, nil)
		b.ReportAllocs()
		for b.Loop() {
			now = now.Add(10 * time.Millisecond)
			effects = m.Step(now, fired(machine.AdverTimer), effects[:0])
		}
	})
	b.Run("backup", func(b *testing.B) {
		m, now := machine.New(v3(tenMillis)), start
		effects := m.Step(now, startup, nil)
		adv := received(200, higher, 10*ms)
		b.ReportAllocs()
		for b.Loop() {
			now = now.Add(10 * time.Millisecond)
			effects = m.Step(now, adv, effects[:0])
		}
	})
}
