package table_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

var plain = cmp.Options{cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()}

func tcp(address string) conf.ServiceKey {
	at := netip.MustParseAddrPort(address)
	return conf.ServiceKey{Protocol: conf.TCP, Address: at.Addr(), Port: at.Port()}
}

func at(address string) conf.ServerKey {
	a := netip.MustParseAddrPort(address)
	return conf.ServerKey{Address: a.Addr(), Port: a.Port()}
}

// web is a virtual server with real servers of weight 1, 2, 3...
func web(scheduler string, servers ...string) *conf.VirtualServer {
	vs := &conf.VirtualServer{Key: tcp("10.0.0.1:80"), Scheduler: scheduler, Quorum: 1}
	for i, s := range servers {
		vs.RealServers = append(vs.RealServers, &conf.RealServer{Key: at(s), Protocol: conf.TCP, Weight: i + 1})
	}
	return vs
}

func verdict(server string, up bool, weight int) event.RealServerState {
	a := netip.MustParseAddrPort(server)
	rs := conf.RealServer{Key: at(a.String()), Protocol: conf.TCP}
	return event.RealServerState{VirtualServer: "[10.0.0.1]:tcp:80", RealServer: rs.String(), Up: up, Weight: weight,
		Checked: true}
}

func verdicts(list ...event.RealServerState) table.Verdicts {
	v := table.Verdicts{}
	for _, s := range list {
		id, err := conf.ParseRealServer(s.VirtualServer, s.RealServer)
		if err != nil {
			panic(err)
		}
		v[id.Server] = table.VerdictOf(s)
	}
	return v
}

// weights are the destinations of an entry by address and port.
func weights(e table.Entry) map[string]int {
	w := make(map[string]int)
	for k, d := range e.Destinations {
		w[netip.AddrPortFrom(k.Address, k.Port).String()] = d.Weight
	}
	return w
}

func TestWantedRealServers(t *testing.T) {
	const a, b = "10.1.0.1:80", "10.1.0.2:80"
	alpha := func(vs *conf.VirtualServer) { vs.RealServers[0].Alpha = true }
	inhibit := func(vs *conf.VirtualServer) { vs.RealServers[0].Inhibit = true }
	for _, test := range []struct {
		name      string
		scheduler string
		change    func(*conf.VirtualServer)
		verdicts  table.Verdicts
		want      map[string]int
		fallback  bool
	}{
		{name: "no verdict is up", scheduler: "rr", want: map[string]int{a: 1, b: 2}},
		{name: "no verdict with alpha is down", scheduler: "rr", change: alpha, want: map[string]int{b: 2}},
		{name: "no verdict with alpha of the virtual server", scheduler: "rr",
			change: func(vs *conf.VirtualServer) { vs.Alpha = true }, want: map[string]int{}},
		{name: "alpha is in after its first success", scheduler: "rr", change: alpha,
			verdicts: verdicts(verdict(a, true, 1)), want: map[string]int{a: 1, b: 2}},
		{name: "alpha and inhibit are in with weight 0", scheduler: "rr",
			change: func(vs *conf.VirtualServer) { alpha(vs); inhibit(vs) }, want: map[string]int{a: 0, b: 2}},
		{name: "a failed server leaves", scheduler: "wlc",
			verdicts: verdicts(verdict(a, false, 1)), want: map[string]int{b: 2}},
		{name: "the last failed server leaves too", scheduler: "wlc",
			verdicts: verdicts(verdict(a, false, 1), verdict(b, false, 2)), want: map[string]int{}},
		{name: "a failed server with inhibit_on_failure stays with weight 0", scheduler: "wlc", change: inhibit,
			verdicts: verdicts(verdict(a, false, 1)), want: map[string]int{a: 0, b: 2}},
		{name: "the weight is the verdict's", scheduler: "wlc",
			verdicts: verdicts(verdict(a, true, 77)), want: map[string]int{a: 77, b: 2}},
		{name: "the weight is bounded", scheduler: "wlc",
			verdicts: verdicts(verdict(a, true, 70000), verdict(b, true, -1)), want: map[string]int{a: 70000, b: 0}},
		{name: "sh keeps the place of a failed server", scheduler: "sh",
			verdicts: verdicts(verdict(a, false, 1)), want: map[string]int{a: 0, b: 2}, fallback: true},
		{name: "mh keeps the place of a failed server", scheduler: "mh",
			verdicts: verdicts(verdict(a, false, 1)), want: map[string]int{a: 0, b: 2}, fallback: true},
		{name: "mh keeps a place for one that starts down", scheduler: "mh", change: alpha,
			want: map[string]int{a: 0, b: 2}, fallback: true},
		{name: "mh with a drained server falls back", scheduler: "mh",
			verdicts: verdicts(verdict(a, true, 0)), want: map[string]int{a: 0, b: 2}, fallback: true},
		{name: "mh with all well is as configured", scheduler: "mh", want: map[string]int{a: 1, b: 2}},
		{name: "dh has no fallback", scheduler: "dh",
			verdicts: verdicts(verdict(a, false, 1)), want: map[string]int{b: 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			vs := web(test.scheduler, a, b)
			if test.change != nil {
				test.change(vs)
			}
			e := table.WantedEntry(vs, table.Canonical(vs.Key), &table.Facts{Verdicts: test.verdicts})
			if diff := cmp.Diff(test.want, weights(e)); diff != "" {
				t.Errorf("weights (-want +got):\n%s", diff)
			}
			if got := e.Service.Flags&table.FlagFallback != 0; got != test.fallback {
				t.Errorf("fallback %v, want %v", got, test.fallback)
			}
		})
	}
}

