package announce

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/announce/link"
	"github.com/lvs-director/director/announce/rules"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/retry"
)

// The keys of the journal. An address says itself whose it is where the kernel keeps its protocol; the journal
// is the witness where it does not, and of routes, which may be keepalived's.
const (
	keyDevice  = "device "
	keyAddress = "address " // DEVICE ADDRESS
	keyRoute   = "route "
	keySetting = "setting " // DEVICE NAME VALUE
)

// device is an interface of ours.
type device struct {
	there   bool
	present []link.Present // as it was read last
	err     error
	retry   retry.Retry
	// putBack is the back-off of addresses on it that something else removes.
	putBack map[netip.Addr]*retry.Retry
}

// hasOne says whether one of some addresses was there when it was looked last.
func (d *device) hasOne(list []netip.Addr) bool {
	return slices.ContainsFunc(d.present, func(p link.Present) bool { return slices.Contains(list, p.Addr) })
}

// route is a local route of ours.
type route struct {
	there bool
	err   error
	retry retry.Retry
	until time.Time // from then on it may go; zero while a block wants it
	table uint64    // and when the table of that generation is loaded
}

// adopt looks at what an earlier director has left: it takes over what is wanted, and removes the rest.
func (k *keeper) adopt(now time.Time) {
	if !k.opened.Ready(now) {
		return
	}
	if err := k.takeOver(now); err != nil {
		k.opened.Failed(now)
		k.say("failed to look for what an earlier director has announced", err)
		return
	}
	k.adopted, k.failed = true, ""
}

func (k *keeper) takeOver(now time.Time) error {
	ours, err := k.kernel.Ours()
	if err != nil {
		return err
	}
	for _, name := range ours {
		if !slices.ContainsFunc(k.config.Blocks, func(b rules.Block) bool { return b.Device == name }) {
			k.o.Log.Info("removing an interface that an earlier director has left", "interface", name)
			if err := k.kernel.Discard(name); err != nil {
				return err
			}
			k.forgetDevice(name)
		}
	}
	for _, b := range k.ordered() {
		if !slices.Contains(ours, b.Device) {
			continue
		}
		present, err := k.kernel.Addresses(b.Device)
		if err != nil {
			return err
		}
		has := func(a netip.Addr) bool {
			return slices.ContainsFunc(present, func(p link.Present) bool { return p.Addr == a })
		}
		if !slices.ContainsFunc(b.Addresses, has) {
			continue
		}
		b.Adopt(now, k.config.Since[b.Name], "it was announced when this director began")
		b.Refreshed = now.Add(-b.Lifetime) // it is refreshed at once
		for _, p := range present {
			if p.Left > 0 && slices.Contains(b.Addresses, p.Addr) {
				b.Refreshed = now.Add(p.Left - b.Lifetime)
			}
		}
		k.o.Log.Info("adopting addresses that are announced already", "announce", b.Name, "addresses", words(b.Addresses))
	}
	routes, err := k.kernel.Routes()
	if err != nil {
		return err
	}
	for _, key := range k.o.Journal.Held() {
		text, ok := strings.CutPrefix(key, keyRoute)
		a, err := netip.ParseAddr(text)
		if !ok || err != nil {
			continue
		}
		if !slices.Contains(routes, a) {
			k.release(key)
			continue
		}
		k.routes[a] = &route{there: true, until: now, table: k.config.Generation} // unless a block wants it
	}
	k.formerSettings()
	return nil
}

// follow makes the kernel have what is wanted. Routes come before addresses and go after them.
func (k *keeper) follow(now time.Time) {
	if now.Sub(k.routesAt) >= looksAnyway {
		k.lookAtRoutes(now)
	}
	k.followRoutes(now)
	k.followSettings(now)
	for name, d := range k.devices {
		switch {
		case !k.wants(name):
			k.discard(name, d, now)
		case d.err == nil:
			k.withdraw(name, d.present)
		}
	}
	for _, b := range k.ordered() {
		if d := k.devices[b.Device]; d.err == nil {
			k.announce(b, d, now)
		}
	}
}

func (k *keeper) discard(name string, d *device, now time.Time) {
	if !d.retry.Ready(now) {
		return
	}
	if d.err = k.kernel.Discard(name); d.err != nil {
		d.retry.Failed(now)
		return
	}
	k.forgetDevice(name)
	delete(k.devices, name)
}

