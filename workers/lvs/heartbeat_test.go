package lvs

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

// beats are the times of the heartbeats that are told from now on.
func beats(r *rig) func() []time.Time {
	var list []time.Time
	r.mu.Lock()
	defer r.mu.Unlock()
	r.look = func(m worker.Message) {
		if m.Heartbeat != nil {
			list = append(list, time.Now())
		}
	}
	return func() []time.Time {
		synctest.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		return list
	}
}

// TestATableThatHangsHasNoHeartbeat: what keeps the table does not come back from the kernel, while the
// rest of the process lives.
func TestATableThatHangsHasNoHeartbeat(t *testing.T) {
	bubble(t, func(r *rig) {
		r.configure(1, configuration(first), nil)
		back := make(chan struct{})
		r.kernel.Before(func(int) { <-back })
		time.Sleep(2 * time.Second)
		told := beats(r)
		time.Sleep(20 * time.Second)
		if n := len(told()); n > 0 {
			t.Errorf("%d heartbeats while the table hangs", n)
		}
		close(back)
		time.Sleep(5 * time.Second)
		if n := len(told()); n < 8 {
			t.Errorf("%d heartbeats in 5 s after it hung", n)
		}
	})
}

// TestHeartbeatWhileALargeTableIsLoaded: 40,000 real servers take the kernel 40 s here.
func TestHeartbeatWhileALargeTableIsLoaded(t *testing.T) {
	bubble(t, func(r *rig) {
		const each = 40
		cfg := &conf.Config{}
		for n := range 1000 {
			vs := &conf.VirtualServer{Scheduler: "rr", Quorum: 1, Key: conf.ServiceKey{Protocol: conf.TCP,
				Address: netip.AddrFrom4([4]byte{192, 0, 2, 1}), Port: uint16(1000 + n)}}
			for s := range each {
				vs.RealServers = append(vs.RealServers, &conf.RealServer{Weight: 1, Key: conf.ServerKey{
					Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(s)}), Port: 80}})
			}
			cfg.VirtualServers = append(cfg.VirtualServers, vs)
		}
		r.kernel.Before(func(work int) { time.Sleep(time.Duration(work) * time.Millisecond) })
		told := beats(r)
		begun := time.Now()
		r.in <- worker.Message{Configure: &worker.Configure{Generation: 1, Config: cfg}}
		for last(r, tableOf) == nil && time.Since(begun) < 10*time.Minute {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if took := time.Since(begun); took < 40*time.Second || took > 5*time.Minute {
			t.Fatalf("the table was loaded in %v", took)
		}
		before := begun
		for _, at := range told() {
			if pause := at.Sub(before); pause > 2*event.HeartbeatInterval {
				t.Errorf("no heartbeat for %v, %v after the beginning", pause, before.Sub(begun))
			}
			before = at
		}
		if pause := time.Since(before); pause > 2*event.HeartbeatInterval {
			t.Errorf("no heartbeat for %v at the end", pause)
		}
	})
}
