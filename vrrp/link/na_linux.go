package link

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"

	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/ndp"
)

var (
	// allNodes is every IPv6 node on the link (RFC 4291 section 2.7.1), and
	// allNodesAddr its Ethernet address (RFC 2464 section 7).
	allNodes     = netip.IPv6LinkLocalAllNodes()
	allNodesAddr = net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}
)

// neighborAdvertisement is an unsolicited one from and for addr that replaces
// what neighbours have cached (RFC 4861 section 7.2.6, RFC 9568 section 6.4.1).
// It is built with its headers: the kernel would refuse as a source what is
// not on the interface yet, or any more.
func neighborAdvertisement(mac net.HardwareAddr, addr netip.Addr, router bool) ([]byte, error) {
	message, err := ndp.MarshalMessageChecksum(&ndp.NeighborAdvertisement{
		Router: router, Override: true, TargetAddress: addr,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: mac}},
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
	f := ethernet.Frame{
		Destination: allNodesAddr,
		Source:      mac,
		EtherType:   ethernet.EtherTypeIPv6,
		Payload:     append(packet, message...),
	}
	return f.MarshalBinary()
}

// forwards says whether an interface is a router's at this moment, as the
// kernel says in its own neighbour advertisements.
func forwards(name string) bool {
	text, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + name + "/forwarding")
	return err == nil && len(text) > 0 && text[0] != '0'
}
