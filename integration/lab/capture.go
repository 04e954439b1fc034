//go:build linux

package lab

import (
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Packet is one frame that passed a host's interface.
type Packet struct {
	Time     time.Time // by the kernel
	Outgoing bool
	Frame    []byte // Ethernet, at most snapLength bytes
}

// Capture records the packets of one interface: every captured packet in a pcap
// file, and those that are neither TCP nor UDP (VRRP, ARP, ICMP) in memory too.
type Capture struct {
	Iface string
	Path  string

	ring *ring
	done chan struct{}

	mu      sync.Mutex
	file    *pcapWriter
	control []Packet
}

const (
	snapLength       = 1600
	maxControlFrames = 200000
)

// capture starts recording the packets of an interface.
func (h *Host) capture(iface string) error {
	path := filepath.Join(h.dir, fmt.Sprintf("%s.%d.pcap", iface, h.boots))
	file, err := newPcapWriter(path)
	if err != nil {
		return err
	}
	c := &Capture{Iface: iface, Path: path, file: file, done: make(chan struct{})}
	link, err := h.ns.net.LinkByName(iface)
	if err != nil {
		return err
	}
	err = h.ns.do(func() (err error) {
		c.ring, err = openRing(link.Attrs().Index)
		return err
	})
	if err != nil {
		return fmt.Errorf("capture on %s: %w", iface, err)
	}
	h.captures = append(h.captures, c)
	go func() {
		defer close(c.done)
		c.ring.run(c.keep)
	}()
	return nil
}

func (c *Capture) keep(p Packet, frame []byte, length int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.file.write(p.Time, frame, length)
	if isTraffic(frame) || len(c.control) >= maxControlFrames {
		return
	}
	p.Frame = append([]byte(nil), frame...)
	c.control = append(c.control, p)
}

// isTraffic reports whether a frame is the clients' TCP or UDP.
func isTraffic(frame []byte) bool {
	const etherHeader, protocolAt = 14, 14 + 9
	return len(frame) > protocolAt && frame[12] == 0x08 && frame[13] == 0x00 &&
		(frame[protocolAt] == unix.IPPROTO_TCP || frame[protocolAt] == unix.IPPROTO_UDP) && frame[etherHeader]>>4 == 4
}

// settle waits until every packet that has passed the interface is recorded.
func (c *Capture) settle() {
	select {
	case <-c.done:
	case <-time.After(2 * ringDelay):
	}
}

// Packets returns what is in memory from the given time on.
func (c *Capture) Packets(since time.Time) []Packet {
	c.settle()
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Packet
	for _, p := range c.control {
		if !p.Time.Before(since) {
			out = append(out, p)
		}
	}
	return out
}

// Flush makes the pcap file complete up to now.
func (c *Capture) Flush() {
	c.settle()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.file.flush()
}

func (c *Capture) end() {
	c.ring.socket.Close()
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	c.file.close()
}

// Capture returns the capture of an interface since the host's last boot.
func (h *Host) Capture(iface string) *Capture {
	h.lab.t.Helper()
	for i := len(h.captures) - 1; i >= 0; i-- {
		if h.captures[i].Iface == iface {
			return h.captures[i]
		}
	}
	h.lab.t.Fatalf("lab: host %s has no interface %s", h.Name, iface)
	return nil
}

// endCaptures ends the captures of a host that is being switched off. Their
// files and the packets in memory remain.
func (h *Host) endCaptures() {
	for _, c := range h.captures {
		select {
		case <-c.done:
		default:
			c.end()
		}
	}
}

// HardwareAddr is the hardware address of an interface.
func (h *Host) HardwareAddr(iface string) net.HardwareAddr {
	for _, c := range h.cables {
		if c.iface == iface {
			return c.mac
		}
	}
	return nil
}
