package overrides

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

// The halves of a pair are not renamed together: one has reloaded, and the other has not yet. So
// what they share keeps the name of the virtual server that it was given, and each half knows by
// itself what that is called in its configuration. A rename changes no record, and nothing is told.

// Move is an override whose virtual server has another name than before.
type Move struct{ From, To event.Override }

// Follow moves the overrides of virtual servers that a reload gives another name, such as
// those of a virtual_server_group that is renamed, and returns them. A virtual server is
// the same when it has the same services in the kernel or the same match list.
func (s *Set) Follow(before, after *conf.Config) (moved []Move) {
	was, is := byName(before), byName(after)
	renamed := func(name string) (string, bool) {
		old := was[name]
		if old == nil || is[name] != nil && sameServices(old, is[name]) {
			return "", false
		}
		at := slices.IndexFunc(after.VirtualServers, func(vs *conf.VirtualServer) bool { return sameServices(old, vs) })
		if at < 0 {
			return "", false
		}
		return after.VirtualServers[at].String(), true
	}
	for _, o := range s.List() {
		if name, yes := renamed(o.VirtualServer); yes {
			m := Move{From: o, To: o}
			m.To.VirtualServer = name
			moved = append(moved, m)
		}
	}
	for _, m := range moved { // all before any is put: two may change places
		delete(s.here, keyOf(m.From))
	}
	for _, m := range moved {
		if _, there := s.here[keyOf(m.To)]; !there && !isShared(m.To) {
			s.keepHere(m.To)
		}
	}
	names := make(map[string]string)
	for k, e := range s.shared {
		name, yes := renamed(s.nameHere(k.virtualServer))
		if yes && !e.ended() {
			names[k.virtualServer] = name
		}
	}
	for shared, name := range names {
		s.call(shared, name)
	}
	s.tidy()
	return moved
}

// Know takes in the configuration in force at a start and after a reload, and finds the virtual
// servers that have another name here than in what is shared: of a half that was started with a
// new name nobody has seen the rename.
func (s *Set) Know(cfg *conf.Config) {
	s.known = &catalog{cfg: cfg}
	var records []Record
	for _, e := range s.shared {
		if !e.ended() && e.Services != "" {
			records = append(records, e.Record)
		}
	}
	slices.SortFunc(records, Record.compare) // what was asked for last says what a name means
	for _, r := range records {
		s.recognize(r)
	}
}

// recognize finds the virtual server of a record by its services, when none has its name or one
// that is another.
func (s *Set) recognize(r Record) {
	if s.known == nil || r.VirtualServer == "" || r.Services == "" {
		return
	}
	if s.known.sumOf(s.nameHere(r.VirtualServer)) == r.Services {
		return
	}
	if found := s.known.withSum(r.Services); found != "" {
		s.call(r.VirtualServer, found)
	}
}

// catalog finds the virtual servers of a configuration, of which there may be tens of thousands.
type catalog struct {
	cfg    *conf.Config
	byName map[string]*conf.VirtualServer
	bySum  map[string]string
}

// sumOf is what tells the services of a virtual server; empty when there is none of that name.
func (c *catalog) sumOf(name string) string {
	if c == nil || name == "" {
		return ""
	}
	if c.byName == nil {
		c.byName = byName(c.cfg)
	}
	if vs := c.byName[name]; vs != nil {
		return servicesSum(vs)
	}
	return ""
}

// withSum is the name of the virtual server that has the services; empty when none, or several,
// have.
func (c *catalog) withSum(sum string) string {
	if c.bySum == nil {
		c.bySum = make(map[string]string, len(c.cfg.VirtualServers))
		for _, vs := range c.cfg.VirtualServers {
			its := servicesSum(vs)
			if _, two := c.bySum[its]; two {
				c.bySum[its] = ""
				continue
			}
			c.bySum[its] = vs.String()
		}
	}
	return c.bySum[sum]
}

// servicesSum is the same for virtual servers that balance the same packets, as far as
// sameServices says.
func servicesSum(vs *conf.VirtualServer) string {
	text := fmt.Sprintf("%v", services(vs))
	if vs.Match != nil {
		text = fmt.Sprintf("%v %v", vs.Key.IPv6, vs.Match.Entries)
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// call notes what a virtual server is called on this half.
func (s *Set) call(shared, name string) {
	if s.names == nil {
		s.names = make(map[string]string)
	}
	if s.names[shared] = name; shared == name {
		delete(s.names, shared)
	}
}

// nameHere is what a virtual server is called on this half.
func (s *Set) nameHere(shared string) string {
	if name, there := s.names[shared]; there {
		return name
	}
	return shared
}

// sharedNames are the names that a virtual server of this half has in what is shared: one, or
// more when halves were given new names at different times, in a fixed order; none when the name
// means another one there.
func (s *Set) sharedNames(name string) (list []string) {
	for shared, here := range s.names {
		if here == name {
			list = append(list, shared)
		}
	}
	if _, other := s.names[name]; !other {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// sharedName is the name for what is asked for now: the one that the other halves know, as far as
// they have something of it.
func (s *Set) sharedName(name string) string {
	for shared, here := range s.names {
		if here == name {
			return min(shared, s.sharedNames(name)[0])
		}
	}
	return name
}

// shareName is sharedName, and sees to it that the name means nothing else: a new virtual server
// may have the name that a renamed one had. What is of that one is shared by its new name then.
func (s *Set) shareName(name string) string {
	shared := s.sharedName(name)
	now, other := s.names[shared]
	if !other || now == name {
		return shared
	}
	for _, e := range slices.SortedFunc(maps.Values(s.shared), func(a, b entry) int { return a.Stamp.Compare(b.Stamp) }) {
		if e.VirtualServer != shared || e.ended() {
			continue
		}
		r := e.Record
		r.VirtualServer, r.Stamp = now, s.stamp(e.Stamp.Time())
		s.say(r)
		s.say(Record{Removed: true, Override: event.Override{
			VirtualServer: shared, RealServer: e.RealServer, Source: e.Source, Kind: e.Kind, Since: e.Since, By: e.By,
			Stamp: s.stamp(e.Stamp.Time()),
		}})
	}
	delete(s.names, shared)
	return shared
}

// asHere is a shared override with the name that its virtual server has on this half.
func (s *Set) asHere(o event.Override) event.Override {
	o.VirtualServer = s.nameHere(o.VirtualServer)
	return o
}

// tidy forgets names of which nothing is in force any more.
func (s *Set) tidy() {
	if len(s.names) == 0 {
		return
	}
	used := make(map[string]bool)
	for k, e := range s.shared {
		if !e.ended() {
			used[k.virtualServer] = true
		}
	}
	maps.DeleteFunc(s.names, func(shared, _ string) bool { return !used[shared] })
}

func byName(cfg *conf.Config) map[string]*conf.VirtualServer {
	m := make(map[string]*conf.VirtualServer, len(cfg.VirtualServers))
	for _, vs := range cfg.VirtualServers {
		m[vs.String()] = vs
	}
	return m
}

// sameServices says that two virtual servers balance the same packets. The mark of a match
// list is made of its name, so its entries are compared.
func sameServices(a, b *conf.VirtualServer) bool {
	if a.Match != nil && b.Match != nil {
		return a.Key.IPv6 == b.Key.IPv6 && reflect.DeepEqual(a.Match.Entries, b.Match.Entries)
	}
	return slices.Equal(services(a), services(b))
}

func services(vs *conf.VirtualServer) []conf.ServiceKey {
	keys := table.Services(vs)
	slices.SortFunc(keys, table.CompareServices)
	return slices.Compact(keys)
}
