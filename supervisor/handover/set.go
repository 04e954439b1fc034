package handover

import (
	"maps"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Order is the handover of one instance.
type Order struct {
	// ID is the instance. It is zero until Follow has found it, as in a file and a handoff
	// of a director that kept orders by name.
	ID conf.InstanceID `json:"id,omitzero"`
	// Number tells orders apart; the instance's events carry it.
	Number uint64    `json:"-"`
	Since  time.Time `json:"since"`
	// Until is when the instance takes part again by itself; zero is never.
	Until time.Time `json:"until,omitzero"`
}

// Set is the orders in force. The zero value is empty. An order belongs to an identity;
// the set is indexed by the name that the instance has at present.
type Set struct {
	orders map[string]Order // by present name
	last   uint64
}

// Begin gives instances a new order, in place of one that they have. Its
// number is returned.
func (s *Set) Begin(instances []string, now, until time.Time) uint64 {
	if s.orders == nil {
		s.orders = make(map[string]Order)
	}
	s.last++
	for _, name := range instances {
		s.orders[name] = Order{Number: s.last, Since: now, Until: until}
	}
	return s.last
}

// End takes the orders of instances away and says which had one.
func (s *Set) End(instances []string) (ended []string) {
	for _, name := range instances {
		if _, ok := s.orders[name]; ok {
			delete(s.orders, name)
			ended = append(ended, name)
		}
	}
	return ended
}

// Expire takes away the orders whose time is over.
func (s *Set) Expire(now time.Time) (ended []string) {
	for name, o := range s.orders {
		if !o.Until.IsZero() && !now.Before(o.Until) {
			ended = append(ended, name)
		}
	}
	slices.Sort(ended)
	return s.End(ended)
}

// Heard takes in what an instance tells, and says whether its order has come
// to its end because no other router was there.
func (s *Set) Heard(i event.InstanceState) bool {
	name := s.nameOf(i)
	o, ok := s.orders[name]
	if !ok || i.HandOver != o.Number || i.HandedOver {
		return false
	}
	delete(s.orders, name)
	return true
}

// nameOf is the present name of the instance that tells something, which may have been
// sent before a reload changed the name.
func (s *Set) nameOf(i event.InstanceState) string {
	if id, err := conf.ParseInstanceID(i.ID); err == nil {
		for name, o := range s.orders {
			if o.ID == id {
				return name
			}
		}
		if s.orders[i.Instance].ID != (conf.InstanceID{}) {
			return "" // that name is another instance's
		}
	}
	return i.Instance
}

// Rename is an order whose instance has another name than before.
type Rename struct{ From, To string }

// Follow fits the orders to a configuration; replaced is the one before it, nil at a start.
// An order stays with its instance, whatever the instance's name. One whose instance is
// gone goes to a new instance of its name, so that another VRID or interface ends no
// handover; failing that, it is forgotten. Both lists are sorted by the name of before.
func (s *Set) Follow(replaced, cfg *conf.Config) (renamed []Rename, forgotten []string) {
	old := make(map[conf.InstanceID]bool)
	if replaced != nil {
		for _, i := range replaced.Instances {
			old[i.ID()] = true
		}
	}
	before := s.orders
	s.orders = make(map[string]Order, len(before))
	byName, byID := make(map[string]conf.InstanceID), make(map[conf.InstanceID]string)
	for _, i := range cfg.Instances {
		byName[i.Name], byID[i.ID()] = i.ID(), i.Name
	}
	names := slices.Sorted(maps.Keys(before))
	var left []string
	for _, name := range names {
		o := before[name]
		now, there := byID[o.ID]
		if !there {
			left = append(left, name)
			continue
		}
		s.orders[now] = o
		if now != name {
			renamed = append(renamed, Rename{From: name, To: now})
		}
	}
	for _, name := range left {
		id, there := byName[name]
		if _, taken := s.orders[name]; taken {
			continue // the instance of that name is handed over anyway
		}
		if o := before[name]; !there || o.ID != (conf.InstanceID{}) && old[id] {
			forgotten = append(forgotten, name)
			continue
		}
		o := before[name]
		o.ID = id
		s.orders[name] = o
	}
	return renamed, forgotten
}

// Of is the order of an instance.
func (s *Set) Of(instance string) (Order, bool) {
	o, ok := s.orders[instance]
	return o, ok
}

// Numbers are the orders' numbers by instance, as the vrrp worker takes them.
func (s *Set) Numbers() map[string]uint64 {
	numbers := make(map[string]uint64, len(s.orders))
	for name, o := range s.orders {
		numbers[name] = o.Number
	}
	return numbers
}

// NumbersByID are the same by identity.
func (s *Set) NumbersByID() map[conf.InstanceID]uint64 {
	numbers := make(map[conf.InstanceID]uint64, len(s.orders))
	for _, o := range s.orders {
		numbers[o.ID] = o.Number
	}
	return numbers
}

// Instances are the present names of those with an order, sorted.
func (s *Set) Instances() []string { return slices.Sorted(maps.Keys(s.orders)) }

// Next is when the next order ends by itself; zero is never.
func (s *Set) Next() (at time.Time) {
	for _, o := range s.orders {
		if !o.Until.IsZero() && (at.IsZero() || o.Until.Before(at)) {
			at = o.Until
		}
	}
	return at
}

// Clone is a copy that shares nothing with the set.
func (s *Set) Clone() Set { return Set{maps.Clone(s.orders), s.last} }

// Complete gives the instances that have an order in before and none in the set a new one
// like it, and returns them.
func (s *Set) Complete(before Set) (added []string) {
	for _, name := range before.Instances() {
		if _, there := s.orders[name]; !there {
			o := before.orders[name]
			s.last++
			o.Number = s.last
			if s.orders == nil {
				s.orders = make(map[string]Order)
			}
			s.orders[name] = o
			added = append(added, name)
		}
	}
	return added
}

// Export is the whole of the set, and Import puts it back: numbers included.
func (s *Set) Export() (orders map[string]Order, last uint64) { return maps.Clone(s.orders), s.last }

// Import replaces the set by what Export gave.
func (s *Set) Import(orders map[string]Order, last uint64) {
	s.orders, s.last = maps.Clone(orders), last
}
