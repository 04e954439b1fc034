//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
)

// Host is a machine of the lab. What Attach, Sysctl, Route and Address configure
// is persistent: Boot applies it again.
type Host struct {
	Name string

	lab       *Lab
	ns        *namespace // nil while the host is off
	dir       string
	cables    []cable
	setup     []func() error
	processes []*Process
	captures  []*Capture
	boots     int
}

// Host makes a host without cables and switches it on.
func (l *Lab) Host(name string) *Host {
	l.t.Helper()
	h := &Host{Name: name, lab: l, dir: filepath.Join(l.dir, name)}
	l.must(os.MkdirAll(h.dir, 0o755), "make host %s", name)
	l.must(h.powerOn(), "switch host %s on", name)
	l.hosts = append(l.hosts, h)
	return h
}

// Dir is the host's own folder for files; it survives a crash of the host.
func (h *Host) Dir() string { return h.dir }

// RunDir is the host's folder for files that a boot removes.
func (h *Host) RunDir() string { return filepath.Join(h.dir, "run") }

// WriteFile puts a file into the host's folder and returns its path. A reader
// sees the old or the new contents, never a part.
func (h *Host) WriteFile(name, contents string) string {
	h.lab.t.Helper()
	path := filepath.Join(h.dir, name)
	h.lab.must(os.MkdirAll(filepath.Dir(path), 0o755), "write %s on %s", name, h.Name)
	h.lab.must(os.WriteFile(path+".new", []byte(contents), 0o644), "write %s on %s", name, h.Name)
	h.lab.must(os.Rename(path+".new", path), "write %s on %s", name, h.Name)
	return path
}

// Attach lays a cable from a new interface to a network and gives it
// addresses ("192.0.2.1/24").
func (h *Host) Attach(network *Network, iface string, addresses ...string) {
	h.lab.t.Helper()
	c := h.lab.newCable(network, iface)
	h.cables = append(h.cables, c)
	h.configure(func() error {
		if err := c.plugIn(h.ns); err != nil {
			return err
		}
		return h.capture(iface)
	}, "attach %s", iface)
	for _, address := range addresses {
		h.Address(iface, address)
	}
}

// Address adds an address to an interface.
func (h *Host) Address(iface, address string) {
	h.lab.t.Helper()
	h.configure(func() error {
		link, err := h.ns.net.LinkByName(iface)
		if err != nil {
			return err
		}
		addr, err := netlink.ParseAddr(address)
		if err != nil {
			return err
		}
		return h.ns.net.AddrAdd(link, addr)
	}, "add %s to %s", address, iface)
}

// Route adds a route to a destination ("default" or a prefix) through a gateway.
func (h *Host) Route(destination, gateway string) {
	h.lab.t.Helper()
	h.configure(func() error {
		route := &netlink.Route{Gw: net.ParseIP(gateway)}
		if destination == "default" {
			destination = "0.0.0.0/0"
		}
		_, prefix, err := net.ParseCIDR(destination)
		if err != nil {
			return err
		}
		route.Dst = prefix
		return h.ns.net.RouteAdd(route)
	}, "route %s by %s", destination, gateway)
}

// Sysctl sets a kernel setting of the host by its dotted name.
func (h *Host) Sysctl(name, value string) {
	h.lab.t.Helper()
	h.configure(func() error {
		path := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
		return h.ns.do(func() error { return os.WriteFile(path, []byte(value), 0o644) })
	}, "set %s", name)
}

// configure runs a step of the host's set-up and records it for the next boot.
func (h *Host) configure(step func() error, format string, args ...any) {
	h.lab.t.Helper()
	described := func() error {
		if err := step(); err != nil {
			return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
		}
		return nil
	}
	h.setup = append(h.setup, described)
	h.lab.must(described(), "host %s", h.Name)
}

// Addresses lists the IPv4 and IPv6 addresses of an interface as they are now.
// A host that is off has none, and neither has an interface that is not there.
func (h *Host) Addresses(iface string) []netip.Prefix {
	h.lab.t.Helper()
	if h.ns == nil {
		return nil
	}
	link, err := h.ns.net.LinkByName(iface)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	h.lab.must(err, "host %s: find %s", h.Name, iface)
	list, err := h.ns.net.AddrList(link, netlink.FAMILY_ALL)
	for range 10 {
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			break // the kernel interrupts a dump if an address changes meanwhile: read again
		}
		list, err = h.ns.net.AddrList(link, netlink.FAMILY_ALL)
	}
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		err = nil // addresses keep changing: an interrupted dump has to do
	}
	h.lab.must(err, "host %s: list the addresses of %s", h.Name, iface)
	var prefixes []netip.Prefix
	for _, a := range list {
		if addr, ok := netip.AddrFromSlice(a.IP); ok {
			ones, _ := a.Mask.Size()
			prefixes = append(prefixes, netip.PrefixFrom(addr.Unmap(), ones))
		}
	}
	return prefixes
}

// HasAddress reports whether an interface carries the address, whatever its
// prefix length.
func (h *Host) HasAddress(iface, address string) bool {
	h.lab.t.Helper()
	wanted := netip.MustParseAddr(address)
	for _, p := range h.Addresses(iface) {
		if p.Addr() == wanted {
			return true
		}
	}
	return false
}

// On reports whether the host is switched on.
func (h *Host) On() bool { return h.ns != nil }

// Do runs f on a thread that lives in the host's network namespace: sockets
// that it opens are the host's.
func (h *Host) Do(f func() error) error { return h.ns.do(f) }
