package ipvs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// errInterrupted says that the table changed while it was listed.
var errInterrupted = errors.New("the table changed while it was read")

// reader lists the table. Its connection is opened when it is needed and thrown away
// after any error: answers may be left in it.
type reader struct {
	family  uint16
	version uint8
	conn    *netlink.Conn
	guard   guard
	// plainTunnels says that the kernel has listed a real server without the type of its
	// tunnel: it knows IPIP only (before Linux 5.2).
	plainTunnels bool
}

func (r *reader) close() {
	if r.conn != nil {
		conn := r.conn
		r.guard.close(func() { conn.Close() })
		r.conn = nil
	}
}

// list asks for a dump and returns the attributes of each message.
func (r *reader) list(command uint8, request []byte) ([][]byte, error) {
	return r.ask(command, netlink.Request|netlink.Dump, request)
}

// ask sends one request and returns the attributes of each answer.
func (r *reader) ask(command uint8, flags netlink.HeaderFlags, request []byte) ([][]byte, error) {
	if r.conn == nil {
		conn, err := netlink.Dial(genetlink.Protocol, nil)
		if err != nil {
			return nil, fmt.Errorf("open a netlink socket: %w", err)
		}
		r.conn = conn
	}
	header := genetlink.Message{Header: genetlink.Header{Command: command, Version: r.version}, Data: request}
	data, err := header.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	message := netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(r.family), Flags: flags}, Data: data,
	}
	var answers [][]byte
	conn := r.conn
	if stuck := r.guard.do(func() { answers, err = exchangeOne(conn, message) }); stuck != nil {
		r.close()
		return nil, stuck
	}
	if err != nil {
		r.close()
	}
	return answers, err
}

func exchangeOne(conn *netlink.Conn, m netlink.Message) ([][]byte, error) {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	sent, err := conn.Send(m)
	if err != nil {
		return nil, err
	}
	replies, err := conn.Receive()
	if op := new(netlink.OpError); errors.As(err, &op) {
		if op.Timeout() {
			return nil, ErrNoAnswer
		}
		return nil, op.Err
	}
	if err != nil {
		return nil, err
	}
	answers := make([][]byte, 0, len(replies))
	for _, reply := range replies {
		if reply.Header.Sequence != sent.Header.Sequence {
			return nil, fmt.Errorf("the kernel answered request %d rather than %d", reply.Header.Sequence,
				sent.Header.Sequence)
		}
		if reply.Header.Flags&netlink.DumpInterrupted != 0 {
			return nil, errInterrupted
		}
		if len(reply.Data) > genlHeaderLen {
			answers = append(answers, reply.Data[genlHeaderLen:])
		}
	}
	return answers, nil
}

// genlHeaderLen is the length of struct genlmsghdr.
const genlHeaderLen = 4

// listedService and listedDestination are what the kernel lists. typed says that it knows
// types of tunnels.
type (
	listedService struct {
		table.Service
		counters counters
	}
	listedDestination struct {
		table.Destination
		counters counters
		typed    bool
	}
)

