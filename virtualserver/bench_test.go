package virtualserver

import (
	"net/netip"
	"runtime"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/table"
)

// noJournal costs nothing.
type noJournal struct{}

func (noJournal) Claim(...string) error   { return nil }
func (noJournal) Release(...string) error { return nil }
func (noJournal) Held() []string          { return nil }

// farm is a configuration of so many virtual servers and real servers.
func farm(services, servers int) *conf.Config {
	cfg := &conf.Config{}
	for i := range services {
		address := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		vs := &conf.VirtualServer{Scheduler: "wlc", Quorum: 1,
			Key: conf.ServiceKey{Protocol: conf.TCP, Address: address, Port: 80}}
		for j := i * servers / services; j < (i+1)*servers/services; j++ {
			at := netip.AddrFrom4([4]byte{11, byte(j >> 16), byte(j >> 8), byte(j)})
			vs.RealServers = append(vs.RealServers, &conf.RealServer{Protocol: conf.TCP, Weight: 1, Forward: conf.DR,
				Key: conf.ServerKey{Address: at, Port: 80}})
		}
		cfg.VirtualServers = append(cfg.VirtualServers, vs)
	}
	return cfg
}

func loaded(b testing.TB, cfg *conf.Config) *reconciler {
	kernel := ipvstest.NewFake()
	opt := Options{Open: func() (ipvs.Driver, error) { return kernel, nil }, Journal: noJournal{}}
	opt.defaults()
	r := newReconciler(opt)
	r.take(requests{application: &application{config: cfg, generation: 1}})
	if len(kernel.Table()) != len(cfg.VirtualServers) {
		b.Fatal("not loaded")
	}
	return r
}

// BenchmarkLoad is 1,000 virtual servers of 10 real servers into an empty table.
func BenchmarkLoad(b *testing.B) {
	cfg := farm(1000, 10000)
	for b.Loop() {
		loaded(b, cfg)
	}
}

// BenchmarkReloadOfOne is a large configuration of which one real server has changed.
func BenchmarkReloadOfOne(b *testing.B) {
	cfg, other := farm(2277, 37205), farm(2277, 37205)
	other.VirtualServers[1000].RealServers[0].Weight = 5
	r := loaded(b, cfg)
	for i := 0; b.Loop(); i++ {
		next := other
		if i%2 == 1 {
			next = cfg
		}
		r.take(requests{application: &application{config: next, generation: 2}})
	}
}

// BenchmarkWeights is 10,000 weights that change at once.
func BenchmarkWeights(b *testing.B) {
	cfg := farm(1000, 10000)
	r := loaded(b, cfg)
	for i := 0; b.Loop(); i++ {
		verdicts := make(map[conf.RealServerID]event.RealServerState, 10000)
		for _, vs := range cfg.VirtualServers {
			for _, rs := range vs.RealServers {
				verdicts[vs.ServerID(rs)] = event.RealServerState{VirtualServer: vs.String(), RealServer: rs.String(),
					Up: true, Checked: true, Weight: 2 + i%2}
			}
		}
		r.take(requests{verdicts: verdicts})
	}
}

// BenchmarkReconcile is a round over 40,000 real servers that nobody has changed; a
// whole comparison takes reconcileRound of them.
func BenchmarkReconcile(b *testing.B) {
	r := loaded(b, farm(2000, 40000))
	b.ReportAllocs()
	for b.Loop() {
		r.reconcile()
	}
}

// TestNothingGrowsOverRounds: what is kept does not depend on how often it was compared.
func TestNothingGrowsOverRounds(t *testing.T) {
	r := loaded(t, farm(20, 400))
	size := func() int {
		n := len(r.have) + len(r.sent) + len(r.failures) + len(r.repairs) + len(r.drift) + len(r.stale) + len(r.retry) +
			len(r.dirty) + len(r.changed) + len(r.news) + len(r.warned)
		for _, s := range r.sent {
			for _, weights := range s {
				n += len(weights)
			}
		}
		return n
	}
	for range 2 * reconcileRound {
		r.reconcile()
	}
	before, memory := size(), heap()
	for range 1000 {
		r.reconcile()
	}
	if now := size(); now != before {
		t.Errorf("%d things after 1,000 rounds, %d before", now, before)
	}
	if now := heap(); now > memory+memory/10 {
		t.Errorf("%d bytes on the heap after 1,000 rounds, %d before", now, memory)
	}
}

// heap is how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestARoundLetsOthersGoFirst: a comparison of a large table stops soon when something is
// asked for, and all of the table is compared nevertheless.
func TestARoundLetsOthersGoFirst(t *testing.T) {
	const services = 500
	kernel := &reading{Fake: ipvstest.NewFake()}
	opt := Options{Open: func() (ipvs.Driver, error) { return kernel, nil }, Journal: noJournal{}}
	opt.defaults()
	r := newReconciler(opt)
	r.take(requests{application: &application{config: farm(services, 20*services), generation: 1}})
	r.awaited = func() bool { return true }
	kernel.read = map[conf.ServiceKey]int{}
	r.reconcile()
	if n := len(kernel.read); n > roundAtLeast {
		t.Errorf("%d virtual servers were read while somebody waited", n)
	}
	for range services / roundAtLeast {
		r.reconcile()
	}
	if n := len(kernel.read); n != services {
		t.Errorf("%d of %d virtual servers were read while somebody always waited", n, services)
	}
}

// reading counts what is read.
type reading struct {
	*ipvstest.Fake
	read map[conf.ServiceKey]int
}

func (r *reading) Destinations(key conf.ServiceKey) ([]table.Destination, error) {
	if r.read != nil {
		r.read[key]++
	}
	return r.Fake.Destinations(key)
}
