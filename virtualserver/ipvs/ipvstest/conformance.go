package ipvstest

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
)

// Conformance is what virtualserver expects of a driver. Each subtest calls
// open for a driver whose table is empty.
func Conformance(t *testing.T, open func(*testing.T) ipvs.Driver) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, ipvs.Driver)
	}{
		{"an empty table is an empty list", emptyTable},
		{"what is written is read back", readBack},
		{"every scheduler is known by name", everyScheduler},
		{"set changes in place", setInPlace},
		{"flags of the kernel's own stay", flagsAreMasked},
		{"destinations of nothing are none", noService},
		{"refusals carry the kernel's errno", refusals},
		{"one refusal does not stop the others", refusalInTheMiddle},
		{"more operations than fit into one send", manyOperations},
		{"tunnels of every kind", tunnels},
		{"large weights and the persistence engine", largeNumbers},
		{"a server that is down has its place with mh", atItsPlace},
		{"sync daemons", syncDaemons},
		{"counters", measured},
		{"timeouts", timeouts},
		{"flush", flush},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// Tables compare with these options. The place of a server is not told by the kernel.
var Tables = cmp.Options{
	cmpopts.IgnoreFields(table.Destination{}, "Place", "Counts"),
	cmpopts.EquateComparable(netip.Addr{}),
	cmpopts.EquateEmpty(),
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Flags" },
		cmp.Comparer(func(a, b uint32) bool { return a&table.FlagMask == b&table.FlagMask })),
}

func tcp(address string, port uint16) conf.ServiceKey {
	return conf.ServiceKey{Protocol: conf.TCP, Address: netip.MustParseAddr(address), Port: port}
}

// web is a plain service, or with an IPv6 key its like.
func web(key conf.ServiceKey) table.Service {
	s := table.Service{Key: key, Scheduler: "wlc", MaskBits: 32}
	if table.Is6(key) {
		s.MaskBits = 128
	}
	return s
}

func server(address string, port uint16, weight int) table.Destination {
	return table.Destination{
		Key:    conf.ServerKey{Address: netip.MustParseAddr(address), Port: port},
		Weight: weight,
	}
}

func entry(s table.Service, destinations ...table.Destination) table.Entry {
	return ipvs.Entry(s, destinations)
}

func mustApply(t *testing.T, d ipvs.Driver, ops ...table.Op) {
	t.Helper()
	errs := d.Apply(ops)
	if len(errs) != len(ops) {
		t.Fatalf("%d operations have %d results", len(ops), len(errs))
	}
	for i, err := range errs {
		if err != nil {
			t.Fatalf("operation %d: %v", i, err)
		}
	}
}

// fill brings an empty table to want.
func fill(t *testing.T, d ipvs.Driver, want table.Table) {
	t.Helper()
	mustApply(t, d, table.Diff(want, table.Table{}, nil)...)
}

func expect(t *testing.T, d ipvs.Driver, want table.Table) {
	t.Helper()
	got, err := ipvs.Dump(d)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, Tables); diff != "" {
		t.Fatalf("table (-want +got):\n%s", diff)
	}
}

func emptyTable(t *testing.T, d ipvs.Driver) { expect(t, d, table.Table{}) }

func readBack(t *testing.T, d ipvs.Driver) {
	udp := tcp("10.99.0.1", 53)
	udp.Protocol = conf.UDP
	persistent := table.Service{Key: tcp("10.99.0.2", 443), Scheduler: "rr",
		Flags: table.FlagPersistent, Timeout: 360, MaskBits: 24}
	six := web(tcp("2001:db8::1", 80))
	six.Flags, six.Timeout, six.MaskBits = table.FlagPersistent, 60, 64
	hash := table.Service{Key: tcp("10.99.0.3", 0), Scheduler: "sh",
		Flags: table.FlagPersistent | table.FlagFallback | table.FlagPort, Timeout: 1, MaskBits: 32}
	limited := server("10.99.1.2", 8080, 65535)
	limited.Upper, limited.Lower = 1000, 800
	direct, tunnel := server("10.99.1.1", 53, 1), server("10.99.1.2", 53, 0)
	direct.Forward, tunnel.Forward = table.DirectRoute, table.Tunnel
	// The one mixture of families that the kernel forwards.
	four := server("10.99.1.9", 80, 3)
	four.Forward = table.Tunnel
	want := table.Table{
		udp:                         entry(web(udp), direct, tunnel),
		tcp("10.99.0.2", 443):       entry(persistent, limited, server("10.99.1.1", 8080, 1)),
		tcp("10.99.0.3", 0):         entry(hash, server("10.99.1.1", 0, 1)),
		tcp("2001:db8::1", 80):      entry(six, server("2001:db8::2", 80, 1), four),
		conf.ServiceKey{FWMark: 5}:  entry(web(conf.ServiceKey{FWMark: 5}), server("10.99.1.1", 0, 1)),
		{FWMark: 5, IPv6: true}:     entry(web(conf.ServiceKey{FWMark: 5, IPv6: true})),
		{FWMark: 1<<32 - 1}:         entry(web(conf.ServiceKey{FWMark: 1<<32 - 1})),
		tcp("255.255.255.254", 443): entry(web(tcp("255.255.255.254", 443))),
	}
	fill(t, d, want)
	expect(t, d, want)
}

