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

// World is a host as somebody else sees and changes it. It has the interface
// left, which is up and has 10.0.0.1/24, on a wire with others, and no filter,
// no route and no rule but the kernel's own.
type World interface {
	link.Network
	Put(device, prefix string)
	Take(device, prefix string)
	SetUp(device string, up bool)
	FlushRuleset()
	// Heard says that somebody on the wire has heard an announcement of an address.
	Heard(addr netip.Addr) bool
}

// Conformance is what vrrp expects of a link.Network. It runs over the fake and
// over the real kernel, so that the one does what the other does. Each subtest
// calls open for a world of its own.
func Conformance(t *testing.T, open func(*testing.T) World) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, World)
	}{
		{"addresses come, carry the mark, and go", addressesComeAndGo},
		{"an address that is there is not taken", addressesAreNotTaken},
		{"secondaries go with their primary", secondariesGo},
		{"promoted secondaries stay", secondariesStay},
		{"a primary removed alone", removedAlone},
		{"an interface that is not there", noInterface},
		{"changes are told", changesAreTold},
		{"routes", routesComeAndGo},
		{"rules", rulesComeAndGo},
		{"filters", filtersComeAndGo},
		{"a flushed ruleset", flushedRuleset},
		{"virtual MAC interfaces", vmacsComeAndGo},
		{"announcements", announcements},
		{"frames", someFrames},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

const left = "left"

var ownAddress = netip.MustParsePrefix("10.0.0.1/24")

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for what the kernel does by itself.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 5 s: %s", what)
		}
	}
}

func addressesOf(t *testing.T, w World) link.Addresses {
	t.Helper()
	a, err := w.Addresses()
	check(t, err)
	t.Cleanup(func() { check(t, a.Close()) })
	return a
}

func vip(prefix string) conf.Address {
	a := conf.Address{Prefix: netip.MustParsePrefix(prefix), Device: left, PreferredLifetime: conf.Forever}
	return a
}

// on are the addresses of left, IPv4 only: the kernel makes link-local ones.
func on(t *testing.T, a link.Addresses) (list []link.HostAddress) {
	t.Helper()
	all, err := a.List()
	check(t, err)
	for _, h := range all {
		if h.Device == left && h.Prefix.Addr().Is4() {
			list = append(list, h)
		}
	}
	return list
}

func wantOn(t *testing.T, a link.Addresses, want ...link.HostAddress) {
	t.Helper()
	got := on(t, a)
	order := func(x, y link.HostAddress) int { return x.Prefix.Addr().Compare(y.Prefix.Addr()) }
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if !slices.Equal(got, want) {
		t.Errorf("%s has %+v, want %+v", left, got, want)
	}
}

// host is an address of left.
func host(prefix string, marked, secondary bool) link.HostAddress {
	return link.HostAddress{Device: left, Prefix: netip.MustParsePrefix(prefix), Marked: marked, Secondary: secondary}
}

var own = host("10.0.0.1/24", false, false)

func addressesComeAndGo(t *testing.T, w World) {
	a := addressesOf(t, w)
	wantOn(t, a, own)
	check(t, a.Add(vip("10.0.0.100/24")))
	check(t, a.Add(vip("10.0.0.101/32")))
	wantOn(t, a, own, host("10.0.0.100/24", true, true), host("10.0.0.101/32", true, false))
	check(t, a.Remove(left, netip.MustParsePrefix("10.0.0.100/24")))
	check(t, a.Remove(left, netip.MustParsePrefix("10.0.0.100/24")))
	check(t, a.Remove(left, netip.MustParsePrefix("10.0.0.101/32")))
	wantOn(t, a, own)
}

func addressesAreNotTaken(t *testing.T, w World) {
	a := addressesOf(t, w)
	if err := a.Add(vip("10.0.0.1/24")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Add of the host's own address: %v, want fs.ErrExist", err)
	}
	wantOn(t, a, own) // it does not carry the mark
	w.Put(left, "10.0.0.100/32")
	err := a.Mark(left, netip.MustParsePrefix("10.0.0.100/32"))
	if !errors.Is(err, errors.ErrUnsupported) {
		check(t, err)
	}
	wantOn(t, a, own, host("10.0.0.100/32", err == nil, false))
	if err := a.Mark(left, netip.MustParsePrefix("10.0.0.200/32")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Mark of nothing: %v, want fs.ErrNotExist", err)
	}
}

