// Package ipvstest has an IPVS table in memory for tests, and the test that
// every way into such a table has to pass.
package ipvstest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
)

// Fake is an ipvs.Driver over a table in memory that answers as the kernel
// does. Tests may look at it and change it while somebody else uses it.
type Fake struct {
	mu     sync.Mutex
	all    table.Table
	done   []table.Op
	lists  int
	passed map[conf.ServiceKey]event.Traffic

	refuse func(table.Op) error
	broken error
	before atomic.Pointer[func(work int)]

	world world
}

var _ ipvs.Driver = (*Fake)(nil)

// schedulers are those of the kernel.
var schedulers = []string{"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos",
	table.NoScheduler}

// NewFake makes an empty table.
func NewFake() *Fake { return &Fake{all: table.Table{}, world: newWorld()} }

// Table is a copy of the table, without the flags that the kernel sets.
func (f *Fake) Table() table.Table {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := make(table.Table, len(f.all))
	for k, e := range f.all {
		list := e.Sorted()
		for i := range list {
			list[i].Place = 0
		}
		t[k] = ipvs.Entry(e.Service, list)
	}
	return t
}

// Done are the operations that were carried out, in order, without those of Do.
func (f *Fake) Done() []table.Op {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.done)
}

// Lists is how often services, or the real servers of one, were listed: each is a dump of netlink.
func (f *Fake) Lists() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lists
}

// Pass sets what a service itself has counted.
func (f *Fake) Pass(key conf.ServiceKey, t event.Traffic) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.passed == nil {
		f.passed = make(map[conf.ServiceKey]event.Traffic)
	}
	f.passed[key] = t
}

// Forget empties Done.
func (f *Fake) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = nil
}

// Do is somebody else who changes the table (ipvsadm).
func (f *Fake) Do(ops ...table.Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, op := range ops {
		if errno := f.check(op); errno != 0 {
			return fmt.Errorf("%s: %w", op, errno)
		}
		f.carryOut(op)
	}
	return nil
}

// Clear is ipvsadm -C.
func (f *Fake) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.all)
}

// Refuse makes the operations fail for which refuse returns an error; nil
// refuses none.
func (f *Fake) Refuse(refuse func(table.Op) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = refuse
}

// Before is called by whoever asks, before each request: it may take its time, by the operations or
// lists that are asked for, or hang.
func (f *Fake) Before(before func(work int)) { f.before.Store(&before) }

func (f *Fake) asked(work int) {
	if before := f.before.Load(); before != nil {
		(*before)(work)
	}
}

// Break makes every call fail; nil repairs it.
func (f *Fake) Break(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = err
}

// Services implements ipvs.Driver.
func (f *Fake) Services() ([]table.Service, error) {
	f.asked(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lists++
	if f.broken != nil {
		return nil, f.broken
	}
	services := make([]table.Service, 0, len(f.all))
	for _, k := range f.all.Keys() {
		s := f.all[k].Service
		s.Flags |= table.FlagHashed
		s.Traffic = f.passed[k]
		services = append(services, s)
	}
	return services, nil
}

// Destinations implements ipvs.Driver.
func (f *Fake) Destinations(key conf.ServiceKey) ([]table.Destination, error) {
	f.asked(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lists++
	if f.broken != nil {
		return nil, f.broken
	}
	list := f.all[key].Sorted()
	for i := range list {
		list[i].Place = 0 // the kernel does not tell
	}
	return list, nil
}

// Apply implements ipvs.Driver.
func (f *Fake) Apply(ops []table.Op) []error {
	f.asked(len(ops))
	f.mu.Lock()
	defer f.mu.Unlock()
	errs := make([]error, len(ops))
	for i, op := range ops {
		var refusal error
		if f.refuse != nil {
			refusal = f.refuse(op)
		}
		switch errno := f.check(op); {
		case f.broken != nil:
			errs[i] = f.broken
		case refusal != nil:
			errs[i] = fmt.Errorf("%s: %w", op, refusal)
		case errno != 0:
			errs[i] = fmt.Errorf("%s: %w", op, errno)
		default:
			f.carryOut(op)
			f.done = append(f.done, op)
		}
	}
	return errs
}

// Close implements ipvs.Driver.
func (f *Fake) Close() error { return nil }

// check answers as the kernel would; 0 is success.
func (f *Fake) check(op table.Op) syscall.Errno {
	s, d := op.Service, op.Destination
	entry, exists := f.all[s.Key]
	if op.Kind == table.NewService && exists {
		return syscall.EEXIST
	}
	if op.Kind != table.NewService && !exists {
		return syscall.ESRCH
	}
	_, listed := entry.Destinations[d.Key]
	switch op.Kind {
	case table.NewService, table.SetService:
		switch {
		case table.Is6(s.Key) && (s.MaskBits < 1 || s.MaskBits > 128):
			return syscall.EINVAL
		case !slices.Contains(schedulers, s.Scheduler), f.world.without[s.Scheduler], s.Engine != "" && s.Engine != "sip":
			return syscall.ENOENT
		}
	case table.NewDestination, table.SetDestination:
		switch {
		case mixed(s.Key, d) && (d.Forward != table.Tunnel || len(f.world.daemons) > 0):
			return syscall.EINVAL
		case d.Forward == table.Tunnel && d.Tunnel.Type == conf.GUE && d.Tunnel.Port == 0:
			return syscall.EINVAL
		case d.Weight < 0, d.Lower > d.Upper:
			return syscall.ERANGE
		case listed && op.Kind == table.NewDestination:
			return syscall.EEXIST
		case !listed && op.Kind == table.SetDestination:
			return syscall.ENOENT
		case op.Kind == table.NewDestination && !assignable(d):
			return syscall.EINVAL
		}
	case table.DelDestination:
		if !listed {
			return syscall.ENOENT
		}
	}
	return 0
}

func mixed(key conf.ServiceKey, d table.Destination) bool {
	return table.Is6(key) != d.Key.Address.Is6()
}

// assignable says whether an address can be a real server's.
func assignable(d table.Destination) bool {
	a := d.Key.Address
	return !a.IsMulticast() && !a.IsUnspecified() && !a.IsLinkLocalUnicast() &&
		a.String() != "255.255.255.255"
}
