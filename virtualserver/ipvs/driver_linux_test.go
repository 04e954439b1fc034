package ipvs_test

import (
	"errors"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestFake(t *testing.T) {
	ipvstest.Conformance(t, func(*testing.T) ipvs.Driver { return ipvstest.NewFake() })
}

func TestKernel(t *testing.T) {
	ipvstest.Conformance(t, func(t *testing.T) ipvs.Driver {
		d := openInNamespace(t)
		loopbackUp(t)
		return d
	})
}

// openInNamespace moves the test to a network namespace of its own, whose
// IPVS table is empty, for the rest of its life.
func openInNamespace(t testing.TB) ipvs.Driver {
	if os.Geteuid() != 0 {
		t.Skip("not root: cannot make a network namespace")
	}
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("cannot make a network namespace: %v", err)
	}
	d, err := ipvs.Open()
	if errors.Is(err, ipvs.ErrNoIPVS) {
		t.Skipf("not here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func loopbackUp(t testing.TB) {
	t.Helper()
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A service of one real server, and the operation that adds the server.
func oneServer() (table.Table, table.Op) {
	key := conf.ServiceKey{FWMark: 7}
	s := table.Service{Key: key, Scheduler: "rr", MaskBits: 32}
	op := table.Op{Kind: table.NewDestination, Service: table.Service{Key: key}}
	op.Destination.Key.Address = netip.MustParseAddr("10.99.1.1")
	return table.Table{key: ipvs.Entry(s, nil)}, op
}

func TestLoopbackDown(t *testing.T) {
	d := openInNamespace(t)
	want, op := oneServer()
	for _, err := range d.Apply(table.Diff(want, nil, nil)) {
		if err != nil {
			t.Fatal(err)
		}
	}
	err := d.Apply([]table.Op{op})[0]
	if !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "lo is down") {
		t.Fatalf("real server while lo is down: %v, want EINVAL that names lo", err)
	}
	loopbackUp(t)
	if err := d.Apply([]table.Op{op})[0]; err != nil {
		t.Fatalf("with lo up: %v", err)
	}
}

func TestUnknownSchedulerNamesTheModule(t *testing.T) {
	d := openInNamespace(t)
	s := table.Service{Key: conf.ServiceKey{FWMark: 7}, Scheduler: "nosuch", MaskBits: 32}
	err := d.Apply([]table.Op{{Kind: table.NewService, Service: s}})[0]
	if err == nil || !strings.Contains(err.Error(), "modprobe ip_vs_nosuch") {
		t.Fatalf("%v, want a hint to the module", err)
	}
}

func TestOpenWithoutIPVS(t *testing.T) {
	if _, err := netlink.GenlFamilyGet("IPVS"); err == nil {
		t.Skip("this kernel has IPVS")
	}
	if d, err := ipvs.Open(); !errors.Is(err, ipvs.ErrNoIPVS) {
		t.Fatalf("driver %v, error %v; want ErrNoIPVS", d, err)
	}
}

// Real servers of one service: added, changed and removed, per operation.
func BenchmarkApply(b *testing.B) {
	d := openInNamespace(b)
	loopbackUp(b)
	const n = 10_000
	s := table.Service{Key: conf.ServiceKey{FWMark: 7}, Scheduler: "wlc", MaskBits: 32}
	light, heavy := ipvs.Entry(s, nil), ipvs.Entry(s, nil)
	for i := range n {
		r := table.Destination{Weight: 1}
		r.Key = conf.ServerKey{Address: netip.AddrFrom4([4]byte{10, 99, byte(i >> 8), byte(i)}), Port: 80}
		light.Destinations[r.Key] = r
		r.Weight = 2
		heavy.Destinations[r.Key] = r
	}
	none, first, second := table.Table{}, table.Table{s.Key: light}, table.Table{s.Key: heavy}
	ours := func(conf.ServiceKey) bool { return true }
	step := func(name string, want, have table.Table) {
		ops := table.Diff(want, have, ours)
		begin := time.Now()
		for _, err := range d.Apply(ops) {
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(time.Since(begin).Microseconds())/n, name+"-µs/server")
	}
	for b.Loop() {
		step("add", first, none)
		step("set", second, first)
		begin := time.Now()
		if _, err := ipvs.Dump(d); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(begin).Microseconds())/n, "dump-µs/server")
		step("del", none, second)
	}
}
