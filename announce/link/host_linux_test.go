package link_test

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/announce/link"
)

var (
	vip  = netip.MustParseAddr("203.0.113.100")
	vip6 = netip.MustParseAddr("2001:db8:5::100")
	vips = []netip.Addr{vip, vip6}
)

func open(t *testing.T) *link.Host {
	t.Helper()
	h, err := link.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	lo, err := netlink.LinkByName("lo")
	must(t, err)
	must(t, netlink.LinkSetUp(lo))
	return h
}

// device makes an interface that director might have made. Any kind does, and not every kernel of a developer has
// dummy interfaces; see TestDummy.
func device(t *testing.T, name, alias string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	l := &netlink.Bridge{LinkAttrs: attrs}
	must(t, netlink.LinkAdd(l))
	t.Cleanup(func() { _ = netlink.LinkDel(l) })
	if alias != "" {
		must(t, netlink.LinkSetAlias(l, alias))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestOwn: an interface of ours is adopted, set up and marked again; somebody else's is refused.
func TestOwn(t *testing.T) {
	h := open(t)
	device(t, "announce0", link.AliasMark)
	device(t, "eth9", "uplink")
	made, err := h.Own("announce0")
	if err != nil || !made { // it was down
		t.Fatalf("made %v, %v", made, err)
	}
	if made, err = h.Own("announce0"); err != nil || made {
		t.Errorf("made %v, %v", made, err)
	}
	if _, err := h.Own("eth9"); !errors.Is(err, link.ErrForeign) {
		t.Errorf("somebody else's: %v", err)
	}
	l, err := netlink.LinkByName("announce0")
	must(t, err)
	must(t, netlink.LinkSetAlias(l, "changed"))
	if made, err = h.Own("announce0"); err != nil || !made {
		t.Errorf("the alias of ours was changed: made %v, %v", made, err)
	}
	if list, err := h.Ours(); err != nil || !slices.Equal(list, []string{"announce0"}) {
		t.Errorf("ours: %v, %v", list, err)
	}

	// Another director has none of it.
	other := open(t)
	if _, err := other.Own("announce0"); !errors.Is(err, link.ErrForeign) {
		t.Errorf("another director's: %v", err)
	}
	if list, err := other.Ours(); err != nil || len(list) > 0 {
		t.Errorf("another director's are %v, %v", list, err)
	}
	must(t, h.Discard("eth9"))
	must(t, h.Discard("absent"))
	must(t, h.Discard("announce0"))
	if links, err := h.Links(); err != nil || len(links) < 2 || links["announce0"] {
		t.Errorf("%v, %v", links, err)
	} else if _, there := links["eth9"]; !there {
		t.Error("somebody else's interface was removed")
	}
	if _, err := other.Own("announce0"); err == nil || errors.Is(err, link.ErrForeign) {
		if err != nil {
			t.Errorf("it is free: %v", err)
		}
	}
}

// TestAddresses: they are refreshed, expire, and are removed.
func TestAddresses(t *testing.T) {
	h := open(t)
	device(t, "announce1", link.AliasMark)
	_, err := h.Own("announce1")
	must(t, err)
	has := func() (list []netip.Addr) {
		t.Helper()
		present, err := h.Addresses("announce1")
		must(t, err)
		for _, p := range present {
			if list = append(list, p.Addr); !p.Marked {
				t.Errorf("%s carries no mark", p.Addr)
			}
			if p.Left > 2*time.Second || p.Left == 0 {
				t.Errorf("%s has %v left", p.Addr, p.Left)
			}
		}
		slices.SortFunc(list, netip.Addr.Compare)
		return list
	}
	put := func() {
		t.Helper()
		for _, a := range vips {
			must(t, h.Put("announce1", a, 2*time.Second))
		}
	}
	for began := time.Now(); time.Since(began) < 4*time.Second; time.Sleep(250 * time.Millisecond) {
		put()
		if got := has(); !slices.Equal(got, vips) {
			t.Fatalf("after %v there are %v", time.Since(began), got)
		}
	}
	last := time.Now()
	for len(has()) > 0 {
		if time.Since(last) > 10*time.Second {
			t.Fatal("they do not expire")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if took := time.Since(last); took < 1500*time.Millisecond {
		t.Errorf("they have expired after %v", took)
	}
	put()
	must(t, h.Remove("announce1", vip))
	must(t, h.Remove("announce1", vip))
	if got := has(); !slices.Equal(got, []netip.Addr{vip6}) {
		t.Errorf("there are %v", got)
	}
	must(t, h.Put("announce1", vip6, 0))
	if p, err := h.Addresses("announce1"); err != nil || len(p) != 1 || p[0].Left != 0 {
		t.Errorf("without a lifetime: %v, %v", p, err)
	}
	must(t, h.Remove("absent", vip))
	if p, err := h.Addresses("absent"); err != nil || len(p) > 0 {
		t.Errorf("%v, %v", p, err)
	}
}

// TestRoutes: packets to an address come in whether it is there or not, and the kernel's own route stays untouched.
func TestRoutes(t *testing.T) {
	h := open(t)
	device(t, "announce2", link.AliasMark)
	_, err := h.Own("announce2")
	must(t, err)
	routes := func(a netip.Addr) (kernels, ours int) {
		t.Helper()
		family := unix.AF_INET
		if a.Is6() {
			family = unix.AF_INET6
		}
		list, err := netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_LOCAL}, netlink.RT_FILTER_TABLE)
		must(t, err)
		for _, r := range list {
			switch {
			case r.Dst == nil || r.Dst.IP.String() != a.String():
			case r.Protocol == link.Mark:
				ours++
			default:
				kernels++
			}
		}
		return kernels, ours
	}
	want := func(what string, kernels, ours int) {
		t.Helper()
		for _, a := range vips {
			k, o := routes(a)
			for began := time.Now(); k != kernels && time.Since(began) < 10*time.Second; k, o = routes(a) {
				time.Sleep(5 * time.Millisecond) // of IPv6 the kernel makes its own a little later
			}
			if k != kernels || o != ours {
				t.Errorf("%s: %s has %d routes of the kernel's and %d of ours, want %d and %d", what, a, k, o, kernels, ours)
			}
		}
	}
	each := func(do func(netip.Addr) error) {
		t.Helper()
		for _, a := range vips {
			must(t, do(a))
		}
	}
	put := func(a netip.Addr) error { return h.Put("announce2", a, time.Minute) }
	each(h.AddRoute)
	each(h.AddRoute)
	want("fed", 0, 1)
	each(put)
	want("announced", 1, 1)
	each(h.RemoveRoute)
	each(h.RemoveRoute)
	want("not fed", 1, 0)
	each(h.AddRoute)
	want("fed after it was announced", 1, 1)
	each(func(a netip.Addr) error { return h.Remove("announce2", a) })
	want("withdrawn", 0, 1)
	list, err := h.Routes()
	slices.SortFunc(list, netip.Addr.Compare)
	if err != nil || !slices.Equal(list, vips) {
		t.Errorf("ours: %v, %v", list, err)
	}
	each(h.RemoveRoute)
	want("nothing is left", 0, 0)
}

// TestOnlink: an interface with a network that the address is in, and its settings.
func TestOnlink(t *testing.T) {
	h := open(t)
	device(t, "lan0", "")
	device(t, "announce3", link.AliasMark)
	for name, text := range map[string]string{"lan0": "203.0.113.2/24", "announce3": "203.0.113.3/24"} {
		l, err := netlink.LinkByName(name)
		must(t, err)
		a, err := netlink.ParseAddr(text)
		must(t, err)
		must(t, netlink.AddrAdd(l, a))
	}
	if list, err := h.Onlink(vip); err != nil || !slices.Equal(list, []string{"lan0"}) {
		t.Errorf("%v, %v", list, err)
	}
	if list, err := h.Onlink(netip.MustParseAddr("192.0.2.1")); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
	must(t, h.Set("lan0", "arp_ignore", 1))
	if v, err := h.Setting("lan0", "arp_ignore"); err != nil || v != 1 {
		t.Errorf("arp_ignore is %d, %v", v, err)
	}
	if _, err := h.Setting("absent", "arp_ignore"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an interface that is not there: %v", err)
	}
}

// TestWatch: changes of interfaces are told.
func TestWatch(t *testing.T) {
	h := open(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	changed, err := h.Watch(ctx)
	must(t, err)
	device(t, "lan1", "")
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was told")
	}
}

// TestDummy: the interface that director makes.
func TestDummy(t *testing.T) {
	h := open(t)
	made, err := h.Own("announce9")
	if errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("this kernel has no dummy interfaces:", err)
	}
	if err != nil || !made {
		t.Fatalf("made %v, %v", made, err)
	}
	l, err := netlink.LinkByName("announce9")
	must(t, err)
	if l.Type() != "dummy" || l.Attrs().Alias != link.AliasMark || l.Attrs().RawFlags&unix.IFF_UP == 0 {
		t.Errorf("%s %+v", l.Type(), l.Attrs())
	}
	for _, a := range vips {
		must(t, h.Put("announce9", a, 3*time.Second))
	}
	addrs, err := netlink.AddrList(l, unix.AF_UNSPEC)
	must(t, err)
	for _, a := range addrs {
		if a.IP.IsLinkLocalUnicast() {
			t.Errorf("a routing daemon sees %s", a.IP)
		}
		if a.Flags&unix.IFA_F_TENTATIVE != 0 {
			t.Errorf("%s waits for duplicate address detection", a.IP)
		}
	}
	if len(addrs) != 2 {
		t.Errorf("there are %v", addrs)
	}
	must(t, h.Discard("announce9"))
	if _, err := netlink.LinkByName("announce9"); !errors.As(err, &netlink.LinkNotFoundError{}) {
		t.Errorf("it is there still: %v", err)
	}
}
