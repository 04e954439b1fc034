package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// announcer keeps one packet socket per interface and protocol it has announced on.
type announcer struct {
	conns map[port]*packet.Conn
}

// port is an interface and what is sent there.
type port struct {
	index    int
	protocol ethernet.EtherType
}

// Announce implements Announcer.
func (a *announcer) Announce(from Interface, addr netip.Addr) error {
	return a.announce(from, addr, gratuitousARP)
}

// AnnounceReply implements Announcer.
func (a *announcer) AnnounceReply(from Interface, addr netip.Addr) error {
	return a.announce(from, addr, gratuitousReply)
}

func (a *announcer) announce(from Interface, addr netip.Addr, build func(net.HardwareAddr, netip.Addr) ([]byte, error)) error {
	if len(from.HardwareAddr) != 6 {
		// The loopback or a tunnel: there are no neighbours to tell.
		return nil
	}
	on, to := port{from.Index, ethernet.EtherTypeARP}, ethernet.Broadcast
	if addr.Is6() {
		on.protocol, to = ethernet.EtherTypeIPv6, allNodesAddr
		build = func(mac net.HardwareAddr, addr netip.Addr) ([]byte, error) {
			return neighborAdvertisement(mac, addr, forwards(from.Name))
		}
	}
	frame, err := build(from.HardwareAddr, addr)
	if err != nil {
		return fmt.Errorf("building an announcement of %s: %w", addr, err)
	}
	conn, err := a.conn(from, on)
	if err != nil {
		return err
	}
	if _, err := conn.WriteTo(frame, &packet.Addr{HardwareAddr: to}); err != nil {
		if errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV) {
			// The interface is gone; one with its index may come back.
			conn.Close()
			delete(a.conns, on)
		}
		return fmt.Errorf("announcing %s on %s: %w", addr, from.Name, err)
	}
	return nil
}

func (a *announcer) conn(on Interface, p port) (*packet.Conn, error) {
	if c, ok := a.conns[p]; ok {
		return c, nil
	}
	nothing, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{Val: 0}})
	if err != nil {
		return nil, fmt.Errorf("assembling a packet filter: %w", err)
	}
	// Without the filter the queue would fill with what the whole link says.
	c, err := packet.Listen(
		&net.Interface{Index: on.Index, Name: on.Name, HardwareAddr: on.HardwareAddr},
		packet.Raw, int(p.protocol), &packet.Config{Filter: nothing})
	if err != nil {
		return nil, fmt.Errorf("opening a packet socket on %s: %w", on.Name, withReason(err))
	}
	if a.conns == nil {
		a.conns = make(map[port]*packet.Conn)
	}
	a.conns[p] = c
	return c, nil
}

// Close implements Announcer.
func (a *announcer) Close() error {
	var errs []error
	for _, c := range a.conns {
		errs = append(errs, c.Close())
	}
	clear(a.conns)
	return errors.Join(errs...)
}

// gratuitousARP is a broadcast ARP request from and for addr, the form that
// RFC 9568 section 6.4.1 asks for and that keepalived sends.
func gratuitousARP(mac net.HardwareAddr, addr netip.Addr) ([]byte, error) {
	return broadcastARP(arp.OperationRequest, mac, ethernet.Broadcast, addr)
}

// gratuitousReply is its other form: a reply that tells everybody what nobody
// has asked. Its target is who it is about (RFC 5944 section 4.6).
func gratuitousReply(mac net.HardwareAddr, addr netip.Addr) ([]byte, error) {
	return broadcastARP(arp.OperationReply, mac, mac, addr)
}

func broadcastARP(op arp.Operation, mac, target net.HardwareAddr, addr netip.Addr) ([]byte, error) {
	p, err := arp.NewPacket(op, mac, addr, target, addr)
	if err != nil {
		return nil, err
	}
	body, err := p.MarshalBinary()
	if err != nil {
		return nil, err
	}
	f := ethernet.Frame{
		Destination: ethernet.Broadcast,
		Source:      mac,
		EtherType:   ethernet.EtherTypeARP,
		Payload:     body,
	}
	return f.MarshalBinary()
}
