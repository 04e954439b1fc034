package ipvstest

import (
	"cmp"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
)

// world is what a kernel has besides the table.
type world struct {
	daemons  map[table.DaemonRole]table.Daemon
	timeouts conf.LVSTimeouts
	// trash are real servers that were removed while there were connections to them.
	trash map[place]trashed
	// expire is net.ipv4.vs.expire_nodest_conn.
	expire bool
	// without are schedulers whose module is missing.
	without map[string]bool
}

type place struct {
	service conf.ServiceKey
	server  conf.ServerKey
}

type trashed struct {
	counts table.Counts
	at     time.Time
}

// jiffies is how long the kernel takes to expire the entries of a real server that
// was removed.
const jiffies = 8 * time.Millisecond

func newWorld() world {
	return world{
		daemons:  map[table.DaemonRole]table.Daemon{},
		timeouts: conf.LVSTimeouts{TCP: 900 * time.Second, TCPFin: 120 * time.Second, UDP: 300 * time.Second},
		trash:    map[place]trashed{}, without: map[string]bool{},
	}
}

// Measure implements ipvs.Driver. A service has had what its real servers have had.
func (f *Fake) Measure() (map[conf.ServiceKey]ipvs.Measured, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make(map[conf.ServiceKey]ipvs.Measured, len(f.all))
	for key, e := range f.all {
		m := ipvs.Measured{Servers: make(map[conf.ServerKey]ipvs.Measurement, len(e.Destinations))}
		for at, d := range e.Destinations {
			m.Servers[at] = ipvs.Measurement{Total: d.Counts.Traffic}
			m.Total.Add(d.Counts.Traffic)
		}
		all[key] = m
	}
	return all, f.broken
}

// Connect sets the connections to a real server of the table.
func (f *Fake) Connect(service conf.ServiceKey, server conf.ServerKey, counts table.Counts) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d, ok := f.all[service].Destinations[server]; ok {
		d.Counts = counts
		f.all[service].Destinations[server] = d
	}
}

// ExpireNoDest is sysctl -w net.ipv4.vs.expire_nodest_conn=1, or 0.
func (f *Fake) ExpireNoDest(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.world.expire = on
}

// WithoutModule makes a scheduler unknown.
func (f *Fake) WithoutModule(scheduler string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.world.without[scheduler] = true
}

// WithModule makes it known again: its module was installed.
func (f *Fake) WithModule(scheduler string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.world.without, scheduler)
}

// carryOut does what the kernel does with a real server that has connections: one
// that is removed goes to the trash, and has them again when it is added in time.
func (f *Fake) carryOut(op table.Op) {
	at := place{op.Key(), op.Destination.Key}
	switch op.Kind {
	case table.DelDestination:
		if c := f.all[at.service].Destinations[at.server].Counts; c != (table.Counts{}) {
			f.world.trash[at] = trashed{c, time.Now()}
		}
	case table.NewDestination:
		op.Destination.Counts = table.Counts{}
	}
	f.all.Do(op)
	if op.Kind != table.NewDestination {
		return
	}
	if t, was := f.world.trash[at]; was {
		delete(f.world.trash, at)
		d := f.all[at.service].Destinations[at.server]
		if !f.world.expire || time.Since(t.at) < jiffies {
			d.Counts = t.counts
		}
		f.all[at.service].Destinations[at.server] = d
	}
}

// Flush implements ipvs.Driver.
func (f *Fake) Flush() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken == nil {
		clear(f.all)
	}
	return f.broken
}

// Daemons implements ipvs.Driver.
func (f *Fake) Daemons() ([]table.Daemon, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := slices.SortedFunc(maps.Values(f.world.daemons), func(a, b table.Daemon) int {
		return cmp.Compare(a.Role, b.Role)
	})
	return list, f.broken
}

// StartDaemon implements ipvs.Driver.
func (f *Fake) StartDaemon(d table.Daemon) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	for key, e := range f.all {
		for _, one := range e.Destinations {
			if mixed(key, one) {
				return syscall.EINVAL
			}
		}
	}
	if d.Interface == "missing" {
		return syscall.ENODEV
	}
	if _, runs := f.world.daemons[d.Role]; !runs {
		d.Port, d.TTL, d.MaxLen = cmp.Or(d.Port, 8848), cmp.Or(d.TTL, 1), cmp.Or(d.MaxLen, 1460)
		f.world.daemons[d.Role] = d
	}
	return nil
}

// StopDaemon implements ipvs.Driver.
func (f *Fake) StopDaemon(role table.DaemonRole) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.world.daemons, role)
	return f.broken
}

// SetTimeouts implements ipvs.Driver.
func (f *Fake) SetTimeouts(t conf.LVSTimeouts) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := &f.world.timeouts
	now.TCP, now.TCPFin, now.UDP = cmp.Or(t.TCP, now.TCP), cmp.Or(t.TCPFin, now.TCPFin), cmp.Or(t.UDP, now.UDP)
	return f.broken
}

// Timeouts implements ipvs.Driver.
func (f *Fake) Timeouts() (conf.LVSTimeouts, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.world.timeouts, f.broken
}
