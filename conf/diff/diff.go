package diff

import (
	"reflect"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/effective"
	"github.com/lvs-director/director/conf/load/keyword"
)

// Action is what a reload does with a thing.
type Action uint8

// The actions.
const (
	Untouched Action = iota
	Added
	Removed
	Changed
)

// String is "untouched", "added", "removed" or "changed".
func (a Action) String() string { return [...]string{"untouched", "added", "removed", "changed"}[a%4] }

// MarshalText gives the action's name.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Difference is what changes from one configuration to another: everything
// that is in either of them, with what happens to it. It is data: who owns a
// thing applies its change.
type Difference struct {
	Global    []FieldChange    `json:"global,omitempty"` // of global_defs and of all that has no name
	Instances []InstanceChange `json:"instances,omitempty"`
	Servers   []ServerChange   `json:"virtual_servers,omitempty"`
	// Others are sync groups, trackers and the other blocks with names.
	Others []NamedChange `json:"others,omitempty"`
	// Fixed are the changes that need a restart (net_namespace, instance).
	Fixed []FieldChange `json:"needs_restart,omitempty"`
}

// FieldChange is a keyword whose effective value changes, or an entry of a
// list: "" on one side when it is not there. Secrets are masked, on both sides.
type FieldChange struct {
	Keyword string `json:"keyword"`
	Old     string `json:"old"`
	New     string `json:"new"`
}

// InstanceChange is about one VRRP instance. Instances are the same when their
// InstanceID is, whatever they are called.
type InstanceChange struct {
	Action Action         `json:"action"`
	Name   string         `json:"name"`
	Old    *conf.Instance `json:"-"` // nil when Added
	New    *conf.Instance `json:"-"` // nil when Removed
	Fields []FieldChange  `json:"fields,omitempty"`
}

// ServerChange is about one virtual server. Virtual servers are the same when
// their ServiceID is.
type ServerChange struct {
	Action      Action              `json:"action"`
	Name        string              `json:"name"`
	Old         *conf.VirtualServer `json:"-"`
	New         *conf.VirtualServer `json:"-"`
	Fields      []FieldChange       `json:"fields,omitempty"`
	RealServers []RealChange        `json:"real_servers,omitempty"`
}

// RealChange is about one real server. Real servers of a virtual server are
// the same when address and port are the same.
type RealChange struct {
	Action Action           `json:"action"`
	Name   string           `json:"name"`
	Old    *conf.RealServer `json:"-"`
	New    *conf.RealServer `json:"-"`
	Fields []FieldChange    `json:"fields,omitempty"`
	// Checkers tells that the checks are others, so that their results start anew.
	Checkers bool `json:"checkers,omitempty"`
}

// NamedChange is about another block with a name.
type NamedChange struct {
	Action Action        `json:"action"`
	Block  string        `json:"block"`
	Name   string        `json:"name"`
	Fields []FieldChange `json:"fields,omitempty"`
}

// Empty tells that nothing changes.
func (d Difference) Empty() bool {
	if len(d.Global) > 0 || len(d.Fixed) > 0 {
		return false
	}
	for _, c := range d.Instances {
		if c.Action != Untouched {
			return false
		}
	}
	for _, c := range d.Servers {
		if c.Action != Untouched {
			return false
		}
	}
	for _, c := range d.Others {
		if c.Action != Untouched {
			return false
		}
	}
	return true
}

// Diff compares what runs with what is wanted. Things are in the order of the
// new configuration; removed ones follow.
func Diff(before, after *conf.Config) Difference {
	var d Difference
	d.Fixed = Fixed(before, after)
	d.Global = fields(keyword.Show(before, keyword.Global, &before.Global, nil, nil),
		keyword.Show(after, keyword.Global, &after.Global, nil, nil))
	d.Global = append(d.Global, unnamed(before, after)...)
	if len(d.Global) == 0 && !reflect.DeepEqual(before.Global, after.Global) {
		d.Global = append(d.Global, FieldChange{Keyword: "global_defs"})
	}
	d.others(before, after)
	d.instances(before, after)
	d.servers(before, after)
	return d
}

func (d *Difference) instances(before, after *conf.Config) {
	olds := byID(before.Instances, (*conf.Instance).ID)
	kept := make(map[conf.InstanceID]bool, len(after.Instances))
	for _, in := range after.Instances {
		c := InstanceChange{Action: Added, Name: in.Name, New: in}
		if old := olds[in.ID()]; old != nil {
			kept[in.ID()] = true
			c.Action, c.Old = Untouched, old
			if !reflect.DeepEqual(old, in) {
				c.Action = Changed
				c.Fields = instanceFields(before, after, old, in)
			}
		}
		d.Instances = append(d.Instances, c)
	}
	for _, in := range before.Instances {
		if !kept[in.ID()] {
			d.Instances = append(d.Instances, InstanceChange{Action: Removed, Name: in.Name, Old: in})
		}
	}
}