func TestWantedService(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*conf.VirtualServer)
		want   table.Service
	}{
		{"plain", func(*conf.VirtualServer) {},
			table.Service{Key: tcp("10.0.0.1:80"), Scheduler: "rr", MaskBits: 32}},
		{"persistent", func(vs *conf.VirtualServer) { vs.Persistence, vs.PersistenceMask = 360*time.Second, 24 },
			table.Service{Key: tcp("10.0.0.1:80"), Scheduler: "rr", Flags: table.FlagPersistent, Timeout: 360, MaskBits: 24}},
		{"persistent for less than a second", func(vs *conf.VirtualServer) { vs.Persistence = time.Millisecond },
			table.Service{Key: tcp("10.0.0.1:80"), Scheduler: "rr", Flags: table.FlagPersistent, Timeout: 1, MaskBits: 32}},
		{"one packet with an engine", func(vs *conf.VirtualServer) {
			vs.Flags, vs.Persistence, vs.PersistenceEngine = table.FlagOnePacket, time.Minute, "sip"
		}, table.Service{Key: tcp("10.0.0.1:80"), Scheduler: "rr",
			Flags: table.FlagOnePacket | table.FlagPersistent, Timeout: 60, MaskBits: 32, Engine: "sip"}},
		{"flags of the scheduler", func(vs *conf.VirtualServer) {
			vs.Scheduler, vs.Flags = "mh", table.FlagFallback|table.FlagPort|table.FlagHashed
		}, table.Service{Key: tcp("10.0.0.1:80"), Scheduler: "mh", Flags: table.FlagFallback | table.FlagPort, MaskBits: 32}},
		{"IPv6 always has a prefix length", func(vs *conf.VirtualServer) { vs.Key = tcp("[2001:db8::1]:80") },
			table.Service{Key: tcp("[2001:db8::1]:80"), Scheduler: "rr", MaskBits: 128}},
		{"an IPv4 address in IPv6 form is IPv4", func(vs *conf.VirtualServer) { vs.Key = tcp("[::ffff:10.0.0.1]:80") },
			table.Service{Key: tcp("10.0.0.1:80"), Scheduler: "rr", MaskBits: 32}},
		{"firewall mark of IPv6", func(vs *conf.VirtualServer) {
			vs.Key = conf.ServiceKey{FWMark: 5, IPv6: true, Protocol: conf.TCP}
		}, table.Service{Key: conf.ServiceKey{FWMark: 5, IPv6: true}, Scheduler: "rr", MaskBits: 128}},
	} {
		t.Run(test.name, func(t *testing.T) {
			vs := web("rr")
			test.change(vs)
			got := table.Wanted([]*conf.VirtualServer{vs}, nil)
			want := table.Table{test.want.Key: {Service: test.want}}
			if diff := cmp.Diff(want, got, plain); diff != "" {
				t.Errorf("table (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWantedDestination(t *testing.T) {
	vs := web("rr", "10.1.0.1:8080")
	rs := vs.RealServers[0]
	rs.Forward, rs.Weight, rs.Upper, rs.Lower = conf.DR, 10, 200, 100
	want := table.Destination{Key: at("10.1.0.1:8080"), Forward: table.DirectRoute, Weight: 10, Upper: 200, Lower: 100}
	if got := table.WantedEntry(vs, table.Canonical(vs.Key), &table.Facts{}).Destinations[want.Key]; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestWantedTwice(t *testing.T) {
	first, second := web("rr", "10.1.0.1:80", "10.1.0.1:80"), web("wlc", "10.1.0.2:80")
	got := table.Wanted([]*conf.VirtualServer{first, second}, nil)
	e := got[first.Key]
	if len(got) != 1 || e.Service.Scheduler != "rr" {
		t.Fatalf("got %v, want the first virtual server", got)
	}
	if diff := cmp.Diff(map[string]int{"10.1.0.1:80": 1}, weights(e)); diff != "" {
		t.Errorf("weights (-want +got):\n%s", diff)
	}
}

func TestSortedIsTheSameEverywhere(t *testing.T) {
	vs := web("mh", "10.1.0.10:80", "10.1.0.9:80", "10.1.0.9:8", "[2001:db8::1]:80")
	var got []conf.ServerKey
	for _, d := range table.WantedEntry(vs, table.Canonical(vs.Key), &table.Facts{}).Sorted() {
		got = append(got, d.Key)
	}
	want := []conf.ServerKey{at("10.1.0.9:8"), at("10.1.0.9:80"), at("10.1.0.10:80"), at("[2001:db8::1]:80")}
	if diff := cmp.Diff(want, got, plain); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestAlive(t *testing.T) {
	vs := web("rr", "10.1.0.1:80", "10.1.0.2:80", "10.1.0.3:80")
	f := table.Facts{Verdicts: verdicts(verdict("10.1.0.2:80", false, 2), verdict("10.1.0.3:80", true, 10))}
	servers, serving, sum := f.AliveIn(vs, vs.Key, nil)
	if servers != 2 || serving != 2 || sum != 11 {
		t.Errorf("%d alive with weight %d, want 2 with 11", servers, sum)
	}
}

// TestSlowStart: a share of the weight that changes neither the quorum nor a table of mh.
func TestSlowStart(t *testing.T) {
	starts := verdict("10.1.0.2:80", true, 60)
	starts.Starting = 10
	f := table.Facts{Verdicts: verdicts(starts)}
	for scheduler, want := range map[string]int{"wrr": 6, "sh": 60, "mh": 60} {
		vs := web(scheduler, "10.1.0.1:80", "10.1.0.2:80")
		if got := weights(table.WantedEntry(vs, table.Canonical(vs.Key), &f))["10.1.0.2:80"]; got != want {
			t.Errorf("%s: weight %d, want %d", scheduler, got, want)
		}
		if _, serving, sum := f.AliveIn(vs, vs.Key, nil); serving != 2 || sum != 61 {
			t.Errorf("%s: %d serve with weight %d, want 2 with 61", scheduler, serving, sum)
		}
	}
}

// TestPlaceOfOneThatACheckWantsWithoutConnections: it keeps the slots of its configured weight.
func TestPlaceOfOneThatACheckWantsWithoutConnections(t *testing.T) {
	vs := web("mh", "10.1.0.1:80", "10.1.0.2:80")
	f := table.Facts{Verdicts: verdicts(verdict("10.1.0.2:80", true, 0))}
	d := table.WantedEntry(vs, table.Canonical(vs.Key), &f).Destinations[at("10.1.0.2:80")]
	if d.Weight != 0 || d.Place != 2 {
		t.Errorf("weight %d at a place of %d, want 0 at 2", d.Weight, d.Place)
	}
}
