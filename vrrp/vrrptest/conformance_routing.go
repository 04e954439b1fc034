package vrrptest

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
)

func routesOf(t *testing.T, w World) link.Routes {
	t.Helper()
	r, err := w.Routes()
	check(t, err)
	t.Cleanup(func() { check(t, r.Close()) })
	return r
}

func routesComeAndGo(t *testing.T, w World) {
	r := routesOf(t, w)
	want := conf.Route{
		Destination: netip.MustParsePrefix("10.9.0.0/16"), Device: left, Scope: 253, Table: 254,
		Protocol: link.Mark, Text: "10.9.0.0/16 dev left",
	}
	keys := []link.RouteKey{link.KeyOf(want)}
	check(t, r.AddRoute(want))
	if err := r.AddRoute(want); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v, want fs.ErrExist", err)
	}
	if found, err := r.FindRoutes(keys); err != nil || !link.SameRoute(want, found[keys[0]]) {
		t.Errorf("FindRoutes: %+v, %v", found, err)
	}
	if found, err := r.RoutesOf(link.Mark); err != nil || len(found) != 1 {
		t.Errorf("RoutesOf: %+v, %v, want the one", found, err)
	}
	check(t, r.RemoveRoute(keys[0], want.Protocol))
	check(t, r.RemoveRoute(keys[0], want.Protocol))
	if found, err := r.FindRoutes(keys); err != nil || len(found) != 0 {
		t.Errorf("left: %+v, %v", found, err)
	}
	elsewhere := want
	elsewhere.Source = netip.MustParseAddr("10.77.0.1")
	if err := r.AddRoute(elsewhere); err == nil {
		t.Error("a route was added whose source is not on this host")
	}
}

func rulesComeAndGo(t *testing.T, w World) {
	r := routesOf(t, w)
	want := conf.Rule{
		From: netip.MustParsePrefix("10.9.0.0/16"), Table: 100, Priority: 2000, Action: "lookup",
		Protocol: link.Mark, Text: "from 10.9.0.0/16 table 100 priority 2000",
	}
	key := link.RuleOf(want)
	check(t, r.AddRule(want))
	if err := r.AddRule(want); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v, want fs.ErrExist", err)
	}
	if found, err := r.FindRules([]conf.Rule{key}); err != nil || !found[key] {
		t.Errorf("FindRules: %v, %v", found, err)
	}
	if found, err := r.RulesOf(link.Mark); err != nil || len(found) != 1 || found[0] != key {
		t.Errorf("RulesOf: %v, %v", found, err)
	}
	check(t, r.RemoveRule(want))
	check(t, r.RemoveRule(want))
	if found, err := r.FindRules([]conf.Rule{key}); err != nil || len(found) != 0 {
		t.Errorf("left: %v, %v", found, err)
	}
}

func filterOf(t *testing.T, w World) link.Filter {
	t.Helper()
	f := w.Filter()
	t.Cleanup(func() { check(t, f.Close()) })
	return f
}

func filtersComeAndGo(t *testing.T, w World) {
	f := filterOf(t, w)
	b := link.Block{Table: "director", Address: netip.MustParseAddr("10.0.0.1")}
	b6 := link.Block{Table: "director", Address: netip.MustParseAddr("fd00::1")}
	check(t, f.Unblock(b))
	check(t, f.Block(b))
	if err := f.Block(b); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v, want fs.ErrExist", err)
	}
	check(t, f.Block(b6))
	if list, err := f.Blocked(); err != nil || len(list) != 2 || !slices.Contains(list, b) || !slices.Contains(list, b6) {
		t.Errorf("Blocked: %v, %v", list, err)
	}
	check(t, f.Unblock(b))
	check(t, f.Unblock(b6))
	if list, err := f.Blocked(); err != nil || len(list) != 0 {
		t.Errorf("left: %v, %v", list, err)
	}
}

