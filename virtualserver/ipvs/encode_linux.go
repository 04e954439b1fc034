package ipvs

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/mdlayher/netlink"
)

// Commands of the generic netlink family IPVS (linux/ip_vs.h, IPVS_CMD_*).
const (
	cmdNewService     = 1
	cmdSetService     = 2
	cmdDelService     = 3
	cmdGetService     = 4
	cmdNewDestination = 5
	cmdSetDestination = 6
	cmdDelDestination = 7
	cmdGetDestination = 8
	cmdNewDaemon      = 9
	cmdDelDaemon      = 10
	cmdGetDaemon      = 11
	cmdSetConfig      = 12
	cmdGetConfig      = 13
	cmdFlush          = 17
)

// Attributes of a command (IPVS_CMD_ATTR_*).
const (
	attrService       = 1
	attrDestination   = 2
	attrDaemon        = 3
	attrTimeoutTCP    = 4
	attrTimeoutTCPFin = 5
	attrTimeoutUDP    = 6
)

// Attributes of a service (IPVS_SVC_ATTR_*).
const (
	svcFamily    = 1
	svcProtocol  = 2
	svcAddress   = 3
	svcPort      = 4
	svcFWMark    = 5
	svcScheduler = 6
	svcFlags     = 7
	svcTimeout   = 8
	svcNetmask   = 9
	svcStats     = 10
	svcEngine    = 11
	svcStats64   = 12
)

// Attributes of a destination (IPVS_DEST_ATTR_*).
const (
	destAddress     = 1
	destPort        = 2
	destForward     = 3
	destWeight      = 4
	destUpper       = 5
	destLower       = 6
	destActive      = 7
	destInactive    = 8
	destPersistent  = 9
	destStats       = 10
	destFamily      = 11
	destStats64     = 12
	destTunnelType  = 13
	destTunnelPort  = 14
	destTunnelFlags = 15
)

// forwardMask are the bits of destForward that are a forwarding method
// (IP_VS_CONN_F_FWD_MASK).
const forwardMask = 0x7

var commands = [...]uint8{
	table.NewService:     cmdNewService,
	table.SetService:     cmdSetService,
	table.DelService:     cmdDelService,
	table.NewDestination: cmdNewDestination,
	table.SetDestination: cmdSetDestination,
	table.DelDestination: cmdDelDestination,
}

// attributes are netlink attributes, one behind the other: each begins with its length and
// its number, two bytes each, and is filled up to four bytes. netlink.AttributeEncoder, which
// makes them as well, allocates some thirty times for each real server: that was more work than
// the kernel has with it.
type attributes []byte

// begin begins an attribute, which end ends, and returns where.
func (a *attributes) begin(kind uint16) int {
	start := len(*a)
	*a = binary.NativeEndian.AppendUint16(append(*a, 0, 0), kind)
	return start
}

func (a *attributes) end(start int) {
	binary.NativeEndian.PutUint16((*a)[start:], uint16(len(*a)-start))
	for len(*a)%4 != 0 {
		*a = append(*a, 0)
	}
}

func (a *attributes) bytes(kind uint16, data ...byte) {
	start := a.begin(kind)
	*a = append(*a, data...)
	a.end(start)
}

// text is a string with a zero behind it.
func (a *attributes) text(kind uint16, text string) {
	start := a.begin(kind)
	*a = append(append(*a, text...), 0)
	a.end(start)
}

func (a *attributes) uint16(kind, value uint16) {
	start := a.begin(kind)
	*a = binary.NativeEndian.AppendUint16(*a, value)
	a.end(start)
}

func (a *attributes) uint32(kind uint16, value uint32) {
	start := a.begin(kind)
	*a = binary.NativeEndian.AppendUint32(*a, value)
	a.end(start)
}

// port is in network byte order.
func (a *attributes) port(kind, value uint16) { a.bytes(kind, byte(value>>8), byte(value)) }

func (a *attributes) address(kind uint16, address netip.Addr) {
	if address.Is4() {
		four := address.As4()
		a.bytes(kind, four[:]...)
		return
	}
	sixteen := address.As16()
	a.bytes(kind, sixteen[:]...)
}

// appendOp appends the generic netlink message of an operation, header included. What is there
// has a length of whole four bytes.
func appendOp(b []byte, op table.Op, version uint8) []byte {
	a := attributes(append(b, commands[op.Kind], version, 0, 0))
	service := a.begin(attrService | netlink.Nested)
	a.key(op.Key())
	if op.Kind == table.NewService || op.Kind == table.SetService {
		a.service(op.Service)
	}
	a.end(service)
	switch op.Kind {
	case table.NewDestination, table.SetDestination, table.DelDestination:
		destination := a.begin(attrDestination | netlink.Nested)
		a.destination(op)
		a.end(destination)
	}
	return a
}

func (a *attributes) key(k conf.ServiceKey) {
	a.uint16(svcFamily, family(table.Is6(k)))
	if k.FWMark != 0 {
		a.uint32(svcFWMark, k.FWMark)
		return
	}
	a.uint16(svcProtocol, uint16(k.Protocol))
	a.address(svcAddress, k.Address)
	a.port(svcPort, k.Port)
}

func (a *attributes) service(s table.Service) {
	a.text(svcScheduler, s.Scheduler)
	if s.Engine != "" {
		a.text(svcEngine, s.Engine)
	}
	// struct ip_vs_flags: the flags and which of them are meant.
	flags := a.begin(svcFlags)
	*a = binary.NativeEndian.AppendUint32(*a, s.Flags&table.FlagMask)
	*a = binary.NativeEndian.AppendUint32(*a, table.FlagMask)
	a.end(flags)
	a.uint32(svcTimeout, s.Timeout)
	if table.Is6(s.Key) {
		a.uint32(svcNetmask, uint32(s.MaskBits))
	} else {
		a.bytes(svcNetmask, net.CIDRMask(s.MaskBits, 32)...) // in network byte order
	}
}

func (a *attributes) destination(op table.Op) {
	d := op.Destination
	a.uint16(destFamily, family(d.Key.Address.Is6()))
	a.address(destAddress, d.Key.Address)
	a.port(destPort, d.Key.Port)
	if op.Kind == table.DelDestination {
		return
	}
	a.uint32(destForward, uint32(d.Forward))
	a.uint32(destWeight, uint32(int32(d.Weight)))
	a.uint32(destUpper, d.Upper)
	a.uint32(destLower, d.Lower)
	if d.Forward == table.Tunnel {
		a.bytes(destTunnelType, uint8(d.Tunnel.Type))
		a.port(destTunnelPort, d.Tunnel.Port)
		a.uint16(destTunnelFlags, d.Tunnel.Flags)
	}
}
