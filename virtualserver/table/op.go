package table

import (
	"fmt"

	"github.com/lvs-director/director/conf"
)

// OpKind is what an operation does.
type OpKind uint8

// The operations, each one command of the kernel's.
const (
	NewService OpKind = iota + 1
	SetService
	DelService
	NewDestination
	SetDestination
	DelDestination
)

var opWords = [...]string{"", "add virtual server", "change virtual server", "remove virtual server",
	"add real server", "change real server", "remove real server"}

// String is the operation in words.
func (k OpKind) String() string {
	if k == 0 || int(k) >= len(opWords) {
		return fmt.Sprintf("OpKind(%d)", uint8(k))
	}
	return opWords[k]
}

// Op is one operation on the kernel's table. It is comparable.
type Op struct {
	Kind OpKind
	// Service is the service with all its attributes, or only its Key for
	// DelService and the operations on destinations.
	Service Service
	// Destination is set for the operations on destinations; its Key is enough
	// to remove one.
	Destination Destination
}

// Cut is how many of the operations go in one request, of at most so many: one more when the last
// would part a real server from its weight 0, which it has its place in the table of mh before. It is
// to serve nobody, not even until the next request.
func Cut(ops []Op, most int) int {
	n := min(len(ops), most)
	if n > 0 && n < len(ops) && ops[n].lowers(ops[n-1]) {
		n++
	}
	return n
}

// lowers says that o takes a real server out of service that before has put at its place.
func (o Op) lowers(before Op) bool {
	d, was := o.Destination, before.Destination
	return o.Kind == SetDestination && d.Weight == 0 && d.Place > 0 && was.Weight == d.Place &&
		(before.Kind == NewDestination || before.Kind == SetDestination) && was.Key == d.Key && o.Key() == before.Key()
}

// Key is the service that the operation is about.
func (o Op) Key() conf.ServiceKey { return o.Service.Key }

// String says what the operation does to what, for logs.
func (o Op) String() string {
	s, d := o.Service, o.Destination
	server := fmt.Sprintf("[%s]:%d", d.Key.Address, d.Key.Port)
	switch o.Kind {
	case NewService, SetService:
		text := fmt.Sprintf("%s %s scheduler %s", o.Kind, s.Key, s.Scheduler)
		if s.Flags != 0 {
			text += fmt.Sprintf(" flags %#x", s.Flags)
		}
		if s.Flags&FlagPersistent != 0 {
			text += fmt.Sprintf(" persistent %ds", s.Timeout)
		}
		return text
	case NewDestination, SetDestination:
		return fmt.Sprintf("%s %s of %s %s weight %d", o.Kind, server, s.Key, d.Method(), d.Weight)
	case DelDestination:
		return fmt.Sprintf("%s %s of %s", o.Kind, server, s.Key)
	}
	return fmt.Sprintf("%s %s", o.Kind, s.Key)
}

// Do carries the operation out on t, as the kernel does when it answers
// without error. It is how a loop keeps its picture of the kernel's table.
func (t Table) Do(o Op) {
	k := o.Key()
	switch o.Kind {
	case NewService, SetService:
		e := t[k]
		e.Service = o.Service
		if e.Destinations == nil {
			e.Destinations = make(map[conf.ServerKey]Destination)
		}
		t[k] = e
	case DelService:
		delete(t, k)
	case NewDestination, SetDestination:
		if e, ok := t[k]; ok {
			d := o.Destination
			old := e.Destinations[d.Key]
			d.Counts = old.Counts
			if d.Weight > 0 {
				d.Place = d.Weight
			} else if d.Place == 0 {
				d.Place = old.Place
			}
			e.Destinations[d.Key] = d
		}
	case DelDestination:
		delete(t[k].Destinations, o.Destination.Key)
	}
}
