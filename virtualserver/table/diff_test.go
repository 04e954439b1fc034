package table_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
)

// mk makes an entry: destinations are "address:port" with weights.
func mk(s table.Service, destinations map[string]int) table.Entry {
	e := table.Entry{Service: s, Destinations: map[conf.ServerKey]table.Destination{}}
	for text, weight := range destinations {
		e.Destinations[at(text)] = table.Destination{Key: at(text), Weight: weight}
	}
	return e
}

type servers = map[string]int

func TestDiff(t *testing.T) {
	key, other := tcp("10.0.0.1:80"), tcp("10.0.0.2:80")
	rr := table.Service{Key: key, Scheduler: "rr", MaskBits: 32}
	mh := table.Service{Key: key, Scheduler: "mh", MaskBits: 32}
	with := func(s table.Service, change func(*table.Service)) table.Service {
		change(&s)
		return s
	}
	one := func(s table.Service, destinations servers) table.Table {
		return table.Table{s.Key: mk(s, destinations)}
	}
	const a, b, c = "10.1.0.1:80", "10.1.0.2:80", "10.1.0.3:80"

	for _, test := range []struct {
		name       string
		want, have table.Table
		owned      []conf.ServiceKey
		ops        []string
	}{
		{name: "equal tables", want: one(rr, servers{a: 1}), have: one(rr, servers{a: 1})},
		{name: "a new service gets its servers in order", want: one(rr, servers{b: 2, a: 1}), have: table.Table{},
			ops: []string{
				"add virtual server [10.0.0.1]:tcp:80 scheduler rr",
				"add real server [10.1.0.1]:80 of [10.0.0.1]:tcp:80 NAT weight 1",
				"add real server [10.1.0.2]:80 of [10.0.0.1]:tcp:80 NAT weight 2",
			}},
		{name: "servers are added, then raised, then lowered, then removed",
			want: one(rr, servers{a: 9, b: 0, c: 1}), have: one(rr, servers{a: 1, b: 2, "10.1.0.4:80": 5}), ops: []string{
				"add real server [10.1.0.3]:80 of [10.0.0.1]:tcp:80 NAT weight 1",
				"change real server [10.1.0.1]:80 of [10.0.0.1]:tcp:80 NAT weight 9",
				"change real server [10.1.0.2]:80 of [10.0.0.1]:tcp:80 NAT weight 0",
				"remove real server [10.1.0.4]:80 of [10.0.0.1]:tcp:80",
			}},
		{name: "the scheduler is set, not replaced", want: one(mh, servers{a: 1}), have: one(rr, servers{a: 1}),
			ops: []string{"change virtual server [10.0.0.1]:tcp:80 scheduler mh"}},
		{name: "persistence is set",
			want: one(with(rr, func(s *table.Service) { s.Flags, s.Timeout = table.FlagPersistent, 30 }), nil),
			have: one(rr, nil),
			ops:  []string{"change virtual server [10.0.0.1]:tcp:80 scheduler rr flags 0x1 persistent 30s"}},
		{name: "flags of the kernel's do not count", want: one(rr, nil),
			have: one(with(rr, func(s *table.Service) { s.Flags = table.FlagHashed | 0x8000 }), nil)},
		{name: "a service that is ours and not wanted goes last",
			want:  one(rr, servers{a: 1}),
			have:  table.Table{other: mk(table.Service{Key: other, Scheduler: "rr"}, servers{a: 1})},
			owned: []conf.ServiceKey{key, other}, ops: []string{
				"add virtual server [10.0.0.1]:tcp:80 scheduler rr",
				"add real server [10.1.0.1]:80 of [10.0.0.1]:tcp:80 NAT weight 1",
				"remove virtual server [10.0.0.2]:tcp:80",
			}},
		{name: "a service that is not ours stays", want: table.Table{}, have: one(rr, servers{a: 1}),
			owned: []conf.ServiceKey{other}},
		{name: "the fallback flag comes before a weight of 0",
			want: one(with(mh, func(s *table.Service) { s.Flags = table.FlagFallback }), servers{a: 0, b: 1}),
			have: one(mh, servers{a: 1, b: 1}), ops: []string{
				"change virtual server [10.0.0.1]:tcp:80 scheduler mh flags 0x8",
				"change real server [10.1.0.1]:80 of [10.0.0.1]:tcp:80 NAT weight 0",
			}},
		{name: "the fallback flag goes after the weight is back",
			want: one(mh, servers{a: 1, b: 1}),
			have: one(with(mh, func(s *table.Service) { s.Flags = table.FlagFallback }), servers{a: 0, b: 1}), ops: []string{
				"change real server [10.1.0.1]:80 of [10.0.0.1]:tcp:80 NAT weight 1",
				"change virtual server [10.0.0.1]:tcp:80 scheduler mh",
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ops := table.Diff(test.want, test.have, func(k conf.ServiceKey) bool { return slices.Contains(test.owned, k) })
			var got []string
			for _, op := range ops {
				got = append(got, op.String())
			}
			if diff := cmp.Diff(test.ops, got); diff != "" {
				t.Errorf("operations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSameDestination(t *testing.T) {
	want := table.Destination{Key: at("10.1.0.1:80"), Forward: table.DirectRoute, Weight: 1}
	local := want
	local.Forward = table.LocalNode
	if !table.SameDestination(want, local) {
		t.Error("a real server that the kernel made local would be set again and again")
	}
	for _, change := range []func(*table.Destination){
		func(d *table.Destination) { d.Forward = table.Masquerade },
		func(d *table.Destination) { d.Weight = 2 },
		func(d *table.Destination) { d.Upper = 1 },
		func(d *table.Destination) { d.Lower = 1 },
	} {
		have := want
		change(&have)
		if table.SameDestination(want, have) {
			t.Errorf("%+v counts as %+v", have, want)
		}
	}
}