// networkRestarted is a host whose VIP was there before its own address.
func networkRestarted(t *testing.T, w World) link.Addresses {
	t.Helper()
	a := addressesOf(t, w)
	w.Take(left, "10.0.0.1/24")
	check(t, a.Add(vip("10.0.0.100/24")))
	w.Put(left, "10.0.0.1/24")
	w.Put(left, "10.0.0.2/24")
	w.Put(left, "10.1.0.1/24")
	wantOn(t, a, host("10.0.0.100/24", true, false), host("10.0.0.1/24", false, true),
		host("10.0.0.2/24", false, true), host("10.1.0.1/24", false, false))
	return a
}

func secondariesGo(t *testing.T, w World) {
	a := networkRestarted(t, w)
	list, err := a.List()
	check(t, err)
	primary := netip.MustParsePrefix("10.0.0.100/24")
	if with := link.Secondaries(list, left, primary); len(with) != 2 {
		t.Errorf("with %s go %+v, want the two others", primary, with)
	}
	for _, p := range []string{"10.0.0.1/24", "10.1.0.1/24", "10.0.0.99/24"} {
		if with := link.Secondaries(list, left, netip.MustParsePrefix(p)); len(with) != 0 {
			t.Errorf("with %s go %+v, want none", p, with)
		}
	}
	check(t, a.Remove(left, primary))
	wantOn(t, a, host("10.1.0.1/24", false, false))
}

func secondariesStay(t *testing.T, w World) {
	a := networkRestarted(t, w)
	r := routesOf(t, w)
	for _, was := range []bool{false, true} {
		if before, err := r.PromoteSecondaries(left, true); err != nil || before != was {
			t.Errorf("PromoteSecondaries: it was %v, %v, want %v", before, err, was)
		}
	}
	check(t, a.Remove(left, netip.MustParsePrefix("10.0.0.100/24")))
	wantOn(t, a, host("10.0.0.1/24", false, false), host("10.0.0.2/24", false, true), host("10.1.0.1/24", false, false))
}

func removedAlone(t *testing.T, w World) {
	a := networkRestarted(t, w)
	restored, err := a.RemoveAlone(left, netip.MustParsePrefix("10.0.0.100/24"))
	if err != nil || len(restored) != 2 {
		t.Errorf("RemoveAlone put back %v, %v, want the two others", restored, err)
	}
	wantOn(t, a, host("10.0.0.1/24", false, false), host("10.0.0.2/24", false, true), host("10.1.0.1/24", false, false))
	if restored, err = a.RemoveAlone(left, netip.MustParsePrefix("10.0.0.100/24")); err != nil || len(restored) != 0 {
		t.Errorf("once more: %v, %v", restored, err)
	}
}

func noInterface(t *testing.T, w World) {
	a := addressesOf(t, w)
	missing := vip("10.0.0.100/24")
	missing.Device = "missing"
	if err := a.Add(missing); err == nil {
		t.Error("an address was added to an interface that is not there")
	}
	check(t, a.Remove("missing", missing.Prefix))
	if _, err := routesOf(t, w).PromoteSecondaries("missing", true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("PromoteSecondaries: %v, want fs.ErrNotExist", err)
	}
}

func changesAreTold(t *testing.T, w World) {
	ctx, cancel := context.WithCancel(context.Background())
	events, err := w.Watch(ctx)
	check(t, err)
	wait := func(what string, is func(link.Event) bool) {
		t.Helper()
		for deadline := time.After(5 * time.Second); ; {
			select {
			case e := <-events:
				if is(e) {
					return
				}
			case <-deadline:
				t.Fatalf("not told within 5 s: %s", what)
			}
		}
	}
	wait("a snapshot with the host's address", func(e link.Event) bool {
		own := func(a link.InterfaceAddress) bool { return a.Prefix == ownAddress }
		return e.Kind == link.Snapshot && slices.ContainsFunc(e.Addresses, own)
	})
	w.Put(left, "10.0.0.7/24")
	wait("an address that came", func(e link.Event) bool {
		return e.Kind == link.AddressAdded && e.Address.Prefix.String() == "10.0.0.7/24" && e.Address.Secondary
	})
	w.Take(left, "10.0.0.1/24")
	gone := map[string]bool{}
	wait("two addresses that went", func(e link.Event) bool {
		if e.Kind == link.AddressRemoved {
			gone[e.Address.Prefix.String()] = true
		}
		return gone["10.0.0.1/24"] && gone["10.0.0.7/24"]
	})
	w.SetUp(left, false)
	wait("an interface that went down", func(e link.Event) bool {
		return e.Kind == link.InterfaceChanged && e.Interface.Name == left && !e.Interface.Up
	})
	cancel()
	for range events {
	}
}

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
