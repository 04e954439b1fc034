package vrrp

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
)

// vmacRetryAfter is the pause before a virtual MAC interface that could not be
// made is tried again.
const vmacRetryAfter = time.Second

// vmacKey is what a virtual MAC interface is about. Two instances that want
// the same (use_vmac of one, use_vmac_addr of another) share it.
type vmacKey struct {
	parent string
	mac    link.HardwareAddress
}

// vmacs are the interfaces of virtual routers. The engine knows which are
// wanted; the vmac worker makes them.
type vmacs struct {
	byKey  map[vmacKey]*vmac
	byName map[string]*vmac
	// former are those in the journal: an interface keeps its name from one
	// life to the next.
	former map[vmacKey]string

	queue []string // names to look after
	sweep bool     // and what is there besides is to be removed
	busy  bool
	ended bool // everything has been removed
	work  chan vmacWork
	done  chan []vmacResult
}

// vmac is one of them.
type vmac struct {
	link.VMAC
	ours  bool // the worker, or the journal, says that it is there and ours
	err   error
	retry timer
}

func newVMACs() *vmacs {
	return &vmacs{
		byKey: make(map[vmacKey]*vmac), byName: make(map[string]*vmac), former: make(map[vmacKey]string),
		work: make(chan vmacWork, 1), done: make(chan []vmacResult),
	}
}

// virtualMAC is the hardware address of an instance's virtual router: the one
// of the RFC unless the configuration has another.
func virtualMAC(cfg *conf.Instance) link.HardwareAddress {
	if cfg.VMAC != nil && cfg.VMAC.MAC != "" {
		if mac, err := net.ParseMAC(cfg.VMAC.MAC); err == nil && len(mac) == 6 {
			return link.HardwareAddress(mac)
		}
	}
	if cfg.IPv6 {
		return link.HardwareAddress{0x00, 0x00, 0x5e, 0x00, 0x02, cfg.VRID}
	}
	return link.HardwareAddress{0x00, 0x00, 0x5e, 0x00, 0x01, cfg.VRID}
}

// onVMAC is the interface under the virtual MAC interface that an address goes
// on; empty is none.
func onVMAC(cfg *conf.Instance, a conf.Address) string {
	if a.UseVMAC || cfg.VMACAddr && a.Device != cfg.Interface {
		return a.Device
	}
	return ""
}

// place gives the virtual MAC interfaces of a configuration their names, and
// returns the instances with their addresses on them, and what is wanted now.
// It changes nothing.
func (t *vmacs) place(cfg *conf.Config) ([]*conf.Instance, map[vmacKey]link.VMAC) {
	wanted := make(map[vmacKey]link.VMAC)
	taken := make(map[string]bool)
	type open struct {
		key      vmacKey
		prefix   string
		instance *conf.Instance
	}
	var unnamed []open
	for _, c := range cfg.Instances {
		if c.VMAC == nil || c.Interface == "" {
			continue
		}
		k := vmacKey{c.Interface, virtualMAC(c)}
		v := link.VMAC{Name: c.VMAC.Name, Parent: k.parent, MAC: k.mac, Group: uint32(max(c.VMAC.Group, 0))}
		wanted[k] = v
		if v.Name == "" || taken[v.Name] {
			v.Name = ""
			wanted[k] = v
			unnamed = append(unnamed, open{k, cfg.Global.VMACPrefix, c})
			continue
		}
		taken[v.Name] = true
	}
	for _, c := range cfg.Instances {
		for _, a := range slices.Concat(c.Addresses, c.ExcludedAddresses) {
			k := vmacKey{onVMAC(c, a), virtualMAC(c)}
			if _, ok := wanted[k]; ok || k.parent == "" {
				continue
			}
			wanted[k] = link.VMAC{Parent: k.parent, MAC: k.mac}
			unnamed = append(unnamed, open{k, cfg.Global.VMACAddrPrefix, c})
		}
	}
	// Those that are there keep their names; new ones come after them.
	for _, o := range unnamed {
		if name := t.nameOf(o.key); name != "" && !taken[name] && isVMACName(name, cmp.Or(o.prefix, defaultVMACPrefix), o.instance.VRID) {
			v := wanted[o.key]
			v.Name, taken[name] = name, true
			wanted[o.key] = v
		}
	}
	for _, o := range unnamed {
		v := wanted[o.key]
		if v.Name != "" {
			continue
		}
		v.Name = vmacName(cmp.Or(o.prefix, defaultVMACPrefix), o.instance, taken)
		taken[v.Name] = true
		wanted[o.key] = v
	}
	placed := make([]*conf.Instance, len(cfg.Instances))
	for n, c := range cfg.Instances {
		placed[n] = onVMACs(c, wanted)
	}
	return placed, wanted
}

