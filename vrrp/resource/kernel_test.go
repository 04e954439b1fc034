package resource_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/resource"
)

// kernel is a fake one. Routes go with the addresses they lead over, and
// nobody is told, as the kernel does it.
type kernel struct {
	mu        sync.Mutex
	addresses map[resource.AddressKey]conf.Address
	routes    map[link.RouteKey]conf.Route
	rules     map[conf.Rule]bool
	adds      int           // attempts to make something
	keep      error         // why removals of addresses fail
	slow      time.Duration // how long adding a route or rule takes
	order     []string      // of what was added and removed
}

func newKernel() *kernel {
	return &kernel{
		addresses: make(map[resource.AddressKey]conf.Address), routes: make(map[link.RouteKey]conf.Route),
		rules: make(map[conf.Rule]bool),
	}
}

func (k *kernel) attempts() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.adds
}

func (k *kernel) did(format string, args ...any) {
	k.order = append(k.order, fmt.Sprintf(format, args...))
}

func (k *kernel) List() (list []link.HostAddress, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for a := range k.addresses {
		list = append(list, link.HostAddress{Device: a.Device, Prefix: a.Prefix})
	}
	return list, nil
}

func (k *kernel) Add(a conf.Address) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.adds++
	if _, there := k.addresses[resource.KeyOfAddress(a)]; there {
		return fmt.Errorf("adding %s: %w", a.Prefix, fs.ErrExist)
	}
	k.did("+%s", a.Prefix.Addr())
	k.addresses[resource.KeyOfAddress(a)] = a
	return nil
}

// failRemovals makes removals of addresses fail, or work again with nil.
func (k *kernel) failRemovals(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keep = err
}

func (k *kernel) Remove(device string, prefix netip.Prefix) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keep != nil {
		return k.keep
	}
	k.did("-%s", prefix.Addr())
	delete(k.addresses, resource.AddressKey{Device: device, Prefix: prefix})
	maps.DeleteFunc(k.routes, func(_ link.RouteKey, r conf.Route) bool {
		return prefix.Masked().Contains(r.Via) && !slices.ContainsFunc(slices.Collect(maps.Keys(k.addresses)),
			func(a resource.AddressKey) bool { return a.Prefix.Masked().Contains(r.Via) })
	})
	return nil
}

// rename gives an interface another name, with its addresses.
func (k *kernel) rename(from, to string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, a := range k.addresses {
		if key.Device == from {
			delete(k.addresses, key)
			key.Device, a.Device = to, to
			k.addresses[key] = a
		}
	}
}

func (k *kernel) FindRoutes(keys []link.RouteKey) (map[link.RouteKey]conf.Route, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := make(map[link.RouteKey]conf.Route)
	for _, key := range keys {
		if r, ok := k.routes[key]; ok {
			found[key] = r
		}
	}
	return found, nil
}

func (k *kernel) RoutesOf(uint8) (map[link.RouteKey]conf.Route, error) { return nil, nil }

func (k *kernel) FindRules(rules []conf.Rule) (map[conf.Rule]bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := make(map[conf.Rule]bool)
	for _, r := range rules {
		if k.rules[r] {
			found[r] = true
		}
	}
	return found, nil
}

func (k *kernel) AddRoute(r conf.Route) error {
	time.Sleep(k.slow)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.adds++
	if _, there := k.routes[link.KeyOf(r)]; there {
		return fmt.Errorf("adding %s: %w", r.Text, fs.ErrExist)
	}
	if r.Via.IsValid() && !slices.ContainsFunc(slices.Collect(maps.Keys(k.addresses)),
		func(a resource.AddressKey) bool { return a.Prefix.Masked().Contains(r.Via) }) {
		return errors.New("nexthop has invalid gateway")
	}
	k.did("+%s", r.Destination)
	k.routes[link.KeyOf(r)] = r
	return nil
}

func (k *kernel) ReplaceRoute(r conf.Route) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.routes[link.KeyOf(r)] = r
	return nil
}

func (k *kernel) RemoveRoute(key link.RouteKey, _ uint8) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.routes, key)
	return nil
}

func (k *kernel) AddRule(r conf.Rule) error {
	time.Sleep(k.slow)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.adds++
	k.rules[link.RuleOf(r)] = true
	return nil
}

func (k *kernel) RemoveRule(r conf.Rule) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.rules, link.RuleOf(r))
	return nil
}

func (k *kernel) Mark(string, netip.Prefix) error { return nil }

func (k *kernel) RemoveAlone(device string, prefix netip.Prefix) ([]netip.Prefix, error) {
	return nil, k.Remove(device, prefix)
}

func (k *kernel) RulesOf(uint8) ([]conf.Rule, error) { return nil, nil }

func (k *kernel) PromoteSecondaries(string, bool) (bool, error) { return false, nil }
func (k *kernel) Close() error                                  { return nil }
