// Package linktest has a link.Kernel in memory.
package linktest

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/lvs-director/director/announce/link"
)

// Fake is a link.Kernel in memory: addresses expire by the clock of the test. Its methods may be called from any
// goroutine.
type Fake struct {
	mu       sync.Mutex
	aliases  map[string]string // of interfaces
	links    map[string]bool
	has      map[string]map[netip.Addr]time.Time // by interface; a zero time never expires
	routes   map[netip.Addr]bool
	onlink   map[netip.Addr][]string
	settings map[string]int
	failing  map[string]error // by method
	calls    []string
	changed  chan struct{}
	puts     int
}

// NewFake is a host without an interface but lo.
func NewFake() *Fake {
	return &Fake{
		aliases: make(map[string]string), links: map[string]bool{"lo": true},
		has: make(map[string]map[netip.Addr]time.Time), routes: make(map[netip.Addr]bool),
		onlink: make(map[netip.Addr][]string), settings: make(map[string]int), failing: make(map[string]error),
		changed: make(chan struct{}, 1),
	}
}

// Interface makes one of somebody else's, or of ours with the alias link.AliasMark.
func (f *Fake) Interface(name, alias string) {
	f.do(func() { f.aliases[name], f.links[name] = alias, true })
}

// Link sets whether an interface is up.
func (f *Fake) Link(name string, up bool) {
	f.do(func() { f.links[name] = up })
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// Network puts an address into a network of an interface.
func (f *Fake) Network(a netip.Addr, device string) {
	f.do(func() { f.onlink[a] = append(f.onlink[a], device) })
}

// Fail lets a method fail; nil ends that.
func (f *Fake) Fail(method string, err error) { f.do(func() { f.failing[method] = err }) }

// Take removes an address behind our back.
func (f *Fake) Take(device string, a netip.Addr) { f.do(func() { delete(f.has[device], a) }) }

// Has says whether an interface has an address now.
func (f *Fake) Has(device string, a netip.Addr) (has bool) {
	f.do(func() { _, has = f.present(device)[a] })
	return has
}

// Left is for how long it stays.
func (f *Fake) Left(device string, a netip.Addr) (left time.Duration) {
	f.do(func() {
		if until := f.present(device)[a]; !until.IsZero() {
			left = time.Until(until)
		}
	})
	return left
}

// Feeds says whether there is a local route to an address.
func (f *Fake) Feeds(a netip.Addr) (yes bool) {
	f.do(func() { yes = f.routes[a] })
	return yes
}

// Puts counts what Put was called for.
func (f *Fake) Puts() (n int) {
	f.do(func() { n = f.puts })
	return n
}

// Calls are the changes so far, but refreshes.
func (f *Fake) Calls() (list []string) {
	f.do(func() { list = slices.Clone(f.calls) })
	return list
}

func (f *Fake) do(g func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g()
}

func (f *Fake) present(device string) map[netip.Addr]time.Time {
	maps.DeleteFunc(f.has[device], func(_ netip.Addr, until time.Time) bool {
		return !until.IsZero() && !time.Now().Before(until)
	})
	return f.has[device]
}

// call carries out a method unless it is to fail.
func (f *Fake) call(method string, g func() error) (err error) {
	f.do(func() {
		if err = f.failing[method]; err == nil {
			err = g()
		}
	})
	return err
}

func (f *Fake) note(format string, args ...any) {
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

// Own implements link.Kernel.
func (f *Fake) Own(device string) (made bool, err error) {
	err = f.call("Own", func() error {
		alias, there := f.aliases[device]
		switch {
		case !there:
			f.aliases[device], f.links[device], made = link.AliasMark, true, true
			f.note("make %s", device)
		case alias != link.AliasMark:
			return fmt.Errorf("interface %s: %w", device, link.ErrForeign)
		}
		return nil
	})
	return made, err
}

// Ours implements link.Kernel.
func (f *Fake) Ours() (list []string, err error) {
	err = f.call("Ours", func() error {
		for name, alias := range f.aliases {
			if alias == link.AliasMark {
				list = append(list, name)
			}
		}
		slices.Sort(list)
		return nil
	})
	return list, err
}

// Discard implements link.Kernel.
func (f *Fake) Discard(device string) error {
	return f.call("Discard", func() error {
		if f.aliases[device] == link.AliasMark {
			delete(f.aliases, device)
			delete(f.links, device)
			delete(f.has, device)
			f.note("discard %s", device)
		}
		return nil
	})
}

// Addresses implements link.Kernel.
func (f *Fake) Addresses(device string) (list []link.Present, err error) {
	err = f.call("Addresses", func() error {
		for a, until := range f.present(device) {
			p := link.Present{Addr: a, Marked: true}
			if !until.IsZero() {
				p.Left = time.Until(until)
			}
			list = append(list, p)
		}
		slices.SortFunc(list, func(a, b link.Present) int { return a.Addr.Compare(b.Addr) })
		return nil
	})
	return list, err
}

// Put implements link.Kernel.
func (f *Fake) Put(device string, a netip.Addr, lifetime time.Duration) error {
	return f.call("Put", func() error {
		if f.aliases[device] != link.AliasMark {
			return link.ErrForeign
		}
		if _, there := f.present(device)[a]; !there {
			f.note("announce %s", a)
		}
		if f.has[device] == nil {
			f.has[device] = make(map[netip.Addr]time.Time)
		}
		f.has[device][a] = time.Time{}
		if lifetime > 0 {
			f.has[device][a] = time.Now().Add(lifetime)
		}
		f.puts++
		return nil
	})
}

// Remove implements link.Kernel.
func (f *Fake) Remove(device string, a netip.Addr) error {
	return f.call("Remove", func() error {
		if _, there := f.present(device)[a]; there {
			f.note("withdraw %s", a)
			delete(f.has[device], a)
		}
		return nil
	})
}

// Routes implements link.Kernel.
func (f *Fake) Routes() (list []netip.Addr, err error) {
	err = f.call("Routes", func() error {
		list = slices.SortedFunc(maps.Keys(f.routes), netip.Addr.Compare)
		return nil
	})
	return list, err
}

// AddRoute implements link.Kernel.
func (f *Fake) AddRoute(a netip.Addr) error {
	return f.call("AddRoute", func() error {
		f.routes[a] = true
		f.note("feed %s", a)
		return nil
	})
}

// RemoveRoute implements link.Kernel.
func (f *Fake) RemoveRoute(a netip.Addr) error {
	return f.call("RemoveRoute", func() error {
		if f.routes[a] {
			f.note("starve %s", a)
		}
		delete(f.routes, a)
		return nil
	})
}

// Onlink implements link.Kernel.
func (f *Fake) Onlink(a netip.Addr) (list []string, err error) {
	err = f.call("Onlink", func() error { list = slices.Clone(f.onlink[a]); return nil })
	return list, err
}

// Setting implements link.Kernel.
func (f *Fake) Setting(device, name string) (value int, err error) {
	err = f.call("Setting", func() error {
		if _, there := f.links[device]; !there {
			return fs.ErrNotExist
		}
		value = f.settings[device+" "+name]
		return nil
	})
	return value, err
}

// Set implements link.Kernel.
func (f *Fake) Set(device, name string, value int) error {
	return f.call("Set", func() error {
		if _, there := f.links[device]; !there {
			return fs.ErrNotExist
		}
		f.settings[device+" "+name] = value
		f.note("set %s %s %d", device, name, value)
		return nil
	})
}

// Links implements link.Kernel.
func (f *Fake) Links() (links map[string]bool, err error) {
	err = f.call("Links", func() error { links = maps.Clone(f.links); return nil })
	return links, err
}

// Watch implements link.Kernel.
func (f *Fake) Watch(context.Context) (<-chan struct{}, error) { return f.changed, f.failing["Watch"] }

// Close implements link.Kernel.
func (f *Fake) Close() error { return nil }