// remember takes an entry of the journal in.
func (t *vmacs) remember(entry string) {
	if v, ok := parseVMAC(entry); ok {
		t.former[vmacKey{v.Parent, v.MAC}] = v.Name
	}
}

// nameOf is the name that an interface has or had in a former life.
func (t *vmacs) nameOf(k vmacKey) string {
	if v := t.byKey[k]; v != nil {
		return v.Name
	}
	return t.former[k]
}

// onVMACs is an instance whose addresses are on their virtual MAC interfaces.
func onVMACs(c *conf.Instance, all map[vmacKey]link.VMAC) *conf.Instance {
	if c.VMAC == nil && !c.VMACAddr && !slices.ContainsFunc(slices.Concat(c.Addresses, c.ExcludedAddresses),
		func(a conf.Address) bool { return a.UseVMAC }) {
		return c
	}
	with := *c
	move := func(list []conf.Address) []conf.Address {
		moved := slices.Clone(list)
		for n, a := range moved {
			if v, ok := all[vmacKey{onVMAC(c, a), virtualMAC(c)}]; ok {
				moved[n].Device = v.Name
			}
		}
		return moved
	}
	with.Addresses, with.ExcludedAddresses = move(c.Addresses), move(c.ExcludedAddresses)
	return &with
}

const defaultVMACPrefix = "vrrp"

// vmacName is the first free one of those that keepalived would try: the
// prefix and the VRID, then with a number between them, which is 6 before any
// other for IPv6.
func vmacName(prefix string, c *conf.Instance, taken map[string]bool) string {
	name := fmt.Sprintf("%s.%d", prefix, c.VRID)
	if taken[name] && c.IPv6 {
		name = fmt.Sprintf("%s6.%d", prefix, c.VRID)
	}
	for n := 1; taken[name]; n++ {
		name = fmt.Sprintf("%s%d.%d", prefix, n, c.VRID)
	}
	return name
}

// isVMACName says whether vmacName might have made a name.
func isVMACName(name, prefix string, vrid uint8) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	number, ok2 := strings.CutSuffix(rest, fmt.Sprintf(".%d", vrid))
	return ok && ok2 && strings.Trim(number, "0123456789") == ""
}

// keepVMACs makes what place has found the truth: what is new is made, what is
// not wanted any more is removed. cfgs are the instances' new configurations.
func (e *Engine) keepVMACs(wanted map[vmacKey]link.VMAC, cfgs []*conf.Instance) {
	t := e.vmacs
	for k, v := range t.byKey {
		if w, ok := wanted[k]; !ok || w != v.VMAC {
			delete(t.byKey, k)
			delete(t.byName, v.Name)
			e.deadlines.Remove(&v.retry)
			t.sweep = true
		}
	}
	for k, w := range wanted {
		if t.byKey[k] != nil {
			continue
		}
		v := &vmac{VMAC: w, ours: t.former[k] == w.Name}
		v.retry = timer{kind: vmacRetry, vmac: v}
		t.byKey[k], t.byName[w.Name] = v, v
		t.look(w.Name)
	}
	slices.Sort(t.queue)
	if !e.configured && len(t.former) > 0 {
		t.sweep = true
	}
	for n, i := range e.order {
		i.via = nil
		if c := cfgs[n]; c.VMAC != nil && !c.VMACXmit && !i.key.unicast {
			i.via = t.byKey[vmacKey{c.Interface, virtualMAC(c)}]
		}
		if i.via != nil && !slices.Contains(e.users[i.via.Name], i) {
			e.users[i.via.Name] = append(e.users[i.via.Name], i)
		}
	}
}