// forgetDevice releases an interface that is gone, and its addresses.
func (k *keeper) forgetDevice(name string) {
	k.release(keyDevice + name)
	for _, key := range k.o.Journal.Held() {
		if strings.HasPrefix(key, keyAddress+name+" ") {
			k.release(key)
		}
	}
}

// own has the interfaces of the configuration be there and ours, and reads what is on them.
func (k *keeper) own(now time.Time) {
	for _, b := range k.ordered() {
		if k.devices[b.Device] == nil {
			k.devices[b.Device] = &device{putBack: make(map[netip.Addr]*retry.Retry)}
		}
	}
	for name, d := range k.devices {
		if d.retry.Ready(now) && k.wants(name) {
			k.ownOne(name, d, now)
		}
	}
}

func (k *keeper) ownOne(name string, d *device, now time.Time) {
	k.claim(keyDevice + name)
	made, err := k.kernel.Own(name)
	if err == nil {
		d.present, err = k.kernel.Addresses(name)
	}
	if err != nil {
		if d.err == nil || d.err.Error() != err.Error() {
			k.o.Log.Error("addresses cannot be announced", "interface", name, "error", err)
		}
		d.there, d.err, d.present = d.there && !errors.Is(err, link.ErrForeign), err, nil
		d.retry.Failed(now)
		return
	}
	if made && d.there {
		d.retry.Repaired(now)
		k.repairs("interface "+name, now)
	}
	d.there, d.err = true, nil
}

// wants says whether a block has an interface.
func (k *keeper) wants(name string) bool {
	for _, b := range k.blocks {
		if b.Device == name {
			return true
		}
	}
	return false
}

// withdraw removes addresses of ours that no block announces.
func (k *keeper) withdraw(name string, present []link.Present) {
	held := k.o.Journal.Held()
	for _, p := range present {
		key := keyAddress + name + " " + p.Addr.String()
		if k.announced(name, p.Addr) || !p.Marked && !slices.Contains(held, key) {
			continue
		}
		if err := k.kernel.Remove(name, p.Addr); err != nil {
			k.say("failed to withdraw an address", err)
			continue
		}
		k.release(key)
	}
}

// announced says whether a block announces an address on an interface, or leaves it to expire.
func (k *keeper) announced(name string, a netip.Addr) bool {
	for _, b := range k.blocks {
		if b.Device == name && b.State == rules.Announced && slices.Contains(b.Addresses, a) {
			return true
		}
	}
	return false
}

// announce puts the addresses of a block, or refreshes them.
func (k *keeper) announce(b *block, d *device, now time.Time) {
	if !b.Present() {
		clear(b.errors)
		if b.State != rules.Announced {
			clear(b.had)
		}
		return
	}
	refresh := b.Refresh(&b.Block, now)
	all := true
	for _, a := range b.Addresses {
		at := slices.IndexFunc(d.present, func(p link.Present) bool { return p.Addr == a })
		back := d.putBack[a]
		if back == nil {
			back = &retry.Retry{}
			d.putBack[a] = back
		}
		// One that has another lifetime than it should is as good as missing.
		right := at >= 0 && (b.Lifetime == 0) == (d.present[at].Left == 0)
		if right && !refresh {
			b.had[a] = true
			continue
		}
		if !back.Ready(now) {
			all = false
			continue
		}
		key := keyAddress + b.Device + " " + a.String()
		k.claim(key)
		if err := k.kernel.Put(b.Device, a, b.Lifetime); err != nil {
			all = false
			back.Failed(now)
			if b.errors[a] == nil {
				k.o.Log.Error("failed to announce an address", "announce", b.Name, "error", err)
			}
			b.errors[a] = err
			continue
		}
		switch {
		case b.errors[a] != nil:
			*back = retry.Retry{} // that was the kernel, and nobody else
		case !right && b.had[a]:
			back.Repaired(now)
			k.repairs("address "+a.String()+" on "+b.Device, now)
		}
		delete(b.errors, a)
		b.had[a] = true
	}
	if refresh && all {
		b.Refreshed = now
	}
}

// repairs notes that something else had removed or changed what is ours.
func (k *keeper) repairs(what string, now time.Time) {
	k.repaired++
	k.o.Log.Warn("something else had removed or changed what announces: put back", "object", what)
	k.o.Note(event.Record{Number: k.o.Number(), At: now, Kind: event.RecordRepair, Object: what,
		Text: "something else removed or changed it: put back"})
}

func (k *keeper) claim(key string) {
	if err := k.o.Journal.Claim(key); err != nil {
		k.say("the journal of announced addresses is not written", err)
	}
}