func instanceFields(before, after *conf.Config, old, in *conf.Instance) []FieldChange {
	var list []FieldChange
	if old.Name != in.Name {
		list = append(list, FieldChange{"vrrp_instance", old.Name, in.Name})
	}
	if old.SyncGroup != in.SyncGroup {
		list = append(list, FieldChange{"vrrp_sync_group", old.SyncGroup, in.SyncGroup})
	}
	list = append(list, fields(effective.InstanceSection(before, old), effective.InstanceSection(after, in))...)
	return orSomething(list, "vrrp_instance")
}

// orSomething makes a change seen that no keyword shows, such as the order of
// a list: it must be applied all the same.
func orSomething(list []FieldChange, what string) []FieldChange {
	if len(list) == 0 {
		return []FieldChange{{Keyword: what + " (order)"}}
	}
	return list
}

func (d *Difference) servers(before, after *conf.Config) {
	olds := byID(before.VirtualServers, (*conf.VirtualServer).ID)
	kept := make(map[conf.ServiceID]bool, len(after.VirtualServers))
	for _, v := range after.VirtualServers {
		c := ServerChange{Action: Added, Name: v.String(), New: v}
		old := olds[v.ID()]
		if old == nil {
			old = d.renamed(before, after, v)
		}
		if old != nil && !kept[old.ID()] {
			kept[old.ID()] = true
			c.Action, c.Old = Untouched, old
			if !reflect.DeepEqual(old, v) {
				c.compare(before, after)
			}
		}
		d.Servers = append(d.Servers, c)
	}
	for _, v := range before.VirtualServers {
		if !kept[v.ID()] {
			d.Servers = append(d.Servers, ServerChange{Action: Removed, Name: v.String(), Old: v})
		}
	}
}

// renamed finds the virtual server that a group with another name was; nil is none. It is
// the one with the same services that is gone by its own name.
func (*Difference) renamed(before, after *conf.Config, v *conf.VirtualServer) *conf.VirtualServer {
	if v.Group == "" || v.Match != nil {
		return nil
	}
	for _, old := range before.VirtualServers {
		if old.Group == "" || old.Match != nil || len(old.Services) != len(v.Services) || services(old, v) != nil {
			continue
		}
		if !slices.ContainsFunc(after.VirtualServers, func(a *conf.VirtualServer) bool { return a.ID() == old.ID() }) {
			return old
		}
	}
	return nil
}

// compare fills in what changes of a virtual server that is in both.
func (c *ServerChange) compare(before, after *conf.Config) {
	c.Action = Changed
	o, n := *c.Old, *c.New
	o.RealServers, n.RealServers = nil, nil
	if !reflect.DeepEqual(o, n) {
		c.Fields = fields(
			keyword.Show(before, keyword.Server, c.Old, nil, nil),
			keyword.Show(after, keyword.Server, c.New, nil, nil))
		c.Fields = append(c.Fields, services(c.Old, c.New)...)
		if c.Old.ID() != c.New.ID() {
			c.Fields = append(c.Fields, FieldChange{"virtual_server", c.Old.String(), c.New.String()})
		}
		c.Fields = orSomething(c.Fields, "virtual_server")
	}
	olds := byID(c.Old.RealServers, serverKey)
	kept := make(map[conf.ServerKey]bool, len(c.New.RealServers))
	for _, r := range c.New.RealServers {
		rc := RealChange{Action: Added, Name: r.String(), New: r}
		if old := olds[r.Key]; old != nil {
			kept[r.Key] = true
			rc.Action, rc.Old = Untouched, old
			if !reflect.DeepEqual(old, r) {
				rc.Action = Changed
				rc.Checkers = !slices.EqualFunc(old.Checkers, r.Checkers, func(a, b conf.Checker) bool { return a.Same(&b) })
				rc.Fields = orSomething(fields(effective.RealSection(before, c.Old, old), effective.RealSection(after, c.New, r)),
					"real_server")
			}
		}
		c.RealServers = append(c.RealServers, rc)
	}
	for _, r := range c.Old.RealServers {
		if !kept[r.Key] {
			c.RealServers = append(c.RealServers, RealChange{Action: Removed, Name: r.String(), Old: r})
		}
	}
	changed := len(c.Fields) > 0
	for _, rc := range c.RealServers {
		changed = changed || rc.Action != Untouched
	}
	if !changed {
		c.Action = Untouched // real servers in another order
	}
}

// services compares the members of a virtual server group.
func services(old, in *conf.VirtualServer) []FieldChange {
	if in.Group == "" {
		return nil
	}
	had := make(map[conf.ServiceKey]bool, len(old.Services))
	for _, k := range old.Services {
		had[k] = true
	}
	var list []FieldChange
	for _, k := range in.Services {
		if !had[k] {
			list = append(list, FieldChange{Keyword: "virtual_server_group", New: k.String()})
		}
		delete(had, k)
	}
	for _, k := range old.Services {
		if had[k] {
			list = append(list, FieldChange{Keyword: "virtual_server_group", Old: k.String()})
		}
	}
	return list
}

// byID finds things by what they are the same by in two configurations.
func byID[T any, ID comparable](list []*T, id func(*T) ID) map[ID]*T {
	m := make(map[ID]*T, len(list))
	for _, x := range list {
		m[id(x)] = x
	}
	return m
}

func serverKey(r *conf.RealServer) conf.ServerKey { return r.Key }