// look has the worker look after an interface.
func (t *vmacs) look(name string) {
	if !slices.Contains(t.queue, name) {
		t.queue = append(t.queue, name)
	}
}

// dispatchVMACs gives the worker what there is to do if it is idle.
func (e *Engine) dispatchVMACs() {
	t := e.vmacs
	if t.busy || len(t.queue) == 0 && !t.sweep {
		return
	}
	work := vmacWork{sweep: t.sweep, keep: make(map[string]bool, len(t.byName))}
	for name := range t.byName {
		work.keep[name] = true
	}
	for _, name := range t.queue {
		if v := t.byName[name]; v != nil {
			work.ensure = append(work.ensure, v.VMAC)
		}
	}
	t.queue, t.sweep, t.busy = nil, false, true
	t.work <- work // it is idle and the channel has room for one
}

// settleVMACs takes in what the worker has done.
func (e *Engine) settleVMACs(results []vmacResult) {
	now := e.opts.Clock.Now()
	e.vmacs.busy = false
	for _, r := range results {
		v := e.vmacs.byName[r.name]
		if v == nil {
			continue
		}
		v.ours, v.err = r.err == nil, r.err
		if r.err != nil && e.interfaces.byName[v.Parent] != nil {
			e.deadlines.Set(&v.retry, now.Add(vmacRetryAfter))
		}
		for _, i := range e.users[v.Name] {
			e.judge(i, now)
		}
	}
}

// vmacsChanged looks after the virtual MAC interfaces that an event is about:
// gone, disabled, or with a parent that is there again.
func (e *Engine) vmacsChanged(c change) {
	t := e.vmacs
	if e.stopping {
		return
	}
	for _, v := range t.byKey {
		if !c.all && !slices.Contains(c.names, v.Name) && !slices.Contains(c.names, v.Parent) {
			continue
		}
		parent, on := e.interfaces.byName[v.Parent], e.interfaces.byName[v.Name]
		if parent != nil && (on == nil || parent.Up && !on.Up) {
			t.look(v.Name)
		}
	}
}

// noVMAC says what is wrong with the virtual MAC interfaces of an instance,
// and whether it has to wait for one to be made.
func (e *Engine) noVMAC(i *instance) (fault string, wait bool) {
	if len(e.vmacs.byKey) == 0 {
		return "", false
	}
	names := i.devices()
	if i.via != nil {
		names = append(names, i.via.Name)
	}
	for _, name := range names {
		v := e.vmacs.byName[name]
		switch {
		case v == nil:
		case v.err != nil:
			return v.err.Error(), false
		default:
			on := e.interfaces.byName[name]
			wait = wait || !v.ours || on == nil || string(on.HardwareAddr) != string(v.MAC[:])
		}
	}
	return "", wait
}

// beneath is the interface that carries one: a virtual MAC interface's parent,
// else itself.
func (e *Engine) beneath(name string) string {
	if v := e.vmacs.byName[name]; v != nil {
		return v.Parent
	}
	return name
}

// transmit sends an advertisement from the instance's virtual MAC interface
// when it has one, as from the base interface otherwise, and also in the moment
// until one that was removed is there again: a missed advertisement is worse
// than one with another hardware address.
func (e *Engine) transmit(i *instance, o *outgoing) error {
	if i.via != nil {
		if on := e.interfaces.byName[i.via.Name]; on != nil && on.Up {
			return e.frames.Send(on.Interface, o.datagram, o.to)
		}
	}
	return i.sock.conn.Send(o.datagram, o.to)
}

// vmacsGone says, when the engine stops, whether what it made is removed.
func (e *Engine) vmacsGone() bool {
	t := e.vmacs
	switch {
	case t.busy:
		return false
	case e.keep || t.ended:
		return true
	}
	clear(t.byKey)
	clear(t.byName)
	t.queue, t.ended, t.sweep = nil, true, true
	e.dispatchVMACs()
	return false
}
