package virtualserver

import (
	"runtime"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// TestMemoryOfVerdicts: a verdict that was told to everybody takes no place of its own beside what
// is kept of its real server.
func TestMemoryOfVerdicts(t *testing.T) {
	const count, most = 10000, 32
	cfg := farm(100, count)
	r := loaded(t, cfg)
	before := live()
	for range 2 {
		verdicts := make(map[conf.RealServerID]event.RealServerState, count)
		for _, vs := range cfg.VirtualServers {
			for _, rs := range vs.RealServers {
				verdicts[vs.ServerID(rs)] = event.RealServerState{VirtualServer: vs.String(), RealServer: rs.String(),
					Up: true, Reason: "connected to " + rs.Key.String()}
			}
		}
		r.take(requests{verdicts: verdicts})
	}
	each := (live() - before) / count
	t.Logf("%d bytes each", each)
	if each > most {
		t.Errorf("a verdict takes %d bytes, want %d at most", each, most)
	}
	runtime.KeepAlive(r)
}

// live is what a garbage collection leaves, in bytes.
func live() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
