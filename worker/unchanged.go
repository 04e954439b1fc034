package worker

import (
	"fmt"

	"github.com/lvs-director/director/conf"
)

// Of a large configuration most virtual servers are as in the one before, which the other
// side still has: they are named by their place in it instead of being sent again. A reload
// that changes one of thousands then costs what one costs.

// fresh stands in Configure.Unchanged for a virtual server that is sent.
const fresh = -1

// withoutUnchanged is a message with a configuration, without the virtual servers that are
// as in the configuration that was sent last.
func (c *Conn) withoutUnchanged(m Message) Message {
	if m.Configure.Config == nil {
		c.sent = nil
		return m
	}
	all, before := m.Configure.Config.VirtualServers, c.sent
	c.sent = all
	if !c.unchanged.Load() || len(before) == 0 {
		return m
	}
	places := make(map[conf.ServiceID]int, len(before))
	for i, v := range before {
		places[v.ID()] = i
	}
	cfg, configure := *m.Configure.Config, *m.Configure
	cfg.VirtualServers = nil
	configure.Config, configure.Unchanged = &cfg, make([]int, len(all))
	for n, v := range all {
		if i, known := places[v.ID()]; known && before[i].Same(v) {
			configure.Unchanged[n] = i
			continue
		}
		configure.Unchanged[n] = fresh
		cfg.VirtualServers = append(cfg.VirtualServers, v)
	}
	m.Configure = &configure
	return m
}

// withUnchanged puts the virtual servers back that a configuration came without.
func (c *Conn) withUnchanged(configure *Configure) error {
	if configure.Config == nil {
		c.received = nil
		return nil
	}
	if configure.Unchanged != nil {
		sent := configure.Config.VirtualServers
		all := make([]*conf.VirtualServer, len(configure.Unchanged))
		for n, i := range configure.Unchanged {
			switch {
			case i == fresh && len(sent) > 0:
				all[n], sent = sent[0], sent[1:]
			case i >= 0 && i < len(c.received):
				all[n] = c.received[i]
			default:
				return fmt.Errorf("virtual server %d of a configuration is number %d of the one before, which has %d",
					n, i, len(c.received))
			}
		}
		if len(sent) > 0 {
			return fmt.Errorf("a configuration has %d virtual servers without a place", len(sent))
		}
		configure.Config.VirtualServers, configure.Unchanged = all, nil
	}
	c.received = configure.Config.VirtualServers
	return nil
}