func (k *keeper) release(keys ...string) {
	if err := k.o.Journal.Release(keys...); err != nil {
		k.say("the journal of announced addresses is not written", err)
	}
}

// looksAnyway is how often routes and settings, of whose changes nobody tells, are compared with the kernel.
const looksAnyway = 5 * time.Second

// lookAtRoutes finds out which of our routes are gone.
func (k *keeper) lookAtRoutes(now time.Time) {
	list, err := k.kernel.Routes()
	if err != nil {
		k.say("failed to read the local routes", err)
		return
	}
	k.routesAt = now
	for a, r := range k.routes {
		if r.there && !slices.Contains(list, a) {
			r.there = false
			if r.until.IsZero() {
				r.retry.Repaired(now)
				k.repairs("local route to "+a.String(), now)
			}
		}
	}
}

// followRoutes has a route to every address of a block. One that no block has any more stays for withdraw_delay, and
// until the services have gone.
func (k *keeper) followRoutes(now time.Time) {
	wanted := make(map[netip.Addr]bool)
	for _, b := range k.blocks {
		for _, a := range b.Addresses {
			wanted[a] = true
			if k.routes[a] == nil {
				k.routes[a] = &route{}
			}
		}
	}
	for a, r := range k.routes {
		switch {
		case wanted[a]:
			r.until = time.Time{}
			if r.there || !r.retry.Ready(now) {
				continue
			}
			k.claim(keyRoute + a.String())
			if r.err = k.kernel.AddRoute(a); r.err != nil {
				if r.retry.Failed(now); r.retry.Times == 1 {
					k.o.Log.Error("failed to have packets delivered here", "error", r.err)
				}
				continue
			}
			r.there = true
		case r.until.IsZero():
			r.until, r.table = now, k.config.Generation
		case now.Before(r.until) || k.generation < r.table && now.Sub(r.until) < routePatience || !r.retry.Ready(now):
		default:
			k.removeRoute(a, r, now)
		}
	}
}

// routePatience is how long a route stays for services that do not go.
const routePatience = 30 * time.Second

func (k *keeper) removeRoute(a netip.Addr, r *route, now time.Time) {
	if r.err = k.kernel.RemoveRoute(a); r.err != nil {
		r.retry.Failed(now)
		return
	}
	k.release(keyRoute + a.String())
	delete(k.routes, a)
}

// end removes everything of ours.
func (k *keeper) end(keep bool) {
	if k.kernel == nil {
		return
	}
	now := time.Now()
	for name, d := range k.devices {
		if !d.there {
			continue
		}
		if err := k.kernel.Discard(name); err != nil {
			k.say("failed to remove the interface of announced addresses", err)
			continue
		}
		k.forgetDevice(name)
	}
	k.restoreSettings()
	if keep {
		return
	}
	for a, r := range k.routes {
		k.removeRoute(a, r, now)
		if r.err != nil {
			k.say("failed to remove a local route", r.err)
		}
	}
}

// problems are what is not right in the kernel although it was tried.
func (k *keeper) problems() (list []event.Problem) {
	for name, d := range k.devices {
		if d.err != nil {
			p := event.Problem{
				Kind: event.Missing, Object: "interface " + name, Error: d.err.Error(), Times: d.retry.Times, Since: d.retry.Since,
			}
			list = append(list, p)
		}
	}
	for a, r := range k.routes {
		if r.err != nil {
			list = append(list, event.Problem{
				Kind: event.Missing, Object: "local route to " + a.String(), Error: r.err.Error(), Times: r.retry.Times,
				Since: r.retry.Since,
			})
		}
	}
	for _, b := range k.blocks {
		for _, a := range b.Addresses {
			p := event.Problem{Object: fmt.Sprintf("address %s on %s", a, b.Device)}
			r := &retry.Retry{}
			if d := k.devices[b.Device]; d != nil && d.putBack[a] != nil {
				r = d.putBack[a]
			}
			p.Times, p.Since = r.Times, r.Since
			switch err := b.errors[a]; {
			case err != nil:
				p.Kind, p.Error = event.Missing, err.Error()
			case r.Times > retry.FreeRepairs && !r.IsCalm(time.Now()):
				p.Kind = event.Contested
			default:
				continue
			}
			list = append(list, p)
		}
	}
	list = append(list, k.settingProblems()...)
	slices.SortFunc(list, func(a, b event.Problem) int { return strings.Compare(a.Object, b.Object) })
	return list
}
