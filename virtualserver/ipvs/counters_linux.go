package ipvs

import (
	"fmt"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Counters of a service or a real server (linux/ip_vs.h, IPVS_STATS_ATTR_*).
const (
	statsConnections = 1
	statsInPackets   = 2
	statsOutPackets  = 3
	statsInBytes     = 4
	statsOutBytes    = 5
	// The rates follow, connections first.
	statsRates = 5
)

// counters are the attributes of a listed object that count: STATS64 (Linux 4.1 and
// later), and STATS, whose connections and packets are 32 bits wide and wrap.
type counters struct{ narrow, wide []byte }

// decode reads the wide counters, or without them the narrow ones.
func (c counters) decode() (m Measurement, err error) {
	data, isWide := c.wide, true
	if data == nil {
		data, isWide = c.narrow, false
	}
	a := decoder{rest: data}
	for a.Next() {
		t, which := &m.Total, a.Type()
		if which > statsRates {
			t, which = &m.Rate, which-statsRates
		}
		var field *uint64
		switch which {
		case statsConnections:
			field = &t.Connections
		case statsInPackets:
			field = &t.InPackets
		case statsOutPackets:
			field = &t.OutPackets
		case statsInBytes:
			field = &t.InBytes
		case statsOutBytes:
			field = &t.OutBytes
		default:
			continue
		}
		// In STATS only the bytes are 64 bits wide.
		if isWide || a.Type() == statsInBytes || a.Type() == statsOutBytes {
			*field = a.Uint64()
		} else {
			*field = uint64(a.Uint32())
		}
	}
	if err := a.Err(); err != nil {
		return m, fmt.Errorf("decode counters: %w", err)
	}
	return m, nil
}

// Measure implements Driver.
func (k *kernel) Measure() (map[conf.ServiceKey]Measured, error) {
	services, err := k.read.services()
	if err != nil {
		return nil, fmt.Errorf("list virtual servers: %w", err)
	}
	all := make(map[conf.ServiceKey]Measured, len(services))
	for _, s := range services {
		own, err := s.counters.decode()
		if err != nil {
			return nil, err
		}
		list, err := k.read.destinations(s.Key)
		if err != nil {
			return nil, fmt.Errorf("list real servers of %s: %w", s.Key, err)
		}
		m := Measured{Measurement: own, Servers: make(map[conf.ServerKey]Measurement, len(list))}
		for _, d := range list {
			if m.Servers[d.Key], err = d.counters.decode(); err != nil {
				return nil, err
			}
		}
		all[s.Key] = m
	}
	return all, nil
}

// traffic is what a service or a real server has had in all.
func (c counters) traffic() (event.Traffic, error) {
	m, err := c.decode()
	return m.Total, err
}
