package handover

import (
	"maps"
	"slices"
	"time"

	"github.com/lvs-director/director/event"
)

// Order is the handover of one instance.
type Order struct {
	// Number tells orders apart; the instance's events carry it.
	Number uint64    `json:"-"`
	Since  time.Time `json:"since"`
	// Until is when the instance takes part again by itself; zero is never.
	Until time.Time `json:"until,omitzero"`
}

// Set is the orders in force. The zero value is empty.
type Set struct {
	orders map[string]Order
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
	o, ok := s.orders[i.Instance]
	if !ok || i.HandOver != o.Number || i.HandedOver {
		return false
	}
	delete(s.orders, i.Instance)
	return true
}

// Keep forgets the orders of instances that are not there any more.
func (s *Set) Keep(there func(instance string) bool) {
	maps.DeleteFunc(s.orders, func(name string, _ Order) bool { return !there(name) })
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

// Instances are those with an order, sorted.
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
			s.Begin([]string{name}, o.Since, o.Until)
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
