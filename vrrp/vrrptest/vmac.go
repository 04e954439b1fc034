package vrrptest

import (
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/lvs-director/director/vrrp/link"
)

// virtual is what a host knows of its virtual MAC interfaces.
type virtual struct {
	made     map[string]link.VMAC
	settings map[string]int // "DEVICE NAME"
	// refuse is what making one fails with.
	refuse error
	next   int
}

// firstVMAC is the index of the first virtual MAC interface.
const firstVMAC = 1000

// VMACs implements link.Network.
func (h *Host) VMACs() (link.VMACs, error) { return vmacs{h}, nil }

// Frames implements link.Network.
func (h *Host) Frames() (link.Frames, error) { return frames{h}, nil }

// RefuseVMACs makes making virtual MAC interfaces fail with err until it is nil.
func (h *Host) RefuseVMACs(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.vmacs.refuse = err
}

// VMAC is the virtual MAC interface of a name; its Name is empty when there is none.
func (h *Host) VMAC(name string) link.VMAC {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.vmacs.made[name]
	v.Marked = false // they all are
	return v
}

// ForgetVMACMark is what an earlier version of director has left: a virtual MAC
// interface without the mark.
func (h *Host) ForgetVMACMark(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.vmacs.made[name]
	v.Marked = false
	h.vmacs.made[name] = v
}

// Setting is the value of an IPv4 setting of an interface.
func (h *Host) Setting(device, name string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.vmacs.settings[device+" "+name]
}

// SetSetting changes an IPv4 setting of an interface behind the engine's back.
func (h *Host) SetSetting(device, name string, value int) { _ = vmacs{h}.Set(device, name, value) }

// RemoveVMAC removes a virtual MAC interface behind the engine's back.
func (h *Host) RemoveVMAC(name string) { _ = vmacs{h}.Remove(name) }

type vmacs struct{ h *Host }

func (m vmacs) Find(want link.VMAC) (link.VMAC, error) {
	name := want.Name
	m.h.mu.Lock()
	defer m.h.mu.Unlock()
	if v, ok := m.h.vmacs.made[name]; ok {
		return v, nil
	}
	n := m.h.nic(name)
	if n == nil {
		return link.VMAC{}, fmt.Errorf("interface %s: %w", name, fs.ErrNotExist)
	}
	return link.VMAC{Name: name, MAC: link.HardwareAddress(n.HardwareAddr)}, nil
}

func (m vmacs) Marked() (list []link.VMAC, err error) {
	m.h.mu.Lock()
	defer m.h.mu.Unlock()
	for _, v := range m.h.vmacs.made {
		if v.Marked {
			v.Parent = ""
			list = append(list, v)
		}
	}
	return list, nil
}

func (m vmacs) Make(v link.VMAC) error {
	m.h.mu.Lock()
	defer m.h.mu.Unlock()
	parent := m.h.nic(v.Parent)
	switch {
	case m.h.vmacs.refuse != nil:
		return m.h.vmacs.refuse
	case parent == nil:
		return fmt.Errorf("interface %s: %w", v.Parent, fs.ErrNotExist)
	case m.h.nic(v.Name) != nil:
		return fmt.Errorf("interface %s: %w", v.Name, fs.ErrExist)
	}
	for _, other := range m.h.vmacs.made {
		if v.IPVLAN == "" && other.Parent == v.Parent && other.MAC == v.MAC {
			return fmt.Errorf("interface %s: %w (%s has the address)", v.Name, syscall.EADDRINUSE, other.Name)
		}
	}
	if m.h.vmacs.made == nil {
		m.h.vmacs.made = make(map[string]link.VMAC)
	}
	v.Marked = true
	m.h.vmacs.made[v.Name] = v
	m.h.setUnlocked(v.Name, "arp_ignore", 1)
	n := &nic{wire: parent.wire, Interface: link.Interface{
		Index: firstVMAC + m.h.vmacs.next, Name: v.Name, Up: parent.Up, HardwareAddr: net.HardwareAddr(v.MAC[:]),
	}}
	if v.IPVLAN != "" {
		n.HardwareAddr = parent.HardwareAddr
	}
	m.h.vmacs.next++
	m.h.ifaces = append(m.h.ifaces, n)
	m.h.tell(link.Event{Kind: link.InterfaceChanged, Interface: n.Interface})
	return nil
}

func (m vmacs) Prepare(v link.VMAC) error {
	m.h.mu.Lock()
	defer m.h.mu.Unlock()
	n, parent := m.h.nic(v.Name), m.h.nic(v.Parent)
	if n == nil || parent == nil {
		return fmt.Errorf("interface %s: %w", v.Name, fs.ErrNotExist)
	}
	m.h.setUnlocked(v.Name, "arp_ignore", 1)
	mac := net.HardwareAddr(v.MAC[:])
	other := v.IPVLAN == "" && !bytes.Equal(n.HardwareAddr, mac)
	if n.Up != parent.Up || n.NoARP || other {
		n.Up, n.NoARP = parent.Up, false
		if other {
			n.HardwareAddr = mac
			made := m.h.vmacs.made[v.Name]
			made.MAC = v.MAC
			m.h.vmacs.made[v.Name] = made
		}
		m.h.tell(link.Event{Kind: link.InterfaceChanged, Interface: n.Interface})
	}
	return nil
}

func (m vmacs) Remove(name string) error {
	m.h.mu.Lock()
	defer m.h.mu.Unlock()
	n := m.h.nic(name)
	if n == nil {
		return nil
	}
	delete(m.h.vmacs.made, name)
	delete(m.h.vmacs.settings, name+" arp_ignore")
	m.h.ifaces = slices.DeleteFunc(m.h.ifaces, func(x *nic) bool { return x == n })
	m.h.tell(link.Event{Kind: link.InterfaceGone, Interface: n.Interface})
	return nil
}

func (m vmacs) Beneath(string) (string, error) { return "", nil }

func (m vmacs) Setting(device, name string) (int, error) { return m.h.Setting(device, name), nil }

func (m vmacs) Set(device, name string, value int) error {
	m.h.mu.Lock()
	defer m.h.mu.Unlock()
	m.h.setUnlocked(device, name, value)
	return nil
}

// setUnlocked changes a setting; mu is held.
func (h *Host) setUnlocked(device, name string, value int) {
	if h.vmacs.settings == nil {
		h.vmacs.settings = make(map[string]int)
	}
	h.vmacs.settings[device+" "+name] = value
}

func (m vmacs) Drifted(v link.VMAC) ([]string, error) {
	if m.h.Setting(v.Name, "arp_ignore") != 1 {
		return []string{"net.ipv4.conf." + v.Name + ".arp_ignore"}, nil
	}
	return nil, nil
}

func (m vmacs) Close() error { return nil }

type frames struct{ h *Host }

func (f frames) Send(from link.Interface, packet []byte, to netip.Addr) error {
	f.h.mu.Lock()
	n := f.h.nic(from.Name)
	err := f.h.sendable(n)
	f.h.mu.Unlock()
	switch {
	case err != nil:
		return fmt.Errorf("sending from %s: %w", from.Name, err)
	case !to.IsMulticast() || len(packet) == 0:
		return fmt.Errorf("sending from %s: %w", from.Name, fs.ErrInvalid)
	}
	n.wire.send(f.h, n.Name, packet)
	return nil
}

func (f frames) Close() error { return nil }
