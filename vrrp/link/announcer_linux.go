package link

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/ndp"
	"golang.org/x/sys/unix"
)

var (
	// allNodes is every IPv6 node on the link (RFC 4291 section 2.7.1), and
	// allNodesAddr its Ethernet address (RFC 2464 section 7).
	allNodes     = netip.IPv6LinkLocalAllNodes()
	allNodesAddr = HardwareAddress{0x33, 0x33, 0, 0, 0, 1}
	broadcastMAC = HardwareAddress{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

// announcer sends by one packet socket, which the first announcement opens.
type announcer struct{ socket *packetSocket }

// Announcer implements Network.
func (*Kernel) Announcer() Announcer { return &announcer{} }

// Announce implements Announcer.
func (a *announcer) Announce(from Interface, addr netip.Addr) error {
	if addr.Is6() {
		return a.announce(from, addr, allNodesAddr, unix.ETH_P_IPV6, neighborAdvertisement)
	}
	return a.announce(from, addr, broadcastMAC, unix.ETH_P_ARP, gratuitousARP)
}

// AnnounceReply implements Announcer.
func (a *announcer) AnnounceReply(from Interface, addr netip.Addr) error {
	if addr.Is6() {
		return a.Announce(from, addr)
	}
	return a.announce(from, addr, broadcastMAC, unix.ETH_P_ARP, gratuitousReply)
}

func (a *announcer) announce(from Interface, addr netip.Addr, to HardwareAddress, etherType uint16,
	build func(Interface, netip.Addr) ([]byte, error)) error {
	if len(from.HardwareAddr) != len(to) {
		// The loopback or a tunnel: there are no neighbours to tell.
		return nil
	}
	message, err := build(from, addr)
	if err != nil {
		return fmt.Errorf("building an announcement of %s: %w", addr, err)
	}
	if a.socket == nil {
		if a.socket, err = openPacketSocket(); err != nil {
			return fmt.Errorf("announcing %s on %s: %w", addr, from.Name, err)
		}
	}
	if err := a.socket.send(from, to, etherType, message); err != nil {
		return fmt.Errorf("announcing %s on %s: %w", addr, from.Name, withReason(err))
	}
	return nil
}

// Close implements Announcer.
func (a *announcer) Close() error {
	if a.socket == nil {
		return nil
	}
	err := a.socket.close()
	a.socket = nil
	return err
}

// gratuitousARP is a broadcast ARP request from and for addr, the form that
// RFC 9568 section 6.4.1 asks for and that keepalived sends.
func gratuitousARP(from Interface, addr netip.Addr) ([]byte, error) {
	return marshalARP(arp.OperationRequest, from.HardwareAddr, ethernet.Broadcast, addr)
}

// gratuitousReply is its other form: a reply that tells everybody what nobody
// has asked. Its target is who it is about (RFC 5944 section 4.6).
func gratuitousReply(from Interface, addr netip.Addr) ([]byte, error) {
	return marshalARP(arp.OperationReply, from.HardwareAddr, from.HardwareAddr, addr)
}

func marshalARP(op arp.Operation, mac, target net.HardwareAddr, addr netip.Addr) ([]byte, error) {
	p, err := arp.NewPacket(op, mac, addr, target, addr)
	if err != nil {
		return nil, err
	}
	return p.MarshalBinary()
}

// neighborAdvertisement is an unsolicited one from and for addr that replaces
// what neighbours have cached (RFC 4861 section 7.2.6, RFC 9568 section 6.4.1).
// It is built with its headers: the kernel would refuse as a source what is
// not on the interface yet, or any more.
func neighborAdvertisement(from Interface, addr netip.Addr) ([]byte, error) {
	message, err := ndp.MarshalMessageChecksum(&ndp.NeighborAdvertisement{
		Router: forwards(from.Name), Override: true, TargetAddress: addr,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: from.HardwareAddr}},
	}, addr, allNodes)
	if err != nil {
		return nil, err
	}
	const protocolICMPv6, hopLimit = 58, 255
	source, destination := addr.As16(), allNodes.As16()
	packet := make([]byte, headerSize6, headerSize6+len(message))
	packet[0] = 6 << 4
	binary.BigEndian.PutUint16(packet[4:], uint16(len(message)))
	packet[6], packet[7] = protocolICMPv6, hopLimit
	copy(packet[8:], source[:])
	copy(packet[24:], destination[:])
	return append(packet, message...), nil
}

// forwards says whether an interface is a router's at this moment, as the
// kernel says in its own neighbour advertisements.
func forwards(name string) bool {
	text, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + name + "/forwarding")
	return err == nil && len(text) > 0 && text[0] != '0'
}
