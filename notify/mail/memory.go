package mail

import (
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Memory is what the rules know, for the next program. Fields are only added.
type Memory struct {
	Instances map[string]event.VRRPState // that were mailed last, by conf.InstanceID
	Groups    map[string]event.VRRPState // by name
	Services  []string                   // virtual servers of which something was told
}

// Memory is what the rules know now.
func (r *Rules) Memory() Memory {
	m := Memory{Instances: make(map[string]event.VRRPState), Groups: make(map[string]event.VRRPState)}
	for id, i := range r.instances {
		m.Instances[id] = i.mailed
	}
	for name, g := range r.groups {
		m.Groups[name] = g.mailed
	}
	for id, s := range r.services {
		if s.told {
			m.Services = append(m.Services, id.String())
		}
	}
	return m
}

// Recall takes what other rules knew, after the configuration.
func (r *Rules) Recall(m Memory) {
	for id, state := range m.Instances {
		if i := r.instances[id]; i != nil {
			i.mailed = state
		}
	}
	for name, state := range m.Groups {
		if g := r.groups[name]; g != nil {
			g.mailed = state
		}
	}
	for _, text := range m.Services {
		if id, err := conf.ParseServiceID(text); err == nil && r.services[id] != nil {
			r.services[id].told = true
		}
	}
}

// Before is the memory of a program that knew no mail: what was the case then is no news.
func Before(instances []event.InstanceState, groups []event.GroupState, services []event.VirtualServerState) *Memory {
	m := &Memory{Instances: make(map[string]event.VRRPState), Groups: make(map[string]event.VRRPState)}
	for _, i := range instances {
		m.Instances[i.ID] = i.State
	}
	for _, g := range groups {
		m.Groups[g.Group] = g.State
	}
	for _, s := range services {
		m.Services = append(m.Services, s.VirtualServer)
	}
	return m
}