func everyScheduler(t *testing.T, d ipvs.Driver) {
	want := table.Table{}
	for i, name := range schedulers {
		s := web(tcp("10.99.0.1", uint16(i+1)))
		s.Scheduler = name
		if err := d.Apply([]table.Op{{Kind: table.NewService, Service: s}})[0]; err != nil {
			// Debian builds its kernels without twos.
			if name != "twos" || !ipvs.Missing(err) {
				t.Error(err)
			}
			continue
		}
		want[s.Key] = entry(s, server("10.99.1.1", 80, 1), server("10.99.1.2", 80, 2))
	}
	mustApply(t, d, table.Diff(want, dump(t, d), nil)...)
	expect(t, d, want)
}

func setInPlace(t *testing.T, d ipvs.Driver) {
	key := tcp("10.99.0.1", 80)
	fill(t, d, table.Table{key: entry(web(key), server("10.99.1.1", 80, 1))})
	changed := table.Service{Key: key, Scheduler: "mh", Flags: table.FlagPersistent | table.FlagFallback,
		Timeout: 300, MaskBits: 16, Engine: ""}
	slow := server("10.99.1.1", 80, 0)
	slow.Forward, slow.Upper = table.DirectRoute, 7
	mustApply(t, d,
		table.Op{Kind: table.SetService, Service: changed},
		table.Op{Kind: table.SetDestination, Service: table.Service{Key: key}, Destination: slow})
	expect(t, d, table.Table{key: entry(changed, slow)})

	plain := web(key)
	mustApply(t, d, table.Op{Kind: table.SetService, Service: plain})
	expect(t, d, table.Table{key: entry(plain, slow)})
}

func flagsAreMasked(t *testing.T, d ipvs.Driver) {
	s := web(tcp("10.99.0.1", 80))
	fill(t, d, table.Table{s.Key: entry(s)})
	for range 2 {
		services, err := d.Services()
		if err != nil || len(services) != 1 {
			t.Fatalf("%d services, error %v", len(services), err)
		}
		if services[0].Flags != table.FlagHashed {
			t.Fatalf("flags %#x, want only the kernel's %#x", services[0].Flags, table.FlagHashed)
		}
		mustApply(t, d, table.Op{Kind: table.SetService, Service: s})
	}
}

func noService(t *testing.T, d ipvs.Driver) {
	if list, err := d.Destinations(tcp("10.99.0.1", 80)); err != nil || len(list) != 0 {
		t.Fatalf("%v, error %v; want none and no error", list, err)
	}
}

