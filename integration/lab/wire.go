//go:build linux

package lab

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Wire connects two hosts directly by an interface of the same name on each,
// without a bridge or a capture, so that a packet costs processor time only at
// its sender and its receiver. It is not restored after a crash of a host.
func (l *Lab) Wire(a, b *Host, iface, addressA, addressB string) {
	l.t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = iface
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: iface, PeerNamespace: netlink.NsFd(b.ns.handle)}
	l.must(a.ns.net.LinkAdd(pair), "wire %s from %s to %s", iface, a.Name, b.Name)
	for _, end := range []struct {
		host    *Host
		address string
	}{{a, addressA}, {b, addressB}} {
		l.must(end.host.raise(iface, end.address), "wire %s of %s", iface, end.host.Name)
	}
}

func (h *Host) raise(iface, address string) error {
	link, err := h.ns.net.LinkByName(iface)
	if err != nil {
		return err
	}
	addr, err := netlink.ParseAddr(address)
	if err != nil {
		return fmt.Errorf("address %s: %w", address, err)
	}
	if err := h.ns.net.AddrAdd(link, addr); err != nil {
		return err
	}
	return h.ns.net.LinkSetUp(link)
}

// Running reports whether an interface is up and has a carrier.
func (h *Host) Running(iface string) bool {
	h.lab.t.Helper()
	link, err := h.ns.net.LinkByName(iface)
	h.lab.must(err, "host %s: find %s", h.Name, iface)
	return link.Attrs().RawFlags&unix.IFF_RUNNING != 0
}
