package ipvs

import (
	"fmt"
	"io"
	"math/bits"
	"net"
	"net/netip"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
	moby "github.com/moby/ipvs"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// reader lists the table with moby/ipvs. Its handle is opened when it is
// needed and thrown away when it does not answer.
type reader struct {
	handle *moby.Handle
	guard  guard
	// engines are the persistence engines that were written: moby/ipvs does
	// not read them. After a restart they are written again, which is harmless.
	engines map[conf.ServiceKey]string
}

func (r *reader) services() ([]table.Service, error) {
	list, err := ask(r, func(h *moby.Handle) ([]*moby.Service, error) { return h.GetServices() })
	if err != nil {
		return nil, err
	}
	services := make([]table.Service, 0, len(list))
	for _, m := range list {
		s, err := fromService(m)
		if err != nil {
			return nil, err
		}
		s.Engine = r.engines[s.Key]
		services = append(services, s)
	}
	return services, nil
}

func (r *reader) destinations(key conf.ServiceKey) ([]table.Destination, error) {
	request := toService(key)
	list, err := ask(r, func(h *moby.Handle) ([]*moby.Destination, error) { return h.GetDestinations(request) })
	if err != nil {
		return nil, err
	}
	destinations := make([]table.Destination, 0, len(list))
	for _, m := range list {
		address, ok := netip.AddrFromSlice(m.Address)
		if !ok {
			return nil, fmt.Errorf("the kernel listed a real server with the address %v", []byte(m.Address))
		}
		destinations = append(destinations, table.Destination{
			Key:     conf.ServerKey{Address: address, Port: m.Port},
			Forward: table.Forward(m.ConnectionFlags & moby.ConnectionFlagFwdMask),
			Weight:  m.Weight, // the lower 16 bits: all that a configuration can ask for
			Upper:   m.UpperThreshold,
			Lower:   m.LowerThreshold,
		})
	}
	return destinations, nil
}

// remember keeps what an operation did and moby/ipvs will not tell.
func (r *reader) remember(op table.Op) {
	switch op.Kind {
	case table.NewService, table.SetService:
		if op.Service.Engine == "" {
			delete(r.engines, op.Key())
			return
		}
		if r.engines == nil {
			r.engines = make(map[conf.ServiceKey]string)
		}
		r.engines[op.Key()] = op.Service.Engine
	case table.DelService:
		delete(r.engines, op.Key())
	}
}

func (r *reader) close() {
	if r.handle != nil {
		r.guard.close(r.handle.Close)
		r.handle = nil
	}
}

// ask runs one request under guard, since moby/ipvs also retries its receive
// time-out for ever; closing the handle ends that. After any error the handle
// is not used again: answers may be left in it.
func ask[T any](r *reader, request func(*moby.Handle) (T, error)) (T, error) {
	var zero T
	if r.handle == nil {
		// logrus is nobody's but moby/ipvs's in this program, and what it would
		// say is said by ErrNoIPVS.
		logrus.SetOutput(io.Discard)
		h, err := moby.New("")
		if err != nil {
			return zero, fmt.Errorf("open a netlink socket: %w", err)
		}
		r.handle = h
	}
	var answer struct {
		value T
		err   error
	}
	h := r.handle
	if err := r.guard.do(func() { answer.value, answer.err = request(h) }); err != nil {
		r.close()
		return zero, err
	}
	if answer.err != nil {
		r.close()
	}
	return answer.value, answer.err
}

func fromService(m *moby.Service) (table.Service, error) {
	six := m.AddressFamily == unix.AF_INET6
	s := table.Service{
		Scheduler: m.SchedName,
		Flags:     m.Flags,
		Timeout:   m.Timeout,
		MaskBits:  int(m.Netmask),
	}
	if !six {
		s.MaskBits = bits.OnesCount32(m.Netmask)
	}
	if m.FWMark != 0 {
		s.Key = conf.ServiceKey{FWMark: m.FWMark, IPv6: six}
		return s, nil
	}
	address, ok := netip.AddrFromSlice(m.Address)
	if !ok {
		return s, fmt.Errorf("the kernel listed a virtual server with the address %v", []byte(m.Address))
	}
	s.Key = conf.ServiceKey{Protocol: conf.Protocol(m.Protocol), Address: address, Port: m.Port}
	return s, nil
}

// toService makes what identifies a service to the kernel.
func toService(key conf.ServiceKey) *moby.Service {
	m := &moby.Service{
		AddressFamily: family(table.Is6(key)),
		FWMark:        key.FWMark,
		Protocol:      uint16(key.Protocol),
		Port:          key.Port,
	}
	if key.FWMark == 0 {
		m.Address = net.IP(key.Address.AsSlice())
	}
	return m
}

func family(six bool) uint16 {
	if six {
		return unix.AF_INET6
	}
	return unix.AF_INET
}