func refusals(t *testing.T, d ipvs.Driver) {
	here, gone := tcp("10.99.0.1", 80), tcp("10.99.0.2", 80)
	six := tcp("2001:db8::1", 80)
	fill(t, d, table.Table{
		here: entry(web(here), server("10.99.1.1", 80, 1)),
		six:  entry(web(six)),
	})
	service := func(kind table.OpKind, change func(*table.Service)) table.Op {
		s := web(here)
		change(&s)
		return table.Op{Kind: kind, Service: s}
	}
	destination := func(kind table.OpKind, key conf.ServiceKey, d table.Destination) table.Op {
		return table.Op{Kind: kind, Service: table.Service{Key: key}, Destination: d}
	}
	with := func(d table.Destination, change func(*table.Destination)) table.Destination {
		change(&d)
		return d
	}
	for _, test := range []struct {
		name string
		op   table.Op
		want syscall.Errno
	}{
		{"add a service twice", service(table.NewService, func(*table.Service) {}), syscall.EEXIST},
		{"unknown scheduler", service(table.NewService, func(s *table.Service) { s.Key = gone; s.Scheduler = "nosuch" }),
			syscall.ENOENT},
		{"set an unknown scheduler", service(table.SetService, func(s *table.Service) { s.Scheduler = "nosuch" }),
			syscall.ENOENT},
		{"unknown persistence engine",
			service(table.NewService, func(s *table.Service) { s.Key = gone; s.Engine = "nosuch" }), syscall.ENOENT},
		{"IPv6 without prefix length",
			service(table.NewService, func(s *table.Service) { s.Key = tcp("2001:db8::2", 80); s.MaskBits = 0 }),
			syscall.EINVAL},
		{"set a missing service", service(table.SetService, func(s *table.Service) { s.Key = gone }), syscall.ESRCH},
		{"remove a missing service", service(table.DelService, func(s *table.Service) { s.Key = gone }), syscall.ESRCH},
		{"destination of a missing service", destination(table.NewDestination, gone, server("10.99.1.1", 80, 1)),
			syscall.ESRCH},
		{"add a destination twice", destination(table.NewDestination, here, server("10.99.1.1", 80, 9)), syscall.EEXIST},
		{"set a missing destination", destination(table.SetDestination, here, server("10.99.1.2", 80, 1)), syscall.ENOENT},
		{"remove a missing destination", destination(table.DelDestination, here, server("10.99.1.1", 81, 1)), syscall.ENOENT},
		{"weight below zero", destination(table.NewDestination, here, server("10.99.1.3", 80, -1)), syscall.ERANGE},
		{"lower threshold above the upper", destination(table.NewDestination, here,
			with(server("10.99.1.3", 80, 1), func(d *table.Destination) { d.Upper, d.Lower = 1, 2 })), syscall.ERANGE},
		{"a multicast destination", destination(table.NewDestination, here, server("224.0.0.1", 80, 1)), syscall.EINVAL},
		{"a link-local destination", destination(table.NewDestination, six, server("fe80::1", 80, 1)), syscall.EINVAL},
		{"an IPv4 destination masqueraded from IPv6", destination(table.NewDestination, six, server("10.99.1.1", 80, 1)),
			syscall.EINVAL},
		{"an IPv6 destination routed to from IPv4", destination(table.NewDestination, here,
			with(server("2001:db8::2", 80, 1), func(d *table.Destination) { d.Forward = table.DirectRoute })), syscall.EINVAL},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := d.Apply([]table.Op{test.op})[0]; !errors.Is(err, test.want) {
				t.Fatalf("%v: %v, want %v", test.op, err, test.want)
			}
		})
	}
	expect(t, d, table.Table{
		here: entry(web(here), server("10.99.1.1", 80, 1)),
		six:  entry(web(six)),
	})
}

func refusalInTheMiddle(t *testing.T, d ipvs.Driver) {
	key := tcp("10.99.0.1", 80)
	ops := []table.Op{{Kind: table.NewService, Service: web(key)}}
	for _, last := range []int{1, 2, 2, 3, 3} {
		ops = append(ops, table.Op{Kind: table.NewDestination, Service: table.Service{Key: key},
			Destination: server(fmt.Sprintf("10.99.1.%d", last), 80, 1)})
	}
	for i, err := range d.Apply(ops) {
		if again := i == 3 || i == 5; ipvs.Exists(err) != again || !again && err != nil {
			t.Errorf("operation %d (%v): %v", i, ops[i], err)
		}
	}
	expect(t, d, table.Table{key: entry(web(key),
		server("10.99.1.1", 80, 1), server("10.99.1.2", 80, 1), server("10.99.1.3", 80, 1))})
}

func manyOperations(t *testing.T, d ipvs.Driver) {
	want := table.Table{}
	for i := range 20 {
		s := web(tcp("10.99.0.1", uint16(1000+i)))
		e := entry(s)
		for j := range 10 {
			r := server(fmt.Sprintf("10.99.2.%d", j+1), 80, j)
			e.Destinations[r.Key] = r
		}
		want[s.Key] = e
	}
	fill(t, d, want)
	expect(t, d, want)

	// Every second one fails, across the borders of the sends.
	var ops []table.Op
	for i := range 100 {
		ops = append(ops,
			table.Op{Kind: table.NewService, Service: web(tcp("10.99.0.2", uint16(i+1)))},
			table.Op{Kind: table.DelService, Service: web(tcp("10.99.0.3", uint16(i+1)))})
	}
	for i, err := range d.Apply(ops) {
		if missing := i%2 == 1; ipvs.Missing(err) != missing || !missing && err != nil {
			t.Fatalf("operation %d (%v): %v", i, ops[i], err)
		}
	}
	mustApply(t, d, table.Diff(table.Table{}, dump(t, d), func(conf.ServiceKey) bool { return true })...)
	expect(t, d, table.Table{})
}

func dump(t *testing.T, d ipvs.Driver) table.Table {
	t.Helper()
	all, err := ipvs.Dump(d)
	if err != nil {
		t.Fatal(err)
	}
	return all
}
