//go:build linux

package lab

import (
	"fmt"
	"os"
)

// powerOn gives the host a fresh kernel view (addresses, routes, IPVS table
// all empty) and replays its set-up.
func (h *Host) powerOn() error {
	ns, err := newNamespace()
	if err != nil {
		return err
	}
	h.ns = ns
	h.boots++
	if err := os.RemoveAll(h.RunDir()); err != nil {
		return err
	}
	if err := os.MkdirAll(h.RunDir(), 0o755); err != nil {
		return err
	}
	for _, step := range h.setup {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// powerOff ends the processes, the captures and the namespace of the host.
func (h *Host) powerOff() {
	if h.ns == nil {
		return
	}
	h.ns.killAll()
	for _, p := range h.processes {
		<-p.ended
	}
	if len(h.captures) > 0 {
		h.captures[len(h.captures)-1].settle()
	}
	h.endCaptures()
	for _, c := range h.cables {
		c.remove()
	}
	h.ns.close()
	h.ns = nil
}

// Crash loses the whole host: all cables lose their carrier and all processes
// end at the same moment, without a chance to send anything.
func (h *Host) Crash() {
	h.lab.t.Helper()
	h.ns.freezeAll() // no process may see the loss of carrier
	for _, c := range h.cables {
		h.lab.must(c.setPort(false), "crash host %s", h.Name)
	}
	h.powerOff()
}

// Boot switches a crashed host on again, with its configuration and without
// its programs.
func (h *Host) Boot() {
	h.lab.t.Helper()
	if h.ns != nil {
		h.lab.must(fmt.Errorf("it is on"), "boot host %s", h.Name)
	}
	h.lab.must(h.powerOn(), "boot host %s", h.Name)
}

// KillAll kills every process of the host. Its kernel goes on: its addresses
// still answer.
func (h *Host) KillAll() {
	h.ns.killAll()
}

// Unplug pulls an interface's cable out at the switch; Plug puts it back.
func (h *Host) Unplug(iface string) { h.lab.t.Helper(); h.setCarrier(iface, false) }

// Plug puts a cable back into the switch.
func (h *Host) Plug(iface string) { h.lab.t.Helper(); h.setCarrier(iface, true) }

func (h *Host) setCarrier(iface string, up bool) {
	h.lab.t.Helper()
	for _, c := range h.cables {
		if c.iface == iface {
			h.lab.must(c.setPort(up), "host %s: cable of %s", h.Name, iface)
			return
		}
	}
	h.lab.t.Fatalf("lab: host %s has no cable in %s", h.Name, iface)
}

// Isolate has the switch pass nothing between the ports that are isolated, while all of them keep their carrier;
// false undoes it.
func (h *Host) Isolate(iface string, yes bool) {
	h.lab.t.Helper()
	for _, c := range h.cables {
		if c.iface == iface {
			port, err := h.lab.fabric.net.LinkByName(c.port)
			h.lab.must(err, "host %s: port of %s", h.Name, iface)
			h.lab.must(h.lab.fabric.net.LinkSetIsolated(port, yes), "host %s: isolate the port of %s", h.Name, iface)
			return
		}
	}
	h.lab.t.Fatalf("lab: host %s has no cable in %s", h.Name, iface)
}

// LinkDown and LinkUp do what the operator's "ip link set" does.
func (h *Host) LinkDown(iface string) {
	h.lab.t.Helper()
	link, err := h.ns.net.LinkByName(iface)
	h.lab.must(err, "host %s: find %s", h.Name, iface)
	h.lab.must(h.ns.net.LinkSetDown(link), "host %s: set %s down", h.Name, iface)
}

// LinkUp undoes LinkDown. Routes through the interface are not brought back.
func (h *Host) LinkUp(iface string) {
	h.lab.t.Helper()
	link, err := h.ns.net.LinkByName(iface)
	h.lab.must(err, "host %s: find %s", h.Name, iface)
	h.lab.must(h.ns.net.LinkSetUp(link), "host %s: set %s up", h.Name, iface)
}
