package link_test

import (
	"bytes"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/google/nftables"
	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

func TestFake(t *testing.T) {
	vrrptest.Conformance(t, func(*testing.T) vrrptest.World {
		h := new(vrrptest.Host)
		h.Plug(1, "left", &vrrptest.Wire{}, "10.0.0.1/24")
		return h
	})
}

func TestKernel(t *testing.T) {
	vrrptest.Conformance(t, func(t *testing.T) vrrptest.World {
		_, right := wire(t)
		w := &world{Kernel: kernel(t), t: t, heard: make(map[netip.Addr]bool)}
		_, err := kernelFilter(t).ListTables()
		check(t, err)
		w.listen(right.Name)
		return w
	})
}

// world is the kernel of the tests' namespace, changed by other programs' ways.
type world struct {
	*link.Kernel
	t *testing.T

	mu    sync.Mutex
	heard map[netip.Addr]bool
}

func kernelFilter(t *testing.T) *nftables.Conn {
	t.Helper()
	c, err := nftables.New()
	check(t, err)
	return c
}

func (w *world) device(name string) netlink.Link {
	w.t.Helper()
	dev, err := netlink.LinkByName(name)
	check(w.t, err)
	return dev
}

func (w *world) Put(device, prefix string) {
	w.t.Helper()
	addr, err := netlink.ParseAddr(prefix)
	check(w.t, err)
	check(w.t, netlink.AddrAdd(w.device(device), addr))
}

func (w *world) Take(device, prefix string) {
	w.t.Helper()
	addr, err := netlink.ParseAddr(prefix)
	check(w.t, err)
	check(w.t, netlink.AddrDel(w.device(device), addr))
}

func (w *world) SetUp(device string, up bool) {
	w.t.Helper()
	if up {
		check(w.t, netlink.LinkSetUp(w.device(device)))
	} else {
		check(w.t, netlink.LinkSetDown(w.device(device)))
	}
}

func (w *world) FlushRuleset() {
	w.t.Helper()
	c := kernelFilter(w.t)
	c.FlushRuleset()
	check(w.t, c.Flush())
}

func (w *world) Heard(addr netip.Addr) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heard[addr]
}

// listen hears the announcements of the addresses that Conformance uses.
func (w *world) listen(device string) {
	w.t.Helper()
	ifi, err := net.InterfaceByName(device)
	check(w.t, err)
	tap, err := packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, nil)
	check(w.t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for frame := make([]byte, 2048); ; {
			n, _, err := tap.ReadFrom(frame)
			if err != nil {
				return
			}
			for _, a := range []string{"10.0.0.100", "10.0.0.101", "10.0.0.102", "2001:db8::100"} {
				if addr := netip.MustParseAddr(a); bytes.Contains(frame[:n], addr.AsSlice()) {
					w.mu.Lock()
					w.heard[addr] = true
					w.mu.Unlock()
				}
			}
		}
	}()
	w.t.Cleanup(func() {
		check(w.t, tap.Close())
		<-done
	})
}