func (r *reader) services() ([]listedService, error) {
	list, err := r.list(cmdGetService, nil)
	if err != nil {
		return nil, err
	}
	services := make([]listedService, 0, len(list))
	for _, data := range list {
		err := nested(data, attrService, func(a *decoder) error {
			s, err := decodeService(a)
			services = append(services, s)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return services, nil
}

func (r *reader) destinations(key conf.ServiceKey) ([]listedDestination, error) {
	var request attributes
	service := request.begin(attrService | netlink.Nested)
	request.key(key)
	request.end(service)
	list, err := r.list(cmdGetDestination, request)
	if err != nil {
		return nil, err
	}
	destinations := make([]listedDestination, 0, len(list))
	for _, data := range list {
		err := nested(data, attrDestination, func(a *decoder) error {
			d, err := decodeDestination(a, table.Is6(key))
			r.plainTunnels = r.plainTunnels || !d.typed && err == nil
			destinations = append(destinations, d)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return destinations, nil
}

func decodeService(a *decoder) (listedService, error) {
	var s listedService
	var six bool
	var address, mask []byte
	for a.Next() {
		switch a.Type() {
		case svcFamily:
			six = a.Uint16() == unix.AF_INET6
		case svcProtocol:
			s.Key.Protocol = conf.Protocol(a.Uint16())
		case svcAddress:
			address = a.Bytes()
		case svcPort:
			s.Key.Port = bigEndian16(a.Bytes())
		case svcFWMark:
			s.Key.FWMark = a.Uint32()
		case svcScheduler:
			s.Scheduler = a.String()
		case svcFlags:
			if b := a.Bytes(); len(b) >= 4 {
				s.Flags = binary.NativeEndian.Uint32(b)
			}
		case svcTimeout:
			s.Timeout = a.Uint32()
		case svcNetmask:
			mask = a.Bytes()
		case svcEngine:
			s.Engine = a.String()
		case svcStats:
			s.counters.narrow = a.Bytes()
		case svcStats64:
			s.counters.wide = a.Bytes()
		}
	}
	if len(mask) >= 4 {
		if s.MaskBits = bits.OnesCount32(binary.BigEndian.Uint32(mask)); six {
			s.MaskBits = int(binary.NativeEndian.Uint32(mask))
		}
	}
	if s.Key.FWMark != 0 {
		s.Key = conf.ServiceKey{FWMark: s.Key.FWMark, IPv6: six}
		return s, a.Err()
	}
	var ok bool
	if s.Key.Address, ok = kernelAddress(address, six); !ok {
		return s, fmt.Errorf("the kernel listed a virtual server with the address %v", address)
	}
	return s, a.Err()
}

func decodeDestination(a *decoder, six bool) (listedDestination, error) {
	var d listedDestination
	var address []byte
	for a.Next() {
		switch a.Type() {
		case destAddress:
			address = a.Bytes()
		case destPort:
			d.Key.Port = bigEndian16(a.Bytes())
		case destForward:
			d.Forward = table.Forward(a.Uint32() & forwardMask)
		case destWeight:
			d.Weight = int(int32(a.Uint32()))
		case destUpper:
			d.Upper = a.Uint32()
		case destLower:
			d.Lower = a.Uint32()
		case destActive:
			d.Counts.Active = uint64(a.Uint32())
		case destInactive:
			d.Counts.Inactive = uint64(a.Uint32())
		case destPersistent:
			d.Counts.Persistent = uint64(a.Uint32())
		case destFamily:
			six = a.Uint16() == unix.AF_INET6 // before Linux 3.18 it is the service's
		case destTunnelType:
			d.Tunnel.Type, d.typed = conf.TunnelType(a.Uint8()), true
		case destStats:
			d.counters.narrow = a.Bytes()
		case destStats64:
			d.counters.wide = a.Bytes()
		case destTunnelPort:
			d.Tunnel.Port = bigEndian16(a.Bytes())
		case destTunnelFlags:
			d.Tunnel.Flags = a.Uint16()
		}
	}
	if d.Forward != table.Tunnel {
		d.Tunnel = table.Encapsulation{} // left from when it was reached through one
	}
	var ok bool
	if d.Key.Address, ok = kernelAddress(address, six); !ok {
		return d, fmt.Errorf("the kernel listed a real server with the address %v", address)
	}
	var err error
	if d.Counts.Traffic, err = d.counters.traffic(); err != nil {
		return d, err
	}
	return d, a.Err()
}

// kernelAddress reads an address: 16 bytes, of which IPv4 has the first four.
func kernelAddress(b []byte, six bool) (netip.Addr, bool) {
	if !six && len(b) > 4 {
		b = b[:4]
	}
	return netip.AddrFromSlice(b)
}

func bigEndian16(b []byte) uint16 {
	if len(b) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(b)
}

func family(six bool) uint16 {
	if six {
		return unix.AF_INET6
	}
	return unix.AF_INET
}
