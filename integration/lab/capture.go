//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
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

// Capture keeps the packets of one interface: all of them in a pcap file, and
// those that are neither TCP nor UDP (VRRP, ARP, ICMP) in memory too.
type Capture struct {
	Iface string
	Path  string

	socket *os.File
	done   chan struct{}

	mu      sync.Mutex
	file    *pcapWriter
	control []Packet
}

const (
	snapLength       = 1600
	receiveBuffer    = 4 << 20
	maxControlFrames = 200000
)

// capture starts keeping the packets of an interface.
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
	if err := h.ns.do(func() error { return c.open(link.Attrs().Index) }); err != nil {
		return fmt.Errorf("capture on %s: %w", iface, err)
	}
	h.captures = append(h.captures, c)
	go c.run()
	return nil
}

func (c *Capture) open(ifindex int) error {
	all := htons(unix.ETH_P_ALL)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c.socket = os.NewFile(uintptr(fd), "capture")
	return errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: ifindex}),
	)
}

// run reads frames until the socket is closed.
func (c *Capture) run() {
	defer close(c.done)
	conn, err := c.socket.SyscallConn()
	if err != nil {
		return
	}
	frame, oob := make([]byte, snapLength), make([]byte, 128)
	for {
		var n, oobn int
		var from unix.Sockaddr
		var recvErr error
		err := conn.Read(func(fd uintptr) bool {
			n, oobn, _, from, recvErr = unix.Recvmsg(int(fd), frame, oob, unix.MSG_TRUNC)
			return recvErr != unix.EAGAIN
		})
		switch {
		case err != nil:
			return
		case recvErr != nil:
			continue // such as ENETDOWN while the interface is down
		}
		packet := Packet{Time: kernelTime(oob[:oobn])}
		if ll, ok := from.(*unix.SockaddrLinklayer); ok {
			packet.Outgoing = ll.Pkttype == unix.PACKET_OUTGOING
		}
		c.keep(packet, frame[:min(n, snapLength)], n)
	}
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

// isTraffic tells the clients' TCP and UDP from what directors say.
func isTraffic(frame []byte) bool {
	const etherHeader, protocolAt = 14, 14 + 9
	return len(frame) > protocolAt && frame[12] == 0x08 && frame[13] == 0x00 &&
		(frame[protocolAt] == unix.IPPROTO_TCP || frame[protocolAt] == unix.IPPROTO_UDP) && frame[etherHeader]>>4 == 4
}

// kernelTime reads the time stamp that came with a packet.
func kernelTime(oob []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err == nil {
		for _, m := range messages {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
				sec := int64(nativeEndian.Uint64(m.Data))
				nsec := int64(nativeEndian.Uint64(m.Data[8:]))
				return time.Unix(sec, nsec)
			}
		}
	}
	return time.Now()
}

// Packets returns what is in memory from the given time on.
func (c *Capture) Packets(since time.Time) []Packet {
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
	c.mu.Lock()
	defer c.mu.Unlock()
	c.file.flush()
}

func (c *Capture) end() {
	c.socket.Close()
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

// endCaptures ends those of a host that is being switched off; their files
// and what is in memory remain.
func (h *Host) endCaptures() {
	for _, c := range h.captures {
		select {
		case <-c.done:
		default:
			c.end()
		}
	}
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

// HardwareAddr is the address of an interface's cable.
func (h *Host) HardwareAddr(iface string) net.HardwareAddr {
	for _, c := range h.cables {
		if c.iface == iface {
			return c.mac
		}
	}
	return nil
}
