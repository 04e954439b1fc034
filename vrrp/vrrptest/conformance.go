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