func flushedRuleset(t *testing.T, w World) {
	f := filterOf(t, w)
	b := link.Block{Table: "director", Address: netip.MustParseAddr("10.0.0.1")}
	check(t, f.Block(b))
	w.FlushRuleset()
	select {
	case r := <-f.Repairs():
		if r.Table != b.Table || r.Err != nil || len(r.Missing) == 0 {
			t.Errorf("repair %+v", r)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the repair is not told within 5 s")
	}
	if list, err := f.Blocked(); err != nil || !slices.Contains(list, b) {
		t.Errorf("afterwards: %v, %v", list, err)
	}
	check(t, f.Unblock(b))
}

func vmacsComeAndGo(t *testing.T, w World) {
	m, err := w.VMACs()
	check(t, err)
	defer m.Close()
	v := link.VMAC{Name: "vrrp.10", Parent: left, MAC: link.HardwareAddress{0, 0, 0x5e, 0, 1, 10}}
	if _, err := m.Find(v); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Find before Make: %v, want fs.ErrNotExist", err)
	}
	check(t, m.Make(v))
	marked := v
	marked.Marked = true
	if got, err := m.Find(v); err != nil || got != marked {
		t.Errorf("Find: %+v, %v, want %+v", got, err, marked)
	}
	marked.Parent = ""
	if list, err := m.Marked(); err != nil || !slices.Equal(list, []link.VMAC{marked}) {
		t.Errorf("Marked: %+v, %v, want %+v", list, err, marked)
	}
	if err := m.Make(v); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Make of what is there: %v, want fs.ErrExist", err)
	}
	check(t, m.Prepare(v))
	if got, err := m.Find(link.VMAC{Name: left}); err != nil || got.Parent != "" {
		t.Errorf("Find of another interface: %+v, %v", got, err)
	}
	check(t, m.Set(left, "arp_ignore", 1))
	if got, err := m.Setting(left, "arp_ignore"); err != nil || got != 1 {
		t.Errorf("arp_ignore is %d, %v, want 1", got, err)
	}
	check(t, m.Remove(v.Name))
	check(t, m.Remove(v.Name))
}

// interfaceNamed is an interface as Watch tells it.
func interfaceNamed(t *testing.T, w World, name string) link.Interface {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	events, err := w.Watch(ctx)
	check(t, err)
	first := <-events
	cancel()
	for range events {
	}
	i := slices.IndexFunc(first.Interfaces, func(i link.Interface) bool { return i.Name == name })
	if i < 0 {
		t.Fatalf("there is no interface %s", name)
	}
	return first.Interfaces[i]
}

func announcements(t *testing.T, w World) {
	a := w.Announcer()
	defer a.Close()
	from := interfaceNamed(t, w, left)
	for _, address := range []string{"10.0.0.100", "2001:db8::100"} {
		addr := netip.MustParseAddr(address)
		check(t, a.Announce(from, addr))
		eventually(t, "an announcement of "+address, func() bool { return w.Heard(addr) })
	}
	w.SetUp(left, false)
	if err := a.Announce(from, netip.MustParseAddr("10.0.0.101")); err == nil {
		t.Error("announced on an interface that is down")
	}
	w.SetUp(left, true)
	eventually(t, "the interface is up", func() bool { return interfaceNamed(t, w, left).Up })
	addr := netip.MustParseAddr("10.0.0.102")
	check(t, a.Announce(from, addr))
	eventually(t, "an announcement after down and up", func() bool { return w.Heard(addr) })
}

func someFrames(t *testing.T, w World) {
	f, err := w.Frames()
	check(t, err)
	defer f.Close()
	from := interfaceNamed(t, w, left)
	group := netip.MustParseAddr("224.0.0.18")
	check(t, f.Send(from, []byte{0x45}, group))
	if err := f.Send(from, nil, group); err == nil {
		t.Error("an empty packet was sent")
	}
	if err := f.Send(from, []byte{0x45}, netip.MustParseAddr("10.0.0.9")); err == nil {
		t.Error("a packet to no group was sent")
	}
	from.Index, from.Name = 4711, "missing"
	if err := f.Send(from, []byte{0x45}, group); err == nil {
		t.Error("a packet left an interface that is not there")
	}
}
