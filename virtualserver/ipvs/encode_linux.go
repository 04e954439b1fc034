package ipvs

import (
	"encoding/binary"
	"net"

	"github.com/lvs-director/director/virtualserver/table"
	"github.com/mdlayher/genetlink"
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

// encode makes the generic netlink message of an operation, header included.
func encode(op table.Op, version uint8) ([]byte, error) {
	attributes := netlink.NewAttributeEncoder()
	attributes.Nested(attrService, func(a *netlink.AttributeEncoder) error {
		encodeKey(a, op.Service)
		if op.Kind == table.NewService || op.Kind == table.SetService {
			encodeService(a, op.Service)
		}
		return nil
	})
	switch op.Kind {
	case table.NewDestination, table.SetDestination, table.DelDestination:
		attributes.Nested(attrDestination, func(a *netlink.AttributeEncoder) error {
			encodeDestination(a, op)
			return nil
		})
	}
	data, err := attributes.Encode()
	if err != nil {
		return nil, err
	}
	m := genetlink.Message{
		Header: genetlink.Header{Command: commands[op.Kind], Version: version},
		Data:   data,
	}
	return m.MarshalBinary()
}

func encodeKey(a *netlink.AttributeEncoder, s table.Service) {
	a.Uint16(svcFamily, family(table.Is6(s.Key)))
	if s.Key.FWMark != 0 {
		a.Uint32(svcFWMark, s.Key.FWMark)
		return
	}
	a.Uint16(svcProtocol, uint16(s.Key.Protocol))
	a.Bytes(svcAddress, s.Key.Address.AsSlice())
	a.Bytes(svcPort, binary.BigEndian.AppendUint16(nil, s.Key.Port))
}

func encodeService(a *netlink.AttributeEncoder, s table.Service) {
	a.String(svcScheduler, s.Scheduler)
	if s.Engine != "" {
		a.String(svcEngine, s.Engine)
	}
	// struct ip_vs_flags: the flags and which of them are meant.
	flags := binary.NativeEndian.AppendUint32(nil, s.Flags&table.FlagMask)
	a.Bytes(svcFlags, binary.NativeEndian.AppendUint32(flags, table.FlagMask))
	a.Uint32(svcTimeout, s.Timeout)
	if table.Is6(s.Key) {
		a.Uint32(svcNetmask, uint32(s.MaskBits))
	} else {
		a.Bytes(svcNetmask, net.CIDRMask(s.MaskBits, 32)) // in network byte order
	}
}

func encodeDestination(a *netlink.AttributeEncoder, op table.Op) {
	d := op.Destination
	a.Uint16(destFamily, family(d.Key.Address.Is6()))
	a.Bytes(destAddress, d.Key.Address.AsSlice())
	a.Bytes(destPort, binary.BigEndian.AppendUint16(nil, d.Key.Port))
	if op.Kind == table.DelDestination {
		return
	}
	a.Uint32(destForward, uint32(d.Forward))
	a.Uint32(destWeight, uint32(int32(d.Weight)))
	a.Uint32(destUpper, d.Upper)
	a.Uint32(destLower, d.Lower)
	if d.Forward == table.Tunnel {
		a.Uint8(destTunnelType, uint8(d.Tunnel.Type))
		a.Bytes(destTunnelPort, binary.BigEndian.AppendUint16(nil, d.Tunnel.Port))
		a.Uint16(destTunnelFlags, d.Tunnel.Flags)
	}
}
