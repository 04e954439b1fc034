package ipvstest

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
)

// tunnels: every encapsulation is written and read back, and changes in place.
func tunnels(t *testing.T, d ipvs.Driver) {
	key := tcp("10.99.0.1", 80)
	through := func(address string, e table.Encapsulation) table.Destination {
		s := server(address, 80, 1)
		s.Forward, s.Tunnel = table.Tunnel, e
		return s
	}
	six := tcp("2001:db8::1", 80)
	want := table.Table{
		key: entry(web(key),
			through("10.99.1.1", table.Encapsulation{}),
			through("10.99.1.2", table.Encapsulation{Type: conf.GUE, Port: 6080}),
			through("10.99.1.3", table.Encapsulation{Type: conf.GUE, Port: 6081, Flags: table.TunnelChecksum}),
			through("10.99.1.4", table.Encapsulation{Type: conf.GUE, Port: 6082, Flags: table.TunnelRemote}),
			through("10.99.1.5", table.Encapsulation{Type: conf.GRE}),
			through("10.99.1.6", table.Encapsulation{Type: conf.GRE, Flags: table.TunnelChecksum})),
		six: entry(web(six), through("10.99.1.2", table.Encapsulation{Type: conf.GUE, Port: 6080})),
	}
	fill(t, d, want)
	expect(t, d, want)
	bad := through("10.99.1.9", table.Encapsulation{Type: conf.GUE})
	op := table.Op{Kind: table.NewDestination, Service: table.Service{Key: key}, Destination: bad}
	if err := d.Apply([]table.Op{op})[0]; !errors.Is(err, syscall.EINVAL) {
		t.Errorf("GUE without a port: %v", err)
	}
	changed := through("10.99.1.2", table.Encapsulation{Type: conf.GRE})
	plain := server("10.99.1.3", 80, 1)
	for _, one := range []table.Destination{changed, plain} {
		mustApply(t, d, table.Op{Kind: table.SetDestination, Service: table.Service{Key: key}, Destination: one})
		want[key].Destinations[one.Key] = one
	}
	expect(t, d, want)
}

// largeNumbers: a weight above 65535 is not cut; the persistence engine is read.
func largeNumbers(t *testing.T, d ipvs.Driver) {
	key := tcp("10.99.0.1", 80)
	sip := table.Service{Key: tcp("10.99.0.2", 5060), Scheduler: "rr", Flags: table.FlagPersistent | table.FlagOnePacket,
		Timeout: 60, MaskBits: 32, Engine: "sip"}
	sip.Key.Protocol = conf.UDP
	want := table.Table{
		key:     entry(web(key), server("10.99.1.1", 80, 100000), server("10.99.1.2", 80, 1<<31-1)),
		sip.Key: entry(sip, server("10.99.1.1", 5060, 1)),
	}
	errs := d.Apply(table.Diff(want, table.Table{}, nil))
	for _, err := range errs {
		if ipvs.Missing(err) {
			t.Log(err) // a kernel without the engine
			delete(want, sip.Key)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	expect(t, d, want)
}

// atItsPlace: a real server of weight 0 of mh is added with its weight first, in one
// batch.
func atItsPlace(t *testing.T, d ipvs.Driver) {
	key := tcp("10.99.0.1", 80)
	s := web(key)
	s.Scheduler, s.Flags = "mh", table.FlagFallback
	down := server("10.99.1.1", 80, 0)
	down.Place = 7
	want := table.Table{key: entry(s, down, server("10.99.1.2", 80, 1))}
	ops := table.Diff(want, table.Table{}, nil)
	if len(ops) != 5 || ops[0].Service.Scheduler != table.NoScheduler || ops[1].Destination.Weight != 7 {
		t.Fatalf("operations %v", ops)
	}
	mustApply(t, d, ops...)
	down.Place = 0
	want[key].Destinations[down.Key] = down
	expect(t, d, want)
}

func syncDaemons(t *testing.T, d ipvs.Driver) {
	list := func() []table.Daemon {
		t.Helper()
		all, err := d.Daemons()
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if all := list(); len(all) != 0 {
		t.Fatalf("daemons %+v", all)
	}
	backup := table.Daemon{Role: table.SyncBackup, Interface: "lo", ID: 7}
	for range 2 { // the second time it runs already
		if err := d.StartDaemon(backup); err != nil {
			t.Fatal(err)
		}
	}
	if all := list(); len(all) != 1 || !backup.Runs(all[0]) {
		t.Fatalf("daemons %+v, want %+v", all, backup)
	}
	key := tcp("2001:db8::1", 80)
	four := server("10.99.1.1", 80, 1)
	four.Forward = table.Tunnel
	errs := d.Apply(table.Diff(table.Table{key: entry(web(key), four)}, table.Table{}, nil))
	if !errors.Is(errs[1], syscall.EINVAL) {
		t.Errorf("a real server of the other family beside a sync daemon: %v", errs[1])
	}
	for range 2 {
		if err := d.StopDaemon(table.SyncBackup); err != nil {
			t.Fatal(err)
		}
	}
	if all := list(); len(all) != 0 {
		t.Fatalf("daemons %+v", all)
	}
	missing := table.Daemon{Role: table.SyncMaster, Interface: "missing", ID: 7}
	if err := d.StartDaemon(missing); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("on an interface that is not there: %v", err)
	}
}

func timeouts(t *testing.T, d ipvs.Driver) {
	before, err := d.Timeouts()
	if err != nil || before.TCP == 0 || before.UDP == 0 {
		t.Fatalf("timeouts %+v, error %v", before, err)
	}
	if err := d.SetTimeouts(conf.LVSTimeouts{TCP: 100 * time.Second}); err != nil {
		t.Fatal(err)
	}
	want := before
	want.TCP = 100 * time.Second
	if now, err := d.Timeouts(); err != nil || now != want {
		t.Errorf("timeouts %+v, error %v, want %+v", now, err, want)
	}
}

func flush(t *testing.T, d ipvs.Driver) {
	key := tcp("10.99.0.1", 80)
	fill(t, d, table.Table{key: entry(web(key), server("10.99.1.1", 80, 1))})
	if err := d.Flush(); err != nil {
		t.Fatal(err)
	}
	expect(t, d, table.Table{})
}

// measured: every service and real server is measured, and of new ones nothing is counted.
func measured(t *testing.T, d ipvs.Driver) {
	key, empty := tcp("10.99.0.1", 80), tcp("2001:db8::1", 80)
	one := server("10.99.1.1", 80, 1)
	fill(t, d, table.Table{key: entry(web(key), one), empty: entry(web(empty))})
	all, err := d.Measure()
	if err != nil {
		t.Fatal(err)
	}
	m, there := all[key]
	got, listed := m.Servers[one.Key]
	if _, other := all[empty]; !there || !listed || !other || len(all) != 2 || len(m.Servers) != 1 {
		t.Errorf("measured %+v", all)
	}
	if m.Measurement != (ipvs.Measurement{}) || got != (ipvs.Measurement{}) {
		t.Errorf("new ones have counted %+v", m)
	}
}
